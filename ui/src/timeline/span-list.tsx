/* The timeline's twin: the same spans as a table, the newest first. */
import { useState } from "react";
import { formatClock } from "../base/time.ts";
import { setUrlState } from "../find/url-state.ts";
import type { Span } from "./spans.ts";
import { durationOf, titleOf, whoOf, wordOf } from "./words.ts";

const SHOWN_FIRST = 100;

/** The newest first: by their begin; what has begun before all that is known comes last. */
export function newestFirst(spans: readonly Span[]): Span[] {
    return [...spans].sort((a, b) => (b.begin ?? -Infinity) - (a.begin ?? -Infinity) || (b.end ?? Infinity) - (a.end ?? Infinity) || a.port - b.port);
}

function When({ span, end }: { span: Span; end: number }) {
    if (span.begin !== null) return <>{formatClock(span.begin, end)}</>;
    return <>{span.end === null ? "before what is known" : `before ${formatClock(span.end, end)}`}</>;
}

function Line({ span, end }: { span: Span; end: number }) {
    return (
        <tr>
            <td className="tl-cell-when">
                <When span={span} end={end} />
            </td>
            <td className="tl-cell-when">
                {durationOf(span, end)}
                {span.end === null && <span className="muted"> and going on</span>}
            </td>
            <td>
                <button
                    type="button"
                    className="button small"
                    aria-label={`Details of port ${span.port}`}
                    onClick={() => setUrlState({ port: span.port })}
                >
                    {span.port}
                </button>
            </td>
            <td className="tl-cell-what">
                <span className={`tl-word tl-${span.kind === "lease" ? "lease" : span.finding === "taken" ? "error" : "warning"}`}>
                    {wordOf(span)}
                </span>{" "}
                {span.kind === "lease" ? "to" : "by"} <bdi>{titleOf(span)}</bdi>
                {span.ignored && <span className="muted"> (ignored)</span>}
            </td>
            <td className="tl-cell-who">
                <bdi>{whoOf(span)}</bdi>
            </td>
            <td className="tl-cell-reason">
                {span.endUnseen ? "Its end was not seen. " : ""}
                <bdi>{span.reason}</bdi>
            </td>
        </tr>
    );
}

export function SpanList({ label, spans, end }: { label: string; spans: readonly Span[]; end: number }) {
    const [shown, setShown] = useState(SHOWN_FIRST);
    const sorted = newestFirst(spans);
    return (
        <div className="tl-box" role="region" aria-label={label} tabIndex={0}>
            <table className="tl-table">
                <caption className="visually-hidden">{label}</caption>
                <thead>
                    <tr>
                        <th scope="col" aria-sort="descending">
                            When
                        </th>
                        <th scope="col">How long</th>
                        <th scope="col">Port</th>
                        <th scope="col">What</th>
                        <th scope="col">Who</th>
                        <th scope="col">Reason</th>
                    </tr>
                </thead>
                <tbody>
                    {sorted.slice(0, shown).map((span) => (
                        <Line key={span.key} span={span} end={end} />
                    ))}
                </tbody>
            </table>
            {sorted.length > shown && (
                <button type="button" className="button small" onClick={() => setShown(shown + SHOWN_FIRST)}>
                    Show more ({sorted.length - shown} left)
                </button>
            )}
        </div>
    );
}
