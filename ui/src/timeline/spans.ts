/*
 * Events folded into spans: from when to when a port was leased, and from when to when somebody else had it.
 *
 * The events may begin in the middle (what was before is not known, so a span may have no begin) and lack an end (portd was killed). What goes on now is
 * told by the live state alone: a span that nobody has ended, and that is not in the live state, has ended unseen.
 */
import { findingOf, socketOf } from "../api/event.ts";
import type { Event, Finding, Lease } from "../api/types.ts";
import { parseTime } from "../base/time.ts";
import type { PortState } from "../live/state.ts";

export interface Span {
    /** The same from one reading to the next. */
    key: string;
    port: number;
    kind: "lease" | "squat";
    /** Of a squat: "unleased", "taken", "split", "shared", "inactive". */
    finding: string | null;
    leaseId: number | null;
    inode: number | null;
    service: string | null;
    process: string | null;
    pid: number | null;
    user: string | null;
    uid: number | null;
    /** null: before what is known. */
    begin: number | null;
    /** null: it goes on. */
    end: number | null;
    /** Its end was not told: `end` is the last sign of it, or what came after it. */
    endUnseen: boolean;
    /** The last sign of it. */
    seen: number;
    /** Why it ended, or began. */
    reason: string | null;
    ignored: boolean;
}

export type LivePorts = ReadonlyMap<number, PortState>;

/** A port's record comes up to so much after its event: so young a span goes on, though the live state does not know it yet. */
const LAG_MS = 3000;

interface Track {
    lease: Span | null;
    squats: Map<string, Span>;
    /** Leases that were seen to end, with the live state maybe a moment behind. */
    ended: Set<number>;
    /** Of findings likewise: when the last of the kind left. */
    left: Map<string, number>;
    /** Before that another lease had the port, so none that began unseen is older. */
    freeFrom: number | null;
}

class Folding {
    readonly spans: Span[] = [];
    readonly tracks = new Map<number, Track>();
    private readonly keys = new Map<string, number>();

    track(port: number): Track {
        let track = this.tracks.get(port);
        if (!track) {
            track = { lease: null, squats: new Map(), ended: new Set(), left: new Map(), freeFrom: null };
            this.tracks.set(port, track);
        }
        return track;
    }

    add(span: Omit<Span, "key">): Span {
        const name = `${span.port}/${span.finding ?? "lease"}/${(span.kind === "lease" ? span.leaseId : span.inode) ?? "?"}`;
        const n = (this.keys.get(name) ?? 0) + 1;
        this.keys.set(name, n);
        const kept = { key: n === 1 ? name : `${name}/${n}`, ...span };
        this.spans.push(kept);
        return kept;
    }
}

function spanOf(event: Event, at: number, kind: Span["kind"], begin: number | null): Omit<Span, "key"> {
    return {
        port: event.port,
        kind,
        finding: kind === "squat" ? (findingOf(event) ?? "squatted") : null,
        leaseId: event.lease_id,
        inode: socketOf(event)?.inode ?? null,
        service: event.service_name,
        process: socketOf(event)?.process ?? null,
        pid: socketOf(event)?.pid ?? null,
        user: event.user,
        uid: event.uid,
        begin,
        end: null,
        endUnseen: false,
        seen: at,
        reason: event.reason,
        ignored: false,
    };
}

/* Clocks are set back now and then; no span ends before it begins. */
function end(span: Span, at: number): void {
    span.end = Math.max(at, span.begin ?? at);
}

function endUnseen(span: Span, at: number): void {
    end(span, at);
    span.endUnseen = true;
}

/* The open lease that the event is about. Another one that was still open has ended unseen. */
function leaseOf(folding: Folding, event: Event, at: number, begins: boolean): Span {
    const track = folding.track(event.port);
    const open = track.lease;
    if (open && (open.leaseId === event.lease_id || (!begins && (open.leaseId === null || event.lease_id === null)))) return open;
    if (open) {
        endUnseen(open, begins ? at : open.seen);
        track.freeFrom = open.end;
    }
    track.lease = folding.add(spanOf(event, at, "lease", begins ? Math.max(at, track.freeFrom ?? at) : track.freeFrom));
    return track.lease;
}

function takeLease(folding: Folding, event: Event, at: number): void {
    const ends = event.kind === "lease.released" || event.kind === "lease.expired";
    const span = leaseOf(folding, event, at, event.kind === "lease.granted");
    const track = folding.track(event.port);
    span.seen = at;
    span.service = event.service_name ?? span.service;
    span.user = event.user ?? span.user;
    if (!ends) return;
    end(span, at);
    span.reason = event.reason ?? (event.kind === "lease.expired" ? "It expired." : "It was released.");
    track.lease = null;
    track.freeFrom = span.end;
    if (span.leaseId !== null) track.ended.add(span.leaseId);
}

