/*
 * A port as a row: what the table, the map, the conflicts and the palette show of it. The state's word, glyph and severity are the one vocabulary of the
 * page; no view has its own.
 */
import type { Finding, Lease, Listener, Owner } from "../api/types.ts";
import { parseTime } from "../base/time.ts";
import type { Meta, PortState } from "../live/state.ts";

export type RowState =
    "pending" | "bound" | "expiring" | "elsewhere" | "squatted" | "shared" | "silent" | "unconfirmed" | "unleased" | "hidden" | "unmanaged" | "portd";

export type Severity = "ok" | "info" | "warning" | "error";

export interface StateWord {
    word: string;
    glyph: string;
    severity: Severity;
    /** A sentence for who sees it the first time. */
    meaning: string;
}

export const stateWords: Readonly<Record<RowState, StateWord>> = {
    pending: { word: "waiting", glyph: "○", severity: "info", meaning: "leased; nothing listens on it yet" },
    bound: { word: "in use", glyph: "●", severity: "ok", meaning: "leased, and its own server listens" },
    expiring: { word: "expiring", glyph: "◐", severity: "info", meaning: "less than a fifth of its time is left, and no listener renews it" },
    elsewhere: { word: "in use, but on another port", glyph: "↷", severity: "warning", meaning: "its program listens, but on another port" },
    squatted: { word: "squatted", glyph: "✕", severity: "error", meaning: "leased, but somebody else's server is there" },
    shared: { word: "shared", glyph: "⇄", severity: "warning", meaning: "two parties have the port; connections go to either" },
    silent: { word: "stopped", glyph: "◌", severity: "info", meaning: "leased; its server was there and is gone" },
    unconfirmed: { word: "in use?", glyph: "●", severity: "info", meaning: "leased, and probably its own server listens; nobody has confirmed it" },
    unleased: { word: "unleased", glyph: "!", severity: "warning", meaning: "somebody listens in the managed range without a lease" },
    hidden: { word: "hidden", glyph: "?", severity: "info", meaning: "somebody listens; portd may not see which process" },
    unmanaged: { word: "listening", glyph: "·", severity: "info", meaning: "somebody listens outside the managed range" },
    portd: { word: "portd", glyph: "·", severity: "info", meaning: "PortManager itself" },
};

export interface PortRow {
    port: number;
    state: RowState;
    /** What of the state is said: "in use, but on 5173". */
    word: string;
    glyph: string;
    severity: Severity;
    service: string | null;
    process: string | null;
    pid: number | null;
    user: string | null;
    uid: number | null;
    project: string | null;
    /** Since when (ms): the lease's grant, or the listener's appearance. */
    since: number | null;
    deadline: number | null;
    /** From here on (ms) it is "expiring"; null: never. */
    expiringFrom: number | null;
    lease: Lease | null;
    listeners: readonly Listener[];
    findings: readonly Finding[];
    ignored: boolean;
    inRange: boolean;
}

export function ownerOf(listener: Listener | undefined): Owner | null {
    return listener?.owners[0] ?? null;
}

/** The listener that the row is about: a squatter's first, where there is one. */
export function chiefListener(state: Pick<PortState, "listeners" | "findings">): Listener | undefined {
    return state.findings[0]?.listeners[0] ?? state.listeners[0];
}

function leasedState(lease: Lease): RowState {
    if (lease.state === "conflict") return lease.conflict === "split" || lease.conflict === "shared" ? "shared" : "squatted";
    if (lease.state === "bound" && lease.evidence === "plausible") return "unconfirmed";
    return lease.state;
}

function stateOf(state: PortState, meta: Meta): RowState {
    const finding = state.findings[0];
    if (state.lease) {
        if (finding && state.lease.state !== "conflict" && finding.kind !== "unleased")
            return finding.kind === "split" || finding.kind === "shared" ? "shared" : "squatted";
        return leasedState(state.lease);
    }
    if (state.listeners.some((listener) => listener.owners.some((owner) => owner.pid === meta.portd.pid && owner.uid === meta.portd.uid)))
        return "portd";
    if (finding) return "unleased";
    if (state.listeners.every((listener) => listener.hidden)) return "hidden";
    return "unmanaged";
}

export function rowOf(state: PortState, meta: Meta): PortRow {
    const { lease } = state;
    const rowState = stateOf(state, meta);
    const listener = chiefListener(state);
    const words = stateWords[rowState];
    const since = lease ? parseTime(lease.allocated_at) : parseTime(listener?.since ?? null);
    return {
        port: state.port,
        state: rowState,
        word: rowState === "elsewhere" && lease?.elsewhere_port != null ? `in use, but on ${lease.elsewhere_port}` : words.word,
        glyph: words.glyph,
        severity: words.severity,
        service: lease?.service_name ?? null,
        process: listener?.process ?? null,
        pid: listener?.pid ?? lease?.holder?.pid ?? null,
        user: lease ? lease.user : (listener?.user ?? null),
        uid: lease ? lease.uid : (listener?.uid ?? null),
        project: lease?.project ?? null,
        since,
        deadline: state.deadline,
        expiringFrom: lease && state.deadline !== null && lease.kept_by === "ttl" ? state.deadline - lease.ttl_seconds * 200 : null,
        lease,
        listeners: state.listeners,
        findings: state.findings,
        ignored: state.findings.length > 0 && state.findings.every((each) => each.ignored),
        inRange: state.port >= meta.range.min && state.port <= meta.range.max,
    };
}

/* A port's state is a new object whenever it has changed, so rows can be kept beside them. */
const known = new WeakMap<PortState, { meta: Meta; row: PortRow }>();

export function cachedRow(state: PortState, meta: Meta): PortRow {
    const kept = known.get(state);
    if (kept?.meta === meta) return kept.row;
    const row = rowOf(state, meta);
    known.set(state, { meta, row });
    return row;
}

/* Several views ask for the rows of the same state; one of them makes the list. */
const lists = new WeakMap<ReadonlyMap<number, PortState>, { meta: Meta; rows: PortRow[] }>();

/** All rows, by port. */
export function rowsOf(ports: ReadonlyMap<number, PortState>, meta: Meta | null): readonly PortRow[] {
    if (!meta) return [];
    const kept = lists.get(ports);
    if (kept?.meta === meta) return kept.rows;
    const rows: PortRow[] = [];
    let last = 0;
    let ordered = true;
    for (const state of ports.values()) {
        rows.push(cachedRow(state, meta));
        ordered &&= state.port > last;
        last = state.port;
    }
    // A snapshot is in order; only what has come since may not be.
    if (!ordered) rows.sort((a, b) => a.port - b.port);
    lists.set(ports, { meta, rows });
    return rows;
}

/** The row as it is to be shown now: "waiting", "stopped" and "in use" become "expiring" near their end. */
export function shownAt(row: PortRow, now: number): PortRow {
    if (row.expiringFrom === null || now < row.expiringFrom || !["pending", "bound", "silent", "unconfirmed"].includes(row.state)) return row;
    return { ...row, state: "expiring", ...pick(stateWords.expiring) };
}

function pick(words: StateWord): Pick<PortRow, "word" | "glyph" | "severity"> {
    return { word: words.word, glyph: words.glyph, severity: words.severity };
}

/** Pinned on top: squatters and conflicts that are not ignored, the worst first. */
export function conflictRows(rows: readonly PortRow[]): PortRow[] {
    const rank: Record<Severity, number> = { error: 0, warning: 1, info: 2, ok: 3 };
    return rows.filter((row) => row.findings.length > 0 && !row.ignored).sort((a, b) => rank[a.severity] - rank[b.severity] || a.port - b.port);
}
