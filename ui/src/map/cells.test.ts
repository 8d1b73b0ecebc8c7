import { describe, expect, test } from "vitest";
import { lease, listener, squatted, stateWith } from "../../test/samples.ts";
import { rowsOf, type PortRow } from "../rows/rows.ts";
import { cellsOf, countExcluded, countStates, describeUse, parseExcluded, type CellInput } from "./cells.ts";
import { columnsFor, moveBy, spanSize } from "./layout.ts";

const bad = squatted(8001);
const state = stateWith({
    leases: [bad.lease, lease(8003)],
    listeners: [bad.listener, listener(8005)],
    squatters: [bad.finding],
});
const rows = rowsOf(state.ports, state.meta);

function input(change: Partial<CellInput> = {}): CellInput {
    return {
        range: { min: 8000, max: 8009 },
        excluded: parseExcluded("8007-8008"),
        rows: new Map(rows.map((row) => [row.port, row])),
        matches: null,
        ...change,
    };
}

describe("cells", () => {
    test("each port says its state, its service and its process", () => {
        expect(cellsOf(input(), 1, []).map((cell) => cell.name)).toEqual([
            "8000, free",
            "8001, squatted, my-api, python3",
            "8002, free",
            "8003, waiting, my-api",
            "8004, free",
            "8005, listening, python3",
            "8006, free",
            "8007, excluded",
            "8008, excluded",
            "8009, free",
        ]);
    });
    test("a cell that says the same is the same object", () => {
        const before = cellsOf(input(), 1, []);
        const after = cellsOf(input({ rows: new Map(rows.filter((row) => row.port !== 8003).map((row) => [row.port, row])) }), 1, before);
        expect(after.map((cell, at) => cell === before[at])).toEqual([true, true, true, false, true, true, true, true, true, true]);
        expect(after[3]!.name).toBe("8003, free");
    });
    test("what the filter does not leave is dim", () => {
        const cells = cellsOf(input({ matches: (row) => row.state === "squatted" }), 1, []);
        expect(cells.filter((cell) => !cell.dim).map((cell) => cell.port)).toEqual([8001]);
        expect(cellsOf(input(), 1, []).some((cell) => cell.dim)).toBe(false);
    });
    test("a span has the worst state of its ports, and says how many are used", () => {
        const spans = cellsOf(input({ range: { min: 8000, max: 8021 }, excluded: parseExcluded("8010-8019") }), 10, []);
        expect(spans.map((cell) => cell.name)).toEqual([
            "8000 to 8009, 3 of 10 used, worst: squatted",
            "8010 to 8019, all excluded",
            "8020 to 8021, all free",
        ]);
        expect(spans[0]).toMatchObject({ port: 8000, last: 8009, state: "squatted", severity: "error", used: 3 });
    });
    test("an ignored squatter says so, and is not the worst of its span", () => {
        const ignored = squatted(8001, { finding: { ignored: true } });
        const other = squatted(8002, { lease: { conflict: "split" }, finding: { kind: "split" } });
        const s = stateWith({ leases: [ignored.lease, other.lease], listeners: [], squatters: [ignored.finding, other.finding] });
        const byPort = new Map<number, PortRow>(rowsOf(s.ports, s.meta).map((row) => [row.port, row]));
        expect(cellsOf(input({ rows: byPort }), 1, [])[1]!.name).toBe("8001, squatted, my-api, python3, ignored");
        expect(cellsOf(input({ rows: byPort }), 10, [])[0]!.name).toBe("8000 to 8009, 2 of 10 used, worst: shared");
    });
    test("names of 4 KiB end", () => {
        const long = stateWith({ listeners: [listener(8005, { process: "x".repeat(4096) })] });
        const cells = cellsOf(input({ rows: new Map(rowsOf(long.ports, long.meta).map((row) => [row.port, row])) }), 1, []);
        expect(cells[5]!.name.length).toBeLessThan(160);
    });
});

describe("the range in words", () => {
    test("counts", () => {
        expect(describeUse({ min: 8000, max: 9000 }, rows)).toBe("2 of 1,001 ports leased, 1 squatted");
        const excluded = parseExcluded("8007-8008, 9500, nonsense,");
        expect(excluded).toEqual([
            { min: 8007, max: 8008 },
            { min: 9500, max: 9500 },
        ]);
        expect(countExcluded({ min: 8000, max: 9000 }, excluded)).toBe(2);
        expect(countStates({ min: 8000, max: 8009 }, rows, 2)).toEqual([
            { state: "pending", count: 1 },
            { state: "squatted", count: 1 },
            { state: "unmanaged", count: 1 },
            { state: "free", count: 5 },
            { state: "excluded", count: 2 },
        ]);
    });
});

describe("layout", () => {
    test("a cell is a port up to 4,096 of them, then a round number of ports", () => {
        expect([1001, 4096, 4097, 20000, 64512, 65535].map(spanSize)).toEqual([1, 1, 10, 50, 100, 100]);
    });
    test("columns are round, and at least one", () => {
        expect([10, 70, 170, 300, 800].map((width) => columnsFor(width, 17))).toEqual([1, 4, 10, 15, 40]);
    });
    test("keys", () => {
        // 23 cells in rows of 5; the last row has three.
        const move = (key: string, at: number, ctrl = false): number | null => moveBy(key, ctrl, at, 5, 23);
        expect([move("ArrowLeft", 5), move("ArrowLeft", 0), move("ArrowRight", 4), move("ArrowRight", 22)]).toEqual([4, 0, 5, 22]);
        expect([move("ArrowUp", 7), move("ArrowUp", 2), move("ArrowDown", 7), move("ArrowDown", 19)]).toEqual([2, 2, 12, 19]);
        expect([move("Home", 7), move("End", 7), move("End", 21), move("Home", 7, true), move("End", 7, true)]).toEqual([5, 9, 22, 0, 22]);
        expect([move("PageDown", 3), move("PageDown", 1), move("PageUp", 21), move("a", 3)]).toEqual([18, 21, 1, null]);
        expect(moveBy("PageDown", false, 3, 5, 1001)).toBe(53);
    });
});
