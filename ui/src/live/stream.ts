/*
 * One connection to GET /events. The browser's EventSource gives up for good on an answer that is no stream, and reconnects with the address that it was
 * made with; so each connection is a new one here, from where the last one ended, after a pause that grows to two seconds.
 *
 * What does not parse, or is not what it says it is, is dropped: the next record, or the next snapshot, says it again.
 */
import type { Event, PortRecord } from "../api/types.ts";
import { readEvent, readRecord, readRun } from "./read.ts";

export interface StreamPosition {
    run: string;
    version: number;
    seq: number;
}

export interface StreamHandlers {
    /** Where the next connection begins; null: a snapshot has to come first, and is on its way. */
    position(): StreamPosition | null;
    onRecord(record: PortRecord): void;
    onEvent(event: Event): void;
    /** The stream cannot go on from there (portd is another run, or the events are no longer kept): a snapshot is wanted. */
    onReset(): void;
    onUp(): void;
    onDown(): void;
}

export interface Stream {
    close(): void;
}

const PAUSE_FIRST_MS = 250;
const PAUSE_MAX_MS = 2000;
/* portd sends something at least every 15 s (a comment, which EventSource does not tell); what tells is the `stream` event at the beginning. */

const EVENT_KINDS = [
    "lease.granted",
    "lease.renewed",
    "lease.released",
    "lease.expired",
    "listener.opened",
    "listener.closed",
    "squatter.appeared",
    "squatter.left",
    "conflict.appeared",
    "conflict.left",
];

export function streamUrl(position: StreamPosition): string {
    return `/events?since=${position.seq}&ports=${position.run}.${position.version}`;
}

export function openStream(handlers: StreamHandlers): Stream {
    let source: EventSource | null = null;
    let timer: ReturnType<typeof setTimeout> | null = null;
    let pause = PAUSE_FIRST_MS;
    let closed = false;

    const again = (): void => {
        source?.close();
        source = null;
        if (closed || timer !== null) return;
        timer = setTimeout(() => {
            timer = null;
            connect();
        }, pause);
        pause = Math.min(pause * 2, PAUSE_MAX_MS);
    };

    const connect = (): void => {
        const position = handlers.position();
        if (closed) return;
        if (!position) {
            // Waiting is no failure, so the pause does not grow by it.
            pause = PAUSE_FIRST_MS;
            again();
            return;
        }
        const mine = new EventSource(streamUrl(position));
        source = mine;
        const reset = (): void => {
            handlers.onReset();
            again();
        };
        mine.addEventListener("stream", (message: MessageEvent<string>) => {
            // A `reset` follows where portd is another run: what is shown is not live yet.
            const run = readRun(message.data);
            if (run !== null && run !== position.run) return;
            pause = PAUSE_FIRST_MS;
            handlers.onUp();
        });
        mine.addEventListener("port", (message: MessageEvent<string>) => {
            const record = readRecord(message.data);
            if (record) handlers.onRecord(record);
        });
        mine.addEventListener("reset", reset);
        for (const kind of EVENT_KINDS)
            mine.addEventListener(kind, (message: MessageEvent<string>) => {
                const event = readEvent(message.data);
                if (event) handlers.onEvent(event);
            });
        mine.addEventListener("error", () => {
            handlers.onDown();
            again();
        });
    };

    connect();
    return {
        close(): void {
            closed = true;
            if (timer !== null) clearTimeout(timer);
            source?.close();
        },
    };
}
