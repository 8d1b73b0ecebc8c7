/* The events of a span of time, out of GET /history: page by page from the newest back, until the time is covered or there are too many. */
import { get } from "../api/client.ts";
import type { Event } from "../api/types.ts";

export interface History {
    /** By id. */
    events: Event[];
    /** There are older ones in the time that was asked for, which were too many. */
    cut: boolean;
    /** The newest event that portd had. */
    lastId: number;
}

interface Page {
    events: Event[];
    first_id: number;
    last_id: number;
}

export const EVENTS_READ_MAX = 5000;
const PAGE = 1000;

export async function readHistory(from: number, signal?: AbortSignal): Promise<History> {
    const since = encodeURIComponent(new Date(from).toISOString());
    let events: Event[] = [];
    let before: number | null = null;
    let lastId = 0;
    for (;;) {
        const older: Page = await get<Page>(
            `/history?kinds=lease,squatter,conflict&since=${since}&limit=${PAGE}${before === null ? "" : `&before=${before}`}`,
            signal,
        );
        lastId = Math.max(lastId, older.last_id);
        // A page that is no older than the one before it would be asked for without end.
        const fresh: Event[] = before === null ? older.events : older.events.filter((event) => event.id < before!);
        events = [...fresh, ...events];
        if (older.events.length < PAGE || fresh.length === 0) return { events, cut: false, lastId };
        if (events.length >= EVENTS_READ_MAX) return { events: events.slice(-EVENTS_READ_MAX), cut: true, lastId };
        before = events[0]!.id;
    }
}
