/* An event in words, the same as portctl's. */
import { userName } from "../actions/parties.ts";
import { findingOf, socketOf } from "../api/event.ts";
import type { Event } from "../api/types.ts";

const words: Readonly<Record<string, readonly [glyph: string, word: string]>> = {
    "lease.granted": ["○", "granted"],
    "lease.renewed": ["○", "renewed"],
    "lease.released": ["◌", "released"],
    "lease.expired": ["◌", "expired"],
    "listener.opened": ["●", "opened"],
    "listener.closed": ["◌", "closed"],
    "squatter.left": ["◌", "cleared"],
    "conflict.left": ["◌", "resolved"],
    unleased: ["!", "unleased"],
    taken: ["✕", "squatted"],
    split: ["⇄", "split"],
    shared: ["⇄", "shared"],
    inactive: ["!", "inactive"],
};

/** What has appeared is called by what it is. */
export function eventWord(event: Event): readonly [glyph: string, word: string] {
    const appeared = event.kind.endsWith(".appeared") ? (findingOf(event) ?? "") : event.kind;
    return words[appeared] ?? words[event.kind] ?? ["·", event.kind];
}

/** A squatter on a leased port is told twice, as a squatter and as a conflict. */
export function isDouble(event: Event): boolean {
    return event.kind.startsWith("conflict.") && findingOf(event) === "taken";
}

/** portd's own sentence; where it has none the parts of the event make one. */
export function eventSentence(event: Event): string {
    if (event.reason) return event.reason;
    const user = event.user !== null || event.uid !== null ? userName(event) : null;
    if (event.kind.startsWith("lease.")) return user === null ? "" : `${event.kind === "lease.granted" ? "to" : "of"} ${user}`;
    const socket = socketOf(event);
    const process = socket?.pid == null ? null : `${socket.process ?? "a process"} (pid ${socket.pid})`;
    return [process, user === null ? null : `${process === null ? "a process of" : "of"} ${user}`, socket?.address ? `on ${socket.address}` : null]
        .filter((part) => part !== null)
        .join(" ");
}

/** What was read and what has come since, each once, the newest first. */
export function mergeEvents(read: readonly Event[], live: readonly Event[], port: number): Event[] {
    const byId = new Map<number, Event>();
    for (const event of [...read, ...live]) if (event.port === port && !isDouble(event)) byId.set(event.id, event);
    return [...byId.values()].sort((a, b) => b.id - a.id);
}
