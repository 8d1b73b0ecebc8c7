/*
 * What the page knows of portd, and the one reducer that folds what arrives into it.
 *
 * A port record is the whole state of a port, with a version: the higher version is kept. So records may come in any order and any number of times, and
 * fold to what a snapshot of the same moment says. A record that tells of another one before it (`after`) that never came leaves a gap: the page then
 * reads a snapshot anew, and goes on with what it has until that is there.
 */
import type { Event, Finding, Lease, Listener, PortRecord, Snapshot } from "../api/types.ts";

export interface PortState {
    port: number;
    version: number;
    lease: Lease | null;
    listeners: readonly Listener[];
    findings: readonly Finding[];
    /** When the lease runs out, by this browser's clock (ms); null if something keeps it. */
    deadline: number | null;
}

export type Meta = Pick<Snapshot, "range" | "excluded" | "caller" | "portd" | "warnings" | "complete">;

export interface LiveState {
    run: string | null;
    /** The newest record or snapshot that has come. Up to here all have, if there is no gap. */
    version: number;
    /** The newest snapshot's: what it does not have was not there then, so that no older record, and no older snapshot, brings it back. */
    floor: number;
    /** A record up to here is missing. */
    missing: number;
    /** The newest event that has come. */
    seq: number;
    meta: Meta | null;
    /** Ports that somebody leases or listens on. */
    ports: ReadonlyMap<number, PortState>;
    /** Versions of ports that nobody has any more, so that an older record does not bring them back. */
    gone: ReadonlyMap<number, number>;
    /** What has happened since the page is open, by id, at most EVENTS_MAX. */
    events: readonly Event[];
    /** A record is missing: a snapshot is wanted. */
    gap: boolean;
    /** Raised when a snapshot tells of events that have not come: who wants all has to read them. */
    missed: number;
}

export type LiveMessage =
    | { type: "snapshot"; snapshot: Snapshot; receivedAt: number }
    | { type: "port"; record: PortRecord; receivedAt: number }
    | { type: "event"; event: Event };

export const EVENTS_MAX = 2000;

export const emptyState: LiveState = {
    run: null,
    version: 0,
    floor: 0,
    missing: 0,
    seq: 0,
    meta: null,
    ports: new Map(),
    gone: new Map(),
    events: [],
    gap: false,
    missed: 0,
};

function deadlineOf(lease: Lease | null, receivedAt: number): number | null {
    return lease?.expires_in_seconds == null ? null : receivedAt + lease.expires_in_seconds * 1000;
}

function byPort<T extends { port: number }>(items: readonly T[]): Map<number, T[]> {
    const map = new Map<number, T[]>();
    for (const item of items) {
        const list = map.get(item.port);
        if (list) list.push(item);
        else map.set(item.port, [item]);
    }
    return map;
}

const none: readonly never[] = [];

function portsOfSnapshot(snapshot: Snapshot, receivedAt: number): Map<number, PortState> {
    const listeners = byPort(snapshot.listeners);
    const findings = byPort(snapshot.squatters);
    const leases = new Map(snapshot.leases.map((lease) => [lease.port, lease]));
    const ports = new Map<number, PortState>();
    for (const port of [...new Set([...leases.keys(), ...listeners.keys(), ...findings.keys()])].sort((a, b) => a - b)) {
        const lease = leases.get(port) ?? null;
        ports.set(port, {
            port,
            version: snapshot.version,
            lease,
            listeners: listeners.get(port) ?? none,
            findings: findings.get(port) ?? none,
            deadline: deadlineOf(lease, receivedAt),
        });
    }
    return ports;
}

/* What a batch of messages changes; maps are copied once a batch, not once a record. */
interface Draft {
    state: LiveState;
    ports: Map<number, PortState> | null;
    gone: Map<number, number> | null;
    events: Event[] | null;
}

