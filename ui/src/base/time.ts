/* Times for a person: short, the same words as portctl's. */
import { useEffect, useState, useSyncExternalStore } from "react";

/** "3m02s", "2h05m", "1d03h", "12s". */
export function formatDuration(ms: number): string {
    const seconds = Math.max(0, Math.floor(ms / 1000));
    const two = (n: number): string => String(n).padStart(2, "0");
    if (seconds < 60) return `${seconds}s`;
    if (seconds < 3600) return `${Math.floor(seconds / 60)}m${two(seconds % 60)}s`;
    if (seconds < 86400) return `${Math.floor(seconds / 3600)}h${two(Math.floor(seconds / 60) % 60)}m`;
    return `${Math.floor(seconds / 86400)}d${two(Math.floor(seconds / 3600) % 24)}h`;
}

/** "14:02:11" today, else with the date. */
export function formatClock(ms: number, now = Date.now()): string {
    const time = new Date(ms).toLocaleTimeString("en-GB");
    return new Date(ms).toDateString() === new Date(now).toDateString() ? time : `${new Date(ms).toLocaleDateString("en-CA")} ${time}`;
}

export function parseTime(text: string | null): number | null {
    const ms = text === null ? NaN : Date.parse(text);
    return Number.isNaN(ms) ? null : ms;
}

/* One clock for the page, so that everything that counts counts at once. */
const ticking = new Set<() => void>();
let timer: ReturnType<typeof setInterval> | null = null;

function subscribe(tick: () => void): () => void {
    ticking.add(tick);
    timer ??= setInterval(() => ticking.forEach((each) => each()), 1000);
    return () => {
        ticking.delete(tick);
        if (ticking.size === 0 && timer !== null) {
            clearInterval(timer);
            timer = null;
        }
    };
}

/** What `select` makes of this moment; the component is rendered anew only when that is another. */
export function useClock<T extends string | number | boolean | null>(select: (now: number) => T): T {
    return useSyncExternalStore(subscribe, () => select(Date.now()));
}

/** This moment, anew each second. */
export function useNow(): number {
    const [now, setNow] = useState(() => Date.now());
    useEffect(() => subscribe(() => setNow(Date.now())), []);
    return now;
}
