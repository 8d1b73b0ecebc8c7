/* Which ports the timeline has room for, and in what order. */
import type { Span } from "./spans.ts";

export interface TimelineRow {
    port: number;
    /** By their begin. */
    spans: Span[];
}

export const ROWS_MAX = 60;

/* What somebody should look at comes first, then what was wrong, then what has changed, then what only goes on. */
function rankOf(spans: readonly Span[], from: number): number {
    if (spans.some((span) => span.kind === "squat" && span.end === null && !span.ignored)) return 0;
    if (spans.some((span) => span.kind === "squat" && !span.ignored)) return 1;
    if (spans.some((span) => span.end !== null || (span.begin !== null && span.begin >= from))) return 2;
    return 3;
}

function newest(spans: readonly Span[]): number {
    return Math.max(...spans.map((span) => span.end ?? span.begin ?? -Infinity));
}

/** The rows to be shown of spans that are within the window, and how many ports are left out. Within a rank by port, so that rows do not change places. */
export function rankRows(spans: readonly Span[], from: number): { rows: TimelineRow[]; more: number } {
    const byPort = new Map<number, Span[]>();
    for (const span of spans) {
        const list = byPort.get(span.port);
        if (list) list.push(span);
        else byPort.set(span.port, [span]);
    }
    const all = Array.from(byPort, ([port, list]) => ({ port, rank: rankOf(list, from), newest: newest(list), list }));
    all.sort((a, b) => a.rank - b.rank || b.newest - a.newest || a.port - b.port);
    const kept = all.slice(0, ROWS_MAX).sort((a, b) => a.rank - b.rank || a.port - b.port);
    return {
        rows: kept.map(({ port, list }) => ({ port, spans: list.sort((a, b) => (a.begin ?? -Infinity) - (b.begin ?? -Infinity)) })),
        more: all.length - kept.length,
    };
}
