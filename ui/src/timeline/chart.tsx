/*
 * The timeline as a drawing: a row a port, a bar a span. To assistive technology and to the keyboard it is a grid with one tab stop; what has the focus is
 * remembered by the span's key, so that nothing that arrives moves it.
 */
import { memo, useId, useMemo, useRef, useState, type FocusEvent, type KeyboardEvent, type MouseEvent } from "react";
import { useWidth } from "../base/use-width.ts";
import { setUrlState } from "../find/url-state.ts";
import { ticksOf, type Tick } from "./axis.ts";
import type { TimelineRow } from "./ranking.ts";
import { BAR, BAR_TOP, outlineOf, ROW, shapesOf, xOf, type Plot, type Shape } from "./shapes.ts";
import type { Span } from "./spans.ts";
import { describe, titleOf } from "./words.ts";

const LEFT = 56;
const RIGHT = 14;

export interface ChartProps {
    label: string;
    rows: readonly TimelineRow[];
    from: number;
    end: number;
    knownFrom: number | null;
    /** "now", or when it was paused. */
    endLabel: string;
}

function Hatch({ id }: { id: string }) {
    return (
        <pattern id={id} width="7" height="7" patternUnits="userSpaceOnUse" patternTransform="rotate(45)">
            <rect width="7" height="7" className="tl-hatch-ground" />
            <rect width="3" height="7" className="tl-hatch-line" />
        </pattern>
    );
}

function tone(span: Span): "lease" | "error" | "warning" {
    if (span.kind === "lease") return "lease";
    return span.finding === "taken" ? "error" : "warning";
}

interface BarProps {
    shape: Shape;
    title: string;
    name: string;
    tab: boolean;
    hatch: string;
}

function Bar({ shape, title, name, tab, hatch }: BarProps) {
    const { span } = shape;
    const isLease = span.kind === "lease";
    const lower = shape.half && !isLease;
    const height = lower ? BAR / 2 : BAR;
    const top = lower ? BAR_TOP + BAR / 2 : BAR_TOP;
    const textX = shape.title === "after" ? shape.x + shape.width + 4 : 5;
    const baseline = shape.half ? top + 10.5 : BAR_TOP + 17;
    return (
        <g role="gridcell" aria-label={name} tabIndex={tab ? 0 : -1} className={`tl-span tl-${tone(span)}`} data-key={span.key}>
            <rect className="tl-hit" x={shape.x} y={top} width={Math.max(shape.width, 10)} height={height} />
            <rect className="tl-fill" x={shape.x} y={top} width={shape.width} height={height} fill={isLease ? undefined : `url(#${hatch})`} />
            <path className="tl-edge" d={outlineOf(shape, top, height)} />
            {span.endUnseen && <path className="tl-edge tl-unseen" d={`M${shape.x + shape.width},${top}v${height}`} />}
            {shape.title === "in" && (
                <svg x={shape.x} y={0} width={Math.max(0, shape.width - 2)} height={ROW} aria-hidden="true">
                    <text className="tl-title" x={textX} y={baseline}>
                        {`\u2068${title}\u2069`}
                    </text>
                </svg>
            )}
            {shape.title === "after" && (
                <text className="tl-title" x={textX} y={baseline} aria-hidden="true">
                    {`\u2068${title}\u2069`}
                </text>
            )}
            <rect className="tl-ring" x={shape.x - 1} y={top - 1} width={shape.width + 2} height={height + 2} rx="2" />
        </g>
    );
}

interface RowProps {
    row: TimelineRow;
    y: number;
    plot: Plot;
    active: string | null;
    hatches: { error: string; warning: string };
}

const Row = memo(function Row({ row, y, plot, active, hatches }: RowProps) {
    const titles = row.spans.map(titleOf);
    const shapes = shapesOf(row.spans, titles, plot);
    // Squats are drawn over leases, whichever began first; the keys go by time.
    const order = [...shapes.keys()].sort((a, b) => Number(shapes[a]!.span.kind === "squat") - Number(shapes[b]!.span.kind === "squat"));
    return (
        <g role="row" transform={`translate(0 ${y})`}>
            <rect className="tl-lane" x={0} y={0} width={plot.right} height={ROW} />
            <text role="rowheader" className="tl-port" x={LEFT - 8} y={20} textAnchor="end">
                {row.port}
            </text>
            {order.map((at) => {
                const shape = shapes[at]!;
                return (
                    <Bar
                        key={shape.span.key}
                        shape={shape}
                        title={titles[at]!}
                        name={describe(shape.span, plot.to)}
                        tab={shape.span.key === active}
                        hatch={shape.span.finding === "taken" ? hatches.error : hatches.warning}
                    />
                );
            })}
        </g>
    );
});

function Axis({ ticks, plot, width, endLabel }: { ticks: readonly Tick[]; plot: Plot; width: number; endLabel: string }) {
    // The end's own label has the place of the last ticks.
    const free = plot.right - endLabel.length * 7 - 28;
    return (
        <svg className="tl-axis" width={width} height={22} aria-hidden="true">
            {ticks.map((tick) => {
                const x = xOf(plot, tick.at);
                return (
                    x < free && (
                        <text key={tick.at} className="tl-time" x={x} y={15} textAnchor={x < LEFT + 18 ? "start" : "middle"}>
                            {tick.label}
                        </text>
                    )
                );
            })}
            <text className="tl-time tl-now-label" x={plot.right + RIGHT - 2} y={15} textAnchor="end">
                {endLabel}
            </text>
        </svg>
    );
}