function takeSquat(folding: Folding, event: Event, at: number): void {
    // "taken" is told as a squatter and as a conflict; once is enough.
    if (event.kind.startsWith("conflict.") && findingOf(event) === "taken") return;
    const track = folding.track(event.port);
    const finding = findingOf(event) ?? "squatted";
    const open = track.squats.get(finding);
    if (event.kind.endsWith(".appeared")) {
        if (open && open.inode === (socketOf(event)?.inode ?? null)) {
            open.seen = at;
            return;
        }
        if (open) endUnseen(open, at);
        track.squats.set(finding, folding.add(spanOf(event, at, "squat", at)));
        return;
    }
    const span = open ?? folding.add(spanOf(event, at, "squat", track.left.get(finding) ?? null));
    end(span, at);
    span.seen = at;
    span.reason = event.reason ?? span.reason;
    track.squats.delete(finding);
    track.left.set(finding, at);
}

function spanOfLease(lease: Lease): Omit<Span, "key"> {
    const begin = parseTime(lease.allocated_at);
    return {
        port: lease.port,
        kind: "lease",
        finding: null,
        leaseId: lease.id,
        inode: null,
        service: lease.service_name,
        process: null,
        pid: lease.holder?.pid ?? null,
        user: lease.user,
        uid: lease.uid,
        begin,
        end: null,
        endUnseen: false,
        seen: begin ?? 0,
        reason: null,
        ignored: false,
    };
}

function spanOfFinding(finding: Finding): Omit<Span, "key"> {
    const listener = finding.listeners[0];
    const begin = parseTime(finding.since);
    return {
        port: finding.port,
        kind: "squat",
        finding: finding.kind,
        leaseId: finding.lease?.id ?? null,
        inode: listener?.inode ?? null,
        service: finding.lease?.service_name ?? null,
        process: listener?.process ?? null,
        pid: listener?.pid ?? null,
        user: listener?.user ?? null,
        uid: listener?.uid ?? null,
        // It was there when portd started: nobody knows since when.
        begin: finding.since_start ? null : begin,
        end: null,
        endUnseen: false,
        seen: begin ?? 0,
        reason: finding.verdict,
        ignored: finding.ignored,
    };
}

function settleLease(folding: Folding, port: number, lease: Lease | null, now: number): void {
    const track = folding.track(port);
    const open = track.lease;
    if (lease && open && (open.leaseId === lease.id || open.leaseId === null)) {
        open.begin ??= Math.min(open.seen, parseTime(lease.allocated_at) ?? open.seen);
        open.leaseId = lease.id;
        open.service = lease.service_name;
        return;
    }
    if (open && now - open.seen < LAG_MS) return;
    if (open) endUnseen(open, open.seen);
    if (!lease || track.ended.has(lease.id)) return;
    const span = folding.add(spanOfLease(lease));
    span.begin = Math.max(span.begin ?? 0, open?.end ?? track.freeFrom ?? 0);
}

function settleSquats(folding: Folding, port: number, findings: readonly Finding[], now: number): void {
    const track = folding.track(port);
    for (const finding of findings) {
        const open = track.squats.get(finding.kind);
        if (open) {
            open.ignored = finding.ignored;
            open.reason = finding.verdict;
            track.squats.delete(finding.kind);
        } else if ((parseTime(finding.since) ?? 0) >= (track.left.get(finding.kind) ?? -Infinity)) {
            folding.add(spanOfFinding(finding));
        }
    }
    for (const open of track.squats.values()) if (now - open.seen >= LAG_MS) endUnseen(open, open.seen);
}

/**
 * All spans of these events (by id, each once) and of what goes on now. `now` is when `live` was true; `live` null: nothing is known of now, and what has
 * no end goes on.
 */
export function foldSpans(events: readonly Event[], live: LivePorts | null, now: number): Span[] {
    const folding = new Folding();
    for (const event of events) {
        const at = Date.parse(event.at);
        if (event.kind.startsWith("lease.")) takeLease(folding, event, at);
        else if (event.kind.startsWith("squatter.") || event.kind.startsWith("conflict.")) takeSquat(folding, event, at);
    }
    if (!live) return folding.spans;
    for (const port of new Set([...folding.tracks.keys(), ...live.keys()])) {
        const state = live.get(port);
        if (state?.lease || folding.tracks.get(port)?.lease) settleLease(folding, port, state?.lease ?? null, now);
        if (state?.findings.length || folding.tracks.get(port)?.squats.size) settleSquats(folding, port, state?.findings ?? [], now);
    }
    return folding.spans;
}

/** Does it reach into the time from `from` to `to`? */
export function isWithin(span: Span, from: number, to: number): boolean {
    return (span.end ?? Infinity) >= from && (span.begin ?? -Infinity) <= to;
}

/** By id, each once; the live ones may be among those that were read. Listeners' events are no spans. */
export function mergeEvents(read: readonly Event[], live: readonly Event[]): Event[] {
    const byId = new Map<number, Event>();
    for (const event of [...read, ...live]) if (!event.kind.startsWith("listener.")) byId.set(event.id, event);
    return [...byId.values()].sort((a, b) => a.id - b.id);
}
