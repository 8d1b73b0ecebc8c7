/* What the table shows of all rows: in the range or everywhere, filtered, sorted, grouped. */
import type { Filter } from "../find/filter.ts";
import type { UrlState } from "../find/url-state.ts";
import { shownAt, stateWords, type PortRow, type RowState, type Severity } from "../rows/rows.ts";

export const columns = ["state", "port", "service", "process", "pid", "user", "left", "age"] as const;
export type Column = (typeof columns)[number];

export interface Sort {
    column: Column;
    down: boolean;
}

export interface GroupItem {
    type: "group";
    key: string;
    /** null: those that have none. */
    name: string | null;
    count: number;
    collapsed: boolean;
}
export interface RowItem {
    type: "row";
    key: string;
    row: PortRow;
}
export type Item = GroupItem | RowItem;

export interface View {
    items: readonly Item[];
    /** Ports that match, and ports there are, of those that the switch lets through. */
    shown: number;
    total: number;
    /** Ports that the "All ports" switch hides, and how many of them match. */
    hidden: number;
    hiddenMatches: number;
}

export interface ViewOptions {
    filter: Filter;
    sort: Sort;
    group: UrlState["group"];
    all: boolean;
    collapsed: ReadonlySet<string>;
    now: number;
}

export function readSort(text: string): Sort {
    const down = text.startsWith("-");
    const column = columns.find((each) => each === text.slice(down ? 1 : 0));
    return column ? { column, down } : { column: "port", down: false };
}

/** The next state of a column's heading: upwards, then downwards. */
export function nextSort(sort: Sort, column: Column): string {
    return sort.column === column && !sort.down ? `-${column}` : column;
}

/** What belongs to the managed range stays, even if the range has been made smaller since. */
export function isManaged(row: PortRow): boolean {
    return row.inRange || row.lease !== null || row.findings.length > 0;
}

const severityRank: Record<Severity, number> = { error: 0, warning: 1, info: 2, ok: 3 };
const stateRank = new Map(
    (Object.keys(stateWords) as RowState[])
        .sort((a, b) => severityRank[stateWords[a].severity] - severityRank[stateWords[b].severity])
        .map((state, rank) => [state, rank]),
);

/* What a column sorts by; null (nothing is known) is always last. */
const sortValues: Record<Column, (row: PortRow, now: number) => number | string | null> = {
    state: (row, now) => stateRank.get(shownAt(row, now).state) ?? null,
    port: (row) => row.port,
    service: (row) => row.service?.toLowerCase() ?? null,
    process: (row) => row.process?.toLowerCase() ?? null,
    pid: (row) => row.pid,
    user: (row) => row.user?.toLowerCase() ?? null,
    left: (row) => row.deadline,
    // The youngest first: age counts from the beginning to now.
    age: (row) => (row.since === null ? null : -row.since),
};

function sorted(rows: readonly PortRow[], sort: Sort, now: number): readonly PortRow[] {
    if (sort.column === "port" && !sort.down) return rows;
    const value = sortValues[sort.column];
    const sign = sort.down ? -1 : 1;
    const keyed = rows.map((row) => ({ row, key: value(row, now) }));
    keyed.sort((a, b) => {
        if (a.key === b.key) return a.row.port - b.row.port;
        if (a.key === null) return 1;
        if (b.key === null) return -1;
        return a.key < b.key ? -sign : sign;
    });
    return keyed.map(({ row }) => row);
}

function groupName(row: PortRow, group: UrlState["group"]): string | null {
    if (group === "project") return row.project;
    return row.user ?? (row.uid === null ? null : `uid ${row.uid}`);
}

function grouped(rows: readonly PortRow[], group: UrlState["group"], collapsed: ReadonlySet<string>): Item[] {
    const groups = new Map<string | null, PortRow[]>();
    for (const row of rows) {
        const name = groupName(row, group);
        const list = groups.get(name);
        if (list) list.push(row);
        else groups.set(name, [row]);
    }
    const names = [...groups.keys()].sort((a, b) => (a === null ? 1 : b === null ? -1 : a < b ? -1 : 1));
    const items: Item[] = [];
    for (const name of names) {
        const members = groups.get(name)!;
        const key = `${group}:${name === null ? "" : `=${name}`}`;
        const folded = collapsed.has(key);
        items.push({ type: "group", key, name, count: members.length, collapsed: folded });
        if (!folded) for (const row of members) items.push(rowItem(row));
    }
    return items;
}

function rowItem(row: PortRow): RowItem {
    return { type: "row", key: String(row.port), row };
}

export function viewOf(rows: readonly PortRow[], options: ViewOptions): View {
    const { filter, now } = options;
    const shown: PortRow[] = [];
    let total = 0;
    let hidden = 0;
    let hiddenMatches = 0;
    for (const row of rows) {
        const matches = filter.empty || filter.matches(row, now);
        if (options.all || isManaged(row)) {
            total++;
            if (matches) shown.push(row);
        } else {
            hidden++;
            if (matches) hiddenMatches++;
        }
    }
    const inOrder = sorted(shown, options.sort, now);
    const items = options.group === "none" ? inOrder.map(rowItem) : grouped(inOrder, options.group, options.collapsed);
    return { items, shown: shown.length, total, hidden, hiddenMatches };
}

/** When a row becomes "expiring" next; null: none does. */
export function nextChange(rows: readonly PortRow[], now: number): number | null {
    let next: number | null = null;
    for (const { expiringFrom } of rows)
        if (expiringFrom !== null && expiringFrom > now && (next === null || expiringFrom < next)) next = expiringFrom;
    return next;
}

/** Nobody has a lease, and nobody listens in the range. */
export function isFirstRun(rows: readonly PortRow[]): boolean {
    return !rows.some((row) => isManaged(row) && row.state !== "portd");
}
