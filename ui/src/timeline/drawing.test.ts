import { describe, expect, test } from "vitest";
import { ticksOf } from "./axis.ts";
import { spanByKey } from "./chart.tsx";
import { rankRows, ROWS_MAX } from "./ranking.ts";
import { outlineOf, shapesOf, type Plot } from "./shapes.ts";
import { newestFirst } from "./span-list.tsx";
import type { Span } from "./spans.ts";

function span(port: number, begin: number | null, end: number | null, change: Partial<Span> = {}): Span {
    return {
        key: `${port}/${begin}/${end}/${change.kind ?? "lease"}`,
        port,
        kind: "lease",
        finding: null,
        leaseId: 1,
        inode: null,
        service: "web",
        process: null,
        pid: null,
        user: "ann",
        uid: 1000,
        begin,
        end,
        endUnseen: false,
        seen: begin ?? 0,
        reason: null,
        ignored: false,
        ...change,
    };
}
const squat = (port: number, begin: number | null, end: number | null, change: Partial<Span> = {}): Span =>
    span(port, begin, end, { kind: "squat", finding: "taken", ...change });

describe("rows", () => {
    test("squats that go on first, then those of before, then what has changed, then the rest; by port within", () => {
        const spans = [
            span(8001, 50, null),
            span(8002, 150, null),
            squat(8003, 120, 130),
            squat(8005, 120, null),
            squat(8004, 150, null),
            squat(8006, 150, null, { ignored: true }),
        ];
        const { rows, more } = rankRows(spans, 100);
        expect(rows.map((row) => row.port)).toEqual([8004, 8005, 8003, 8002, 8006, 8001]);
        expect(more).toBe(0);
    });
    test("there is room for sixty; the newest of a rank are kept, and the others are counted", () => {
        const spans = Array.from({ length: 70 }, (_, at) => span(8000 + at, 100 + at, null));
        const { rows, more } = rankRows([...spans, squat(9000, 1, null)], 100);
        expect(rows).toHaveLength(ROWS_MAX);
        expect(more).toBe(11);
        expect(rows[0]!.port).toBe(9000);
        expect(rows[1]!.port).toBe(8011);
    });
    test("spans of a row are in the order of time", () => {
        const { rows } = rankRows([span(8001, 50, 60), span(8001, null, 20), squat(8001, 30, 40)], 0);
        expect(rows[0]!.spans.map((each) => each.begin)).toEqual([null, 30, 50]);
    });
    test("the list has the newest first, and those without a begin last", () => {
        const list = newestFirst([span(8001, null, 60), span(8002, 50, null), span(8003, 70, 80), span(8004, null, null)]);
        expect(list.map((each) => each.port)).toEqual([8003, 8002, 8004, 8001]);
    });
});

describe("shapes", () => {
    const plot: Plot = { from: 1000, to: 2000, left: 50, right: 1050, knownFrom: 1000 };
    const draw = (...spans: Span[]) =>
        shapesOf(
            spans,
            spans.map(() => "web"),
            plot,
        );
    test("inside, open to the left, going on, and without a known begin", () => {
        const [inside, before, now, unknown] = draw(span(1, 1100, 1200), span(1, 500, 1010), span(1, 1900, null), span(1, null, 1050));
        expect([inside!.x, inside!.width, inside!.openLeft, inside!.openRight]).toEqual([150, 100, false, false]);
        expect([before!.x, before!.width, before!.openLeft]).toEqual([50, 10, true]);
        expect([now!.x, now!.width, now!.openRight]).toEqual([950, 100, true]);
        expect([unknown!.x, unknown!.openLeft]).toEqual([50, true]);
        expect(shapesOf([span(1, null, 1500)], ["web"], { ...plot, knownFrom: 1400 })[0]!.x).toBe(450);
    });
    test("a moment is still seen, even at the end", () => {
        expect(draw(span(1, 1500, 1500), span(1, 2000, null)).map((shape) => [shape.x, shape.width])).toEqual([
            [550, 4],
            [1046, 4],
        ]);
    });
    test("an open side has no line", () => {
        const [closed, left, right] = draw(span(1, 1100, 1200), span(1, 500, 1100), span(1, 1900, null));
        expect(outlineOf(closed!, 0, 10)).toBe("M250,0H150V10H250V0");
        expect(outlineOf(left!, 0, 10)).toBe("M150,0H50M50,10H150V0");
        expect(outlineOf(right!, 0, 10)).toBe("M1050,0H950V10H1050");
    });
    test("a squat and a lease at the same time have half each", () => {
        expect(draw(span(1, 1100, 1200), squat(1, 1150, 1160), squat(1, 1300, null)).map((shape) => shape.half)).toEqual([true, true, false]);
    });
    test("a name is within, or behind where there is room, or nowhere", () => {
        expect(draw(span(1, 1100, 1200), span(1, 1300, 1310), span(1, 1500, 1510), span(1, 1512, 1520)).map((shape) => shape.title)).toEqual([
            "in",
            "after",
            "none",
            "after",
        ]);
    });
});

describe("the axis", () => {
    const at = (text: string): number => new Date(text).getTime();
    test("round local times with room between them", () => {
        const from = at("2026-01-02T13:52:30");
        expect(
            ticksOf(from, from + 15 * 60_000, 1400)
                .map((tick) => tick.label)
                .slice(0, 3),
        ).toEqual(["13:53", "13:54", "13:55"]);
        expect(ticksOf(from, from + 15 * 60_000, 300).map((tick) => tick.label)).toEqual(["13:55", "14:00", "14:05"]);
        expect(ticksOf(from, from + 3600_000, 500).map((tick) => tick.label)).toEqual(["14:00", "14:10", "14:20", "14:30", "14:40", "14:50"]);
    });
    test("a day has its date where it begins", () => {
        const from = at("2026-01-02T13:52:30");
        expect(ticksOf(from, from + 86_400_000, 700).map((tick) => tick.label)).toEqual([
            "15:00",
            "18:00",
            "21:00",
            "3 Jan",
            "03:00",
            "06:00",
            "09:00",
            "12:00",
        ]);
    });
});

describe("keys", () => {
    const a = span(8001, 10, 20);
    const b = span(8001, 30, 40);
    const c = span(8002, 12, 14);
    const d = span(8002, 32, null);
    const rows = [
        { port: 8001, spans: [a, b] },
        { port: 8002, spans: [c, d] },
    ];
    test("left and right along the row, up and down to what is nearest in time", () => {
        const go = (key: string, from: Span): Span | null => spanByKey(key, rows, from, 50);
        expect([go("ArrowRight", a), go("ArrowRight", b), go("ArrowLeft", b), go("ArrowLeft", a)]).toEqual([b, b, a, a]);
        expect([go("ArrowDown", a), go("ArrowDown", b), go("ArrowUp", d), go("ArrowUp", a), go("ArrowDown", c)]).toEqual([c, d, b, a, c]);
        expect([go("Home", b), go("End", a), go("x", a)]).toEqual([a, b, null]);
    });
});
