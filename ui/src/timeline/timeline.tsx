/* What has happened on the ports: 15 minutes, an hour, or a day of it, as a drawing or as a list. */
import { ChartGantt, List, Pause, Play } from "lucide-react";
import { useMemo } from "react";
import { usePageCommand } from "../base/page-commands.ts";
import { formatClock } from "../base/time.ts";
import { setUrlState, useUrlState } from "../find/url-state.ts";
import { spanWords, type SpanLength } from "./axis.ts";
import { Chart } from "./chart.tsx";
import { rankRows } from "./ranking.ts";
import { EVENTS_READ_MAX } from "./reading.ts";
import { SpanList } from "./span-list.tsx";
import { useTimeline, type TimelineView } from "./use-timeline.ts";
import "./timeline.css";

const lengths: readonly { length: SpanLength; word: string }[] = [
    { length: "15m", word: "15 minutes" },
    { length: "1h", word: "1 hour" },
    { length: "1d", word: "1 day" },
];

function LengthButtons({ length }: { length: SpanLength }) {
    return (
        <div role="group" aria-label="How much of it" className="tl-lengths">
            {lengths.map((each) => (
                <button
                    key={each.length}
                    type="button"
                    className="button small"
                    aria-pressed={each.length === length}
                    onClick={() => setUrlState({ span: each.length })}
                >
                    {each.word}
                </button>
            ))}
        </div>
    );
}

function Tools({ view, length, list }: { view: TimelineView; length: SpanLength; list: boolean }) {
    const paused = view.pausedAt !== null;
    usePageCommand("pause-timeline", paused ? "Resume the timeline" : "Pause the timeline", paused ? view.resume : view.pause);
    return (
        <div className="tl-tools">
            <LengthButtons length={length} />
            <button type="button" className="button small" onClick={() => setUrlState({ list: !list })}>
                {list ? <ChartGantt size={14} aria-hidden="true" /> : <List size={14} aria-hidden="true" />}
                {list ? "Show as a timeline" : "Show as a list"}
            </button>
            <button type="button" className="button small" onClick={paused ? view.resume : view.pause}>
                {paused ? <Play size={14} aria-hidden="true" /> : <Pause size={14} aria-hidden="true" />}
                {paused ? "Resume" : "Pause"}
            </button>
            {paused && <span className="tl-paused">paused at {formatClock(view.pausedAt!)}</span>}
        </div>
    );
}

function Notes({ view }: { view: TimelineView }) {
    return (
        <>
            {view.error && (
                <p className="problem" role="alert">
                    What happened cannot be read: <bdi>{view.error.message}</bdi>{" "}
                    <button type="button" className="button small" onClick={view.retry}>
                        Try again
                    </button>
                </p>
            )}
            {view.loading && <p className="muted tl-note">Reading what happened…</p>}
            {view.knownFrom !== null && (
                <p className="muted tl-note">
                    Only the newest {new Intl.NumberFormat("en").format(EVENTS_READ_MAX)} events are shown: all is known from{" "}
                    {formatClock(view.knownFrom)} on.
                </p>
            )}
        </>
    );
}

function Empty({ length }: { length: SpanLength }) {
    const longer = lengths.slice(lengths.findIndex((each) => each.length === length) + 1);
    return (
        <div className="empty">
            <p>Nothing has happened in the last {spanWords[length]}.</p>
            {longer.map((each) => (
                <button key={each.length} type="button" className="button small" onClick={() => setUrlState({ span: each.length })}>
                    Look at the last {spanWords[each.length]}
                </button>
            ))}
        </div>
    );
}

function Key() {
    return (
        <ul className="tl-key" aria-label="Legend">
            <li>
                <span aria-hidden="true" className="tl-swatch tl-swatch-lease" /> leased
            </li>
            <li>
                <span aria-hidden="true" className="tl-swatch tl-swatch-error" /> squatted
            </li>
            <li>
                <span aria-hidden="true" className="tl-swatch tl-swatch-warning" /> unleased or shared
            </li>
            <li>open at a side: begun before, or going on</li>
        </ul>
    );
}

function Content({ view, length, list }: { view: TimelineView; length: SpanLength; list: boolean }) {
    const label = `What happened in the last ${spanWords[length]}`;
    const { rows, more } = useMemo(() => rankRows(view.spans, view.from), [view.spans, view.from]);
    // While nothing has been read, and when it cannot be, that nothing is there says nothing.
    if (rows.length === 0) return view.loading || view.error ? null : <Empty length={length} />;
    if (list) return <SpanList label={label} spans={view.spans} end={view.end} />;
    const endLabel = view.pausedAt === null && view.live ? "now" : formatClock(view.end);
    return (
        <>
            <Chart label={label} rows={rows} from={view.from} end={view.end} knownFrom={view.knownFrom} endLabel={endLabel} />
            {more > 0 && (
                <p className="muted tl-note">
                    {more === 1 ? "One more port is" : `${new Intl.NumberFormat("en").format(more)} more ports are`} in the list.
                </p>
            )}
            <Key />
        </>
    );
}

export function Timeline() {
    const { span: length, list } = useUrlState();
    const view = useTimeline(length);
    return (
        <section className="panel timeline" aria-labelledby="timeline-title">
            <div className="tl-head">
                <h2 id="timeline-title">Timeline</h2>
                <Tools view={view} length={length} list={list} />
            </div>
            <Notes view={view} />
            <Content view={view} length={length} list={list} />
        </section>
    );
}
