/* Where a span is drawn. */
import type { Span } from "./spans.ts";

export interface Plot {
    from: number;
    to: number;
    left: number;
    right: number;
    /** All is known from here on (ms). */
    knownFrom: number;
}

export interface Shape {
    span: Span;
    x: number;
    width: number;
    /** It has begun before the window, or nobody knows when. */
    openLeft: boolean;
    openRight: boolean;
    /** A squat over a lease takes the lower half, so that both are seen; the lease's name then is in the upper one. */
    half: boolean;
    /** Where the name is written: within, behind it, or nowhere. */
    title: "in" | "after" | "none";
}

export const ROW = 32;
export const BAR_TOP = 3;
export const BAR = 26;
const WIDTH_MIN = 4;
const CHAR = 6.6;
const TITLE_MIN = 30;

export function xOf(plot: Plot, at: number): number {
    const x = plot.left + ((at - plot.from) / (plot.to - plot.from)) * (plot.right - plot.left);
    return Math.max(plot.left, Math.min(plot.right, x));
}

function overlap(a: Span, b: Span): boolean {
    return (a.begin ?? -Infinity) < (b.end ?? Infinity) && (b.begin ?? -Infinity) < (a.end ?? Infinity);
}

/** The shapes of a row, in the order of its spans. `titles` have the same order. */
export function shapesOf(spans: readonly Span[], titles: readonly string[], plot: Plot): Shape[] {
    const shapes = spans.map((span): Shape => {
        const begin = span.begin ?? plot.knownFrom;
        const x = Math.min(xOf(plot, begin), plot.right - WIDTH_MIN);
        const width = Math.max(WIDTH_MIN, xOf(plot, span.end ?? plot.to) - x);
        return {
            span,
            x,
            width,
            openLeft: span.begin === null || span.begin < plot.from,
            openRight: span.end === null,
            half: spans.some((other) => other.kind !== span.kind && overlap(other, span)),
            title: "none",
        };
    });
    shapes.forEach((shape, at) => {
        shape.title = placeTitle(shape, titles[at]!.length * CHAR + 10, shapes, plot);
    });
    return shapes;
}

function placeTitle(shape: Shape, room: number, shapes: readonly Shape[], plot: Plot): Shape["title"] {
    if (shape.width >= Math.min(room, 4 * TITLE_MIN)) return "in";
    const end = shape.x + shape.width;
    const next = Math.min(plot.right, ...shapes.filter((each) => each !== shape && each.x + each.width > end).map((each) => Math.max(end, each.x)));
    if (next - end >= room) return "after";
    return shape.width >= TITLE_MIN ? "in" : "none";
}

/** The outline of a bar; an open side has no line. */
export function outlineOf(shape: Shape, top: number, height: number): string {
    const { x } = shape;
    const right = x + shape.width;
    const bottom = top + height;
    const start = shape.openLeft ? `M${right},${top}H${x}M${x},${bottom}` : `M${right},${top}H${x}V${bottom}`;
    return `${start}H${right}${shape.openRight || shape.span.endUnseen ? "" : `V${top}`}`;
}
