/* The time axis: round local times, as many as there is room for. */

export type SpanLength = "15m" | "1h" | "1d";

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;

export const spanMs: Readonly<Record<SpanLength, number>> = { "15m": 15 * MINUTE, "1h": HOUR, "1d": 24 * HOUR };
export const spanWords: Readonly<Record<SpanLength, string>> = { "15m": "15 minutes", "1h": "hour", "1d": "day" };
/** So often the window moves on: less than two pixels at a time. */
export const stepMs: Readonly<Record<SpanLength, number>> = { "15m": 1000, "1h": 5000, "1d": 60_000 };

const STEPS = [MINUTE, 2 * MINUTE, 5 * MINUTE, 10 * MINUTE, 15 * MINUTE, 30 * MINUTE, HOUR, 2 * HOUR, 3 * HOUR, 6 * HOUR, 12 * HOUR, 24 * HOUR];
const ROOM_PX = 72;

export interface Tick {
    at: number;
    /** "14:05"; at the begin of a day with its date. */
    label: string;
}

function labelOf(at: number): string {
    const time = new Date(at);
    const clock = time.toLocaleTimeString("en-GB", { hour: "2-digit", minute: "2-digit" });
    return clock === "00:00" ? time.toLocaleDateString("en-GB", { day: "numeric", month: "short" }) : clock;
}

export function ticksOf(from: number, to: number, width: number): Tick[] {
    const step = STEPS.find((each) => ((to - from) / each) * ROOM_PX <= width) ?? STEPS.at(-1)!;
    // Round in the local time, as it is at the end.
    const offset = new Date(to).getTimezoneOffset() * MINUTE;
    const ticks: Tick[] = [];
    for (let at = Math.ceil((from - offset) / step) * step + offset; at <= to; at += step) ticks.push({ at, label: labelOf(at) });
    return ticks;
}
