/*
 * One connection to GET /events. The browser's EventSource gives up for good on an answer that is no stream, and reconnects with the address that it was
 * made with; so each connection is a new one here, from where the last one ended, after a pause that grows to two seconds.
 *
 * What does not parse, or is not what it says it is, is dropped: the next record, or the next snapshot, says it again.
 */
import type { Event, PortRecord } from "../api/types.ts";

export interface StreamPosition {
    run: string;
    version: number;
    seq: number;
}

export interface StreamHandlers {
    /** Where the next connection begins; null: not known yet, so a snapshot has to come first. */
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

function isObject(value: unknown): value is Record<string, unknown> {
    return value !== null && typeof value === "object" && !Array.isArray(value);
}

function isPort(value: unknown): value is number {
    return typeof value === "number" && Number.isInteger(value) && value > 0 && value < 65536;
}

export function readRecord(data: string): PortRecord | null {
    const value = parse(data);
    if (!isObject(value) || !isPort(value["port"])) return null;
    if (!Number.isSafeInteger(value["version"]) || !Number.isSafeInteger(value["after"])) return null;
    if (!Array.isArray(value["listeners"]) || !Array.isArray(value["findings"])) return null;
    const lease = value["lease"];
    if (lease !== null && (!isObject(lease) || typeof lease["service_name"] !== "string" || lease["port"] !== value["port"])) return null;
    if (!value["listeners"].every((each) => isObject(each) && Array.isArray(each["owners"]))) return null;
    if (!value["findings"].every((each) => isObject(each) && typeof each["verdict"] === "string" && Array.isArray(each["listeners"]))) return null;
    return value as unknown as PortRecord;
}

export function readEvent(data: string): Event | null {
    const value = parse(data);
    if (!isObject(value) || !Number.isSafeInteger(value["id"]) || typeof value["kind"] !== "string" || !isPort(value["port"])) return null;
    if (typeof value["at"] !== "string" || Number.isNaN(Date.parse(value["at"]))) return null;
    return value as unknown as Event;
}

function parse(data: string): unknown {
    try {
        return JSON.parse(data);
    } catch {
        return null;
    }
}

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
            handlers.onReset();
            again();
            return;
        }
        const mine = new EventSource(streamUrl(position));
        source = mine;
        mine.addEventListener("stream", () => {
            pause = PAUSE_FIRST_MS;
            handlers.onUp();
        });
        mine.addEventListener("port", (message: MessageEvent<string>) => {
            const record = readRecord(message.data);
            if (record) handlers.onRecord(record);
        });
        mine.addEventListener("reset", () => {
            handlers.onReset();
            again();
        });
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