/* Up and down go to the span that is nearest in time to where one is. */
function nearest(spans: readonly Span[], to: Span, end: number): Span {
    const middle = (span: Span): number => ((span.begin ?? 0) + (span.end ?? end)) / 2;
    return spans.reduce((best, span) => (Math.abs(middle(span) - middle(to)) < Math.abs(middle(best) - middle(to)) ? span : best));
}

export function spanByKey(key: string, rows: readonly TimelineRow[], at: Span, end: number): Span | null {
    const row = rows.findIndex((each) => each.spans.includes(at));
    if (row < 0) return null;
    const { spans } = rows[row]!;
    const column = spans.indexOf(at);
    switch (key) {
        case "ArrowLeft":
            return spans[column - 1] ?? at;
        case "ArrowRight":
            return spans[column + 1] ?? at;
        case "ArrowUp":
            return row > 0 ? nearest(rows[row - 1]!.spans, at, end) : at;
        case "ArrowDown":
            return row < rows.length - 1 ? nearest(rows[row + 1]!.spans, at, end) : at;
        case "Home":
            return spans[0]!;
        case "End":
            return spans.at(-1)!;
        default:
            return null;
    }
}

function elementOf(within: Element | null, span: Span): SVGElement | undefined {
    return Array.from(within?.querySelectorAll<SVGElement>("[data-key]") ?? []).find((each) => each.dataset["key"] === span.key);
}

export function Chart({ label, rows, from, end, knownFrom, endLabel }: ChartProps) {
    const ref = useRef<HTMLDivElement>(null);
    const width = useWidth(ref, 800);
    const id = useId();
    const [wanted, setActive] = useState<string | null>(null);
    const [look, setLook] = useState<string | null>(null);
    const spans = useMemo(() => new Map(rows.flatMap((row) => row.spans.map((span) => [span.key, span] as const))), [rows]);
    const active = wanted !== null && spans.has(wanted) ? wanted : (rows[0]?.spans[0]?.key ?? null);
    const plot = useMemo(
        (): Plot => ({ from, to: end, left: LEFT, right: Math.max(LEFT + 40, width - RIGHT), knownFrom: knownFrom ?? from }),
        [from, end, width, knownFrom],
    );
    const hatches = useMemo(() => ({ error: `${id}error`, warning: `${id}warning` }), [id]);
    const ticks = ticksOf(from, end, plot.right - plot.left);
    const height = rows.length * ROW;

    const spanAt = (target: EventTarget): Span | undefined =>
        target instanceof Element ? spans.get(target.closest<SVGElement>("[data-key]")?.dataset["key"] ?? "") : undefined;
    const focused = (): string | null => (ref.current?.contains(document.activeElement) ? (spanAt(document.activeElement!)?.key ?? null) : null);
    const onKeyDown = (event: KeyboardEvent): void => {
        const at = spanAt(event.target);
        if (!at || event.altKey || event.metaKey || event.ctrlKey) return;
        const to = spanByKey(event.key, rows, at, end);
        if (to) elementOf(ref.current, to)?.focus();
        else if (event.key === "Enter" || event.key === " ") setUrlState({ port: at.port });
        else return;
        event.preventDefault();
    };
    const onFocus = (event: FocusEvent): void => {
        const span = spanAt(event.target);
        if (!span) return;
        setActive(span.key);
        setLook(span.key);
    };
    const onClick = (event: MouseEvent): void => {
        const span = spanAt(event.target);
        if (span) setUrlState({ port: span.port });
    };
    const looked = look === null ? undefined : spans.get(look);
    const words = looked ? describe(looked, end) : "Arrow keys move from span to span; Enter opens the port.";
    return (
        <>
            <div className="tl-box">
                <div ref={ref} className="tl-wide">
                    <Axis ticks={ticks} plot={plot} width={width} endLabel={endLabel} />
                    <svg
                        role="grid"
                        aria-label={label}
                        className="tl-chart"
                        width={width}
                        height={height}
                        onKeyDown={onKeyDown}
                        onFocus={onFocus}
                        onBlur={() => setLook(null)}
                        onClick={onClick}
                        onMouseOver={(event) => setLook(spanAt(event.target)?.key ?? focused())}
                        onMouseLeave={() => setLook(focused())}
                    >
                        <defs>
                            <g className="tl-error">
                                <Hatch id={hatches.error} />
                            </g>
                            <g className="tl-warning">
                                <Hatch id={hatches.warning} />
                            </g>
                        </defs>
                        {knownFrom !== null && <rect className="tl-unknown" x={LEFT} y={0} width={xOf(plot, knownFrom) - LEFT} height={height} />}
                        {ticks.map((tick) => (
                            <line key={tick.at} className="tl-tick" x1={xOf(plot, tick.at)} x2={xOf(plot, tick.at)} y1={0} y2={height} />
                        ))}
                        {(width > 0 ? rows : []).map((row, at) => (
                            <Row
                                key={row.port}
                                row={row}
                                y={at * ROW}
                                plot={plot}
                                active={active !== null && spans.get(active)?.port === row.port ? active : null}
                                hatches={hatches}
                            />
                        ))}
                        <line className="tl-now" x1={plot.right} x2={plot.right} y1={0} y2={height} />
                    </svg>
                </div>
            </div>
            <p className="tl-words" title={words}>
                <bdi>{words}</bdi>
            </p>
        </>
    );
}
