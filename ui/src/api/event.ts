/* What only some kinds of events have. */
import type { Event, FindingEvent, FindingKind, ListenerEvent } from "./types.ts";

/** Who was on the port, of events of listeners, squatters and conflicts; null: it is a lease's. */
export function socketOf(event: Event): Pick<ListenerEvent | FindingEvent, "pid" | "process" | "address" | "inode"> | null {
    return "pid" in event ? event : null;
}

export function findingOf(event: Event): FindingKind | null {
    return "finding" in event ? event.finding : null;
}