/* A snapshot that is older than what has come since keeps the newer records; one that is older than another one says nothing new. */
function takeSnapshot(draft: Draft, snapshot: Snapshot, receivedAt: number): void {
    const before = draft.state;
    const sameRun = before.run === snapshot.run;
    if (sameRun && snapshot.version < before.floor) return;
    const ports = portsOfSnapshot(snapshot, receivedAt);
    const gone = new Map<number, number>();
    if (sameRun) {
        for (const [port, state] of draft.ports ?? before.ports) if (state.version > snapshot.version) ports.set(port, state);
        for (const [port, version] of draft.gone ?? before.gone) {
            if (version <= snapshot.version) continue;
            gone.set(port, version);
            ports.delete(port);
        }
    }
    const missing = sameRun && before.missing > snapshot.version ? before.missing : 0;
    draft.ports = ports;
    draft.gone = gone;
    // Another run goes on with the same events, but for those that its database no longer has: their ids are given again.
    if (!sameRun) draft.events = (draft.events ?? before.events).filter((event) => event.id <= snapshot.seq);
    draft.state = {
        ...before,
        run: snapshot.run,
        version: sameRun ? Math.max(before.version, snapshot.version) : snapshot.version,
        floor: snapshot.version,
        missing,
        seq: sameRun ? Math.max(before.seq, snapshot.seq) : snapshot.seq,
        gap: missing > 0,
        missed: before.missed + (!sameRun || snapshot.seq > before.seq ? 1 : 0),
        meta: metaOf(snapshot, before.meta),
    };
}

/* The same object while it says the same, so that not everything is drawn anew. Its age is no news. */
function metaOf(snapshot: Snapshot, before: Meta | null): Meta {
    const { range, excluded, caller, portd, warnings, complete } = snapshot;
    const meta = { range, excluded, caller, portd, warnings, complete };
    const text = (each: Meta): string => JSON.stringify({ ...each, portd: { ...each.portd, uptime_seconds: 0 } });
    return before && text(before) === text(meta) ? before : meta;
}

function takeRecord(draft: Draft, record: PortRecord, receivedAt: number): void {
    const { state } = draft;
    if (record.after > state.version) draft.state = { ...draft.state, missing: Math.max(state.missing, record.after), gap: true };
    if (record.version > draft.state.version) draft.state = { ...draft.state, version: record.version };
    const known = (draft.ports ?? state.ports).get(record.port)?.version ?? (draft.gone ?? state.gone).get(record.port) ?? state.floor;
    if (record.version <= known) return;
    draft.ports ??= new Map(state.ports);
    draft.gone ??= new Map(state.gone);
    if (!record.lease && record.listeners.length === 0 && record.findings.length === 0) {
        draft.ports.delete(record.port);
        draft.gone.set(record.port, record.version);
        return;
    }
    draft.gone.delete(record.port);
    draft.ports.set(record.port, {
        port: record.port,
        version: record.version,
        lease: record.lease,
        listeners: record.listeners,
        findings: record.findings,
        deadline: deadlineOf(record.lease, receivedAt),
    });
}

/* By id, each once. Mostly the new one is the last one. */
function takeEvent(draft: Draft, event: Event): void {
    const events = draft.events ?? [...draft.state.events];
    let at = events.length;
    while (at > 0 && events[at - 1]!.id > event.id) at--;
    if (at > 0 && events[at - 1]!.id === event.id) return;
    events.splice(at, 0, event);
    if (events.length > EVENTS_MAX) events.splice(0, events.length - EVENTS_MAX);
    draft.events = events;
    if (event.id > draft.state.seq) draft.state = { ...draft.state, seq: event.id };
}

export function fold(state: LiveState, messages: readonly LiveMessage[]): LiveState {
    const draft: Draft = { state, ports: null, gone: null, events: null };
    for (const message of messages) {
        if (message.type === "snapshot") takeSnapshot(draft, message.snapshot, message.receivedAt);
        else if (message.type === "port") takeRecord(draft, message.record, message.receivedAt);
        else takeEvent(draft, message.event);
    }
    if (draft.state === state && !draft.ports && !draft.gone && !draft.events) return state;
    return {
        ...draft.state,
        ports: draft.ports ?? state.ports,
        gone: draft.gone ?? state.gone,
        events: draft.events ?? state.events,
    };
}
