/* A span in words: for who does not see it, for the line under the timeline, and for the list. */
import { formatClock, formatDuration } from "../base/time.ts";
import type { Span } from "./spans.ts";

const squatWords: Readonly<Record<string, string>> = {
    unleased: "unleased",
    taken: "squatted",
    split: "shared",
    shared: "shared",
    inactive: "bound, not listening",
};

/* Names are somebody else's and may be 4 KiB; what is read aloud has an end. */
function short(text: string): string {
    return text.length > 128 ? `${text.slice(0, 127)}…` : text;
}

/** "leased", "squatted", "shared", … */
export function wordOf(span: Span): string {
    return span.kind === "lease" ? "leased" : (squatWords[span.finding ?? ""] ?? "squatted");
}

/** The name on the span. */
export function titleOf(span: Span): string {
    if (span.kind === "lease") return short(span.service ?? "a lease");
    return short(span.process ?? "a hidden process");
}

/** "leased to my-api", "squatted by python3". */
export function whatOf(span: Span): string {
    return `${wordOf(span)} ${span.kind === "lease" ? "to" : "by"} ${titleOf(span)}`;
}

export function whoOf(span: Span): string {
    const user = span.user ?? (span.uid === null ? "unknown" : `uid ${span.uid}`);
    return span.kind === "squat" && span.pid !== null ? `${short(user)} (pid ${span.pid})` : short(user);
}

export function durationOf(span: Span, now: number): string {
    if (span.begin === null) return span.end === null ? "all the time" : "unknown";
    const length = formatDuration((span.end ?? now) - span.begin);
    return span.endUnseen ? `about ${length}` : length;
}

/** "14:02:11 to 14:05:11, 3m00s". */
export function whenOf(span: Span, now: number): string {
    const clock = (at: number): string => formatClock(at, now);
    if (span.begin === null) {
        if (span.end === null) return "since before what is known, going on";
        return span.endUnseen ? `until about ${clock(span.end)}, its end was not seen` : `until ${clock(span.end)}, begun before what is known`;
    }
    if (span.end === null) return `since ${clock(span.begin)}, ${durationOf(span, now)}, going on`;
    const unseen = span.endUnseen ? ", its end was not seen" : "";
    return `${clock(span.begin)} to ${clock(span.end)}, ${durationOf(span, now)}${unseen}`;
}

export function describe(span: Span, now: number): string {
    const ignored = span.ignored ? ", ignored" : "";
    return `${span.port}, ${whatOf(span)}${ignored}, ${whoOf(span)}, ${whenOf(span, now)}`;
}
