/*
 * The managed range as cells: a port each, or (of a large range) a span of ports each, with its worst state. A cell that says the same as before is the
 * same object, so that only what has changed is drawn anew.
 */
import { stateWords, type PortRow, type RowState, type Severity } from "../rows/rows.ts";

export type CellState = RowState | "free" | "excluded";

export interface Cell {
    /** The port, or the first one of a span. */
    port: number;
    last: number;
    state: CellState;
    glyph: string;
    severity: Severity | null;
    /** "8001, squatted, my-api, python3": what is said of it. */
    name: string;
    /** How many of its ports are leased or listened on. */
    used: number;
    /** A filter is set, and nothing here matches it. */
    dim: boolean;
    ignored: boolean;
}

export interface PortRange {
    min: number;
    max: number;
}

export const cellWords: Readonly<Record<CellState, { word: string; glyph: string; meaning: string }>> = {
    ...stateWords,
    free: { word: "free", glyph: "·", meaning: "nobody leases it or listens on it" },
    excluded: { word: "excluded", glyph: "–", meaning: "in the range, but portd gives it to nobody" },
};

/** "8100-8110,8200" as spans. What is no span is left out. */
export function parseExcluded(text: string): PortRange[] {
    const spans: PortRange[] = [];
    for (const part of text.split(",")) {
        const match = /^\s*(\d{1,5})(?:\s*-\s*(\d{1,5}))?\s*$/.exec(part);
        if (match) spans.push({ min: Number(match[1]), max: Number(match[2] ?? match[1]) });
    }
    return spans;
}

export function countExcluded(range: PortRange, excluded: readonly PortRange[]): number {
    let count = 0;
    for (let port = range.min; port <= range.max; port++) if (isExcluded(port, excluded)) count++;
    return count;
}

function isExcluded(port: number, excluded: readonly PortRange[]): boolean {
    return excluded.some((span) => port >= span.min && port <= span.max);
}

/* A name may be somebody's 4 KiB; what is read aloud has an end. */
function short(text: string): string {
    return text.length > 128 ? `${text.slice(0, 127)}…` : text;
}

function nameOf(port: number, word: string, row: PortRow | undefined, ignored: boolean): string {
    const parts = [String(port), word];
    if (row?.service != null) parts.push(short(row.service));
    if (row?.process != null) parts.push(short(row.process));
    if (ignored) parts.push("ignored");
    return parts.join(", ");
}

export interface CellInput {
    range: PortRange;
    excluded: readonly PortRange[];
    rows: ReadonlyMap<number, PortRow>;
    /** null: no filter. */
    matches: ((row: PortRow) => boolean) | null;
}

function portCell(port: number, input: CellInput): Cell {
    const row = input.rows.get(port);
    const state: CellState = row ? row.state : isExcluded(port, input.excluded) ? "excluded" : "free";
    const ignored = row?.ignored ?? false;
    return {
        port,
        last: port,
        state,
        glyph: row?.glyph ?? cellWords[state].glyph,
        severity: row?.severity ?? null,
        name: nameOf(port, row?.word ?? cellWords[state].word, row, ignored),
        used: row ? 1 : 0,
        dim: input.matches !== null && !(row && input.matches(row)),
        ignored,
    };
}

const rank: Readonly<Record<Severity, number>> = { ok: 1, info: 2, warning: 3, error: 4 };

function badness(cell: Cell): number {
    if (cell.state === "free") return 0;
    if (cell.severity === null) return -1;
    return cell.ignored ? 1 : rank[cell.severity];
}

function spanCell(first: number, last: number, input: CellInput): Cell {
    let worst: Cell | null = null;
    let used = 0;
    let dim = input.matches !== null;
    for (let port = first; port <= last; port++) {
        const cell = portCell(port, input);
        used += cell.used;
        if (!cell.dim) dim = false;
        if (worst === null || badness(cell) > badness(worst)) worst = cell;
    }
    const word = cellWords[worst!.state].word;
    const of = last - first + 1;
    const said = used > 0 ? `${used} of ${of} used, worst: ${word}` : worst!.state === "excluded" ? "all excluded" : "all free";
    return { ...worst!, port: first, last, name: `${first} to ${last}, ${said}`, used, dim };
}

function same(a: Cell, b: Cell): boolean {
    return a.name === b.name && a.state === b.state && a.dim === b.dim && a.used === b.used && a.last === b.last && a.glyph === b.glyph;
}

/** The cells from range.min to range.max, `size` ports each. */
export function cellsOf(input: CellInput, size: number, before: readonly Cell[]): Cell[] {
    const { min, max } = input.range;
    const cells: Cell[] = [];
    for (let first = min; first <= max; first += size) {
        const last = Math.min(max, first + size - 1);
        const cell = size === 1 ? portCell(first, input) : spanCell(first, last, input);
        const old = before[cells.length];
        cells.push(old && old.port === first && same(old, cell) ? old : cell);
    }
    return cells;
}

/** How many ports of the range are in each state, in the order of the legend. */
export function countStates(range: PortRange, rows: readonly PortRow[], nExcluded: number): { state: CellState; count: number }[] {
    const counts = new Map<CellState, number>();
    for (const row of rows) counts.set(row.state, (counts.get(row.state) ?? 0) + 1);
    const legend = (Object.keys(stateWords) as RowState[]).map((state) => ({ state: state as CellState, count: counts.get(state) ?? 0 }));
    const free = range.max - range.min + 1 - rows.length - nExcluded;
    return [...legend, { state: "free" as const, count: free }, { state: "excluded" as const, count: nExcluded }].filter(({ count }) => count > 0);
}

/** "34 of 1,001 ports leased, 2 squatted". */
export function describeUse(range: PortRange, rows: readonly PortRow[]): string {
    const number = new Intl.NumberFormat("en");
    const leased = rows.filter((row) => row.lease !== null).length;
    const parts = [`${number.format(leased)} of ${number.format(range.max - range.min + 1)} ports leased`];
    for (const state of ["squatted", "shared", "unleased"] as const) {
        const count = rows.filter((row) => row.state === state).length;
        if (count > 0) parts.push(`${number.format(count)} ${stateWords[state].word}`);
    }
    return parts.join(", ");
}
