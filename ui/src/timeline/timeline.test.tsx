import { act, cleanup, fireEvent, screen, within } from "@testing-library/react";
import { beforeEach, describe, expect, test, vi } from "vitest";
import { renderWith } from "../../test/render.tsx";
import { lease, NOW, record, snapshot, squatted, storeWith } from "../../test/samples.ts";
import type { Event } from "../api/types.ts";
import { readUrl, setUrlState } from "../find/url-state.ts";
import { fold, type LiveMessage } from "../live/state.ts";
import type { Live, LiveStore } from "../live/store.ts";
import { Timeline } from "./timeline.tsx";

function event(id: number, minutesAgo: number, kind: string, change: object = {}): Event {
    const at = new Date(NOW - minutesAgo * 60_000).toISOString();
    return { id, at, kind, port: 8001, service_name: "web", lease_id: 7, uid: 1000, user: "ann", reason: null, ...change } as Event;
}
const released = [event(1, 9, "lease.granted"), event(2, 5, "lease.released", { reason: "It was given back." })];

// A busy machine takes its time to draw.
vi.setConfig({ testTimeout: 60_000 });

/* What portd answers; `null`: it refuses. */
let answer: Event[] | null = [];
const asked: string[] = [];

beforeEach(() => {
    vi.useFakeTimers({ now: NOW });
    answer = [];
    asked.length = 0;
    vi.stubGlobal("fetch", (path: string) => {
        asked.push(path);
        if (answer) return Promise.resolve(new Response(JSON.stringify({ events: answer, first_id: 1, last_id: answer.at(-1)?.id ?? 0 })));
        const problem = {
            type: "urn:portmanager:problem:internal",
            title: "No",
            status: 500,
            detail: "The events cannot be read; portd's log says why.",
        };
        return Promise.resolve(new Response(JSON.stringify(problem), { status: 500 }));
    });
});

async function pass(ms: number): Promise<void> {
    await act(() => vi.advanceTimersByTimeAsync(ms));
}

async function show(store: LiveStore = storeWith()): Promise<void> {
    renderWith(store, <Timeline />);
    await pass(10);
}

async function arrive(store: LiveStore, ...messages: LiveMessage[]): Promise<void> {
    const inside = store as unknown as { set(change: Partial<Live>): void };
    act(() => inside.set({ state: fold(store.get().state, messages) }));
    await pass(300);
}

function names(): string[] {
    return screen.queryAllByRole("gridcell").map((cell) => cell.getAttribute("aria-label")!.replaceAll(/\d\d:(\d\d:\d\d)/g, "hh:$1"));
}

function press(key: string): void {
    fireEvent.keyDown(document.activeElement!, { key });
}

describe("the timeline", () => {
    test("shows what was read, what goes on, and asks for the window", async () => {
        answer = released;
        const bad = squatted(8005);
        await show(storeWith({ leases: [bad.lease], listeners: [bad.listener], squatters: [bad.finding] }));
        expect(asked).toEqual(["/history?kinds=lease,squatter,conflict&since=2026-01-02T02%3A49%3A05.000Z&limit=1000"]);
        expect(screen.getByRole("grid", { name: "What happened in the last 15 minutes" })).toBeTruthy();
        expect(screen.getAllByRole("rowheader").map((each) => each.textContent)).toEqual(["8005", "8001"]);
        expect(names()).toEqual([
            "8005, leased to my-api, ann, since hh:52:05, 12m00s, going on",
            "8005, squatted by python3, ann (pid 48213), since hh:00:05, 4m00s, going on",
            "8001, leased to web, ann, hh:55:05 to hh:59:05, 4m00s",
        ]);
    });
    test("what the stream tells is added, each once", async () => {
        answer = released;
        const store = storeWith();
        await show(store);
        await arrive(
            store,
            { type: "event", event: released[1]! },
            { type: "event", event: event(3, 0, "lease.granted", { lease_id: 8 }) },
            { type: "port", record: record(11, 8001, { lease: lease(8001, { id: 8, service_name: "web" }) }), receivedAt: NOW },
        );
        expect(names()).toHaveLength(2);
        expect(names()[1]).toBe("8001, leased to web, ann, since hh:04:05, 0s, going on");
    });
    test("moves with the time, and what was leaves it", async () => {
        answer = [event(1, 14, "lease.granted"), event(2, 13, "lease.released")];
        await show();
        expect(names()).toHaveLength(1);
        await pass(3 * 60_000);
        expect(names()).toHaveLength(0);
    });
    test("stands still where motion is to be reduced, but for what is new", async () => {
        vi.spyOn(window, "matchMedia").mockReturnValue({
            matches: true,
            addEventListener: () => {},
            removeEventListener: () => {},
        } as unknown as MediaQueryList);
        answer = [event(1, 14, "lease.granted"), event(2, 13, "lease.released")];
        const store = storeWith();
        await show(store);
        await pass(3 * 60_000);
        expect(names()).toHaveLength(1);
        await arrive(store, { type: "event", event: event(3, -3, "squatter.appeared", { finding: "unleased", port: 8002 }) });
        expect(names().map((name) => name.slice(0, 4))).toEqual(["8002"]);
    });
    test("pauses, says since when, stands still, and goes on to now", async () => {
        answer = [event(1, 14, "lease.granted"), event(2, 13, "lease.released")];
        const store = storeWith();
        await show(store);
        fireEvent.click(screen.getByRole("button", { name: "Pause" }));
        expect(screen.getByText(/^paused at \d\d:04:05$/)).toBeTruthy();
        await pass(3 * 60_000);
        await arrive(store, { type: "port", record: record(11, 8002, { lease: lease(8002) }), receivedAt: NOW });
        expect(names().map((name) => name.slice(0, 4))).toEqual(["8001"]);
        fireEvent.click(screen.getByRole("button", { name: "Resume" }));
        await pass(10);
        expect(names().map((name) => name.slice(0, 4))).toEqual(["8002"]);
        expect(screen.queryByText(/paused/)).toBeNull();
    });
    test("stale data ends where it is known", async () => {
        answer = [event(1, 14, "lease.granted"), event(2, 13, "lease.released")];
        await show(storeWith({}, "reconnecting"));
        await pass(3 * 60_000);
        expect(names()).toHaveLength(1);
    });
    test("reads again when a snapshot tells of events that have not come, and only then", async () => {
        const store = storeWith();
        await show(store);
        expect(asked).toHaveLength(1);
        answer = released;
        await arrive(store, { type: "snapshot", snapshot: snapshot({ version: 20 }), receivedAt: NOW });
        await pass(500);
        expect(asked).toHaveLength(1);
        await arrive(store, { type: "snapshot", snapshot: snapshot({ version: 21, seq: 9 }), receivedAt: NOW });
        await pass(500);
        expect(asked).toHaveLength(2);
        expect(names()).toHaveLength(1);
    });
});

describe("by keyboard and by pointer", () => {
    const two = [...released, event(3, 4, "lease.granted", { lease_id: 8 }), event(4, 3, "lease.released", { lease_id: 8 })];
    const other = [event(5, 2, "lease.granted", { port: 8002, lease_id: 9 }), event(6, 1, "lease.released", { port: 8002, lease_id: 9 })];
    test("one tab stop; arrows; the words; Enter opens", async () => {
        answer = [...two, ...other];
        await show();
        const grid = screen.getByRole("grid");
        expect(grid.querySelectorAll('[tabindex="0"]')).toHaveLength(1);
        act(() => screen.getAllByRole("gridcell")[0]!.focus());
        press("ArrowRight");
        expect(document.activeElement).toBe(screen.getAllByRole("gridcell")[1]);
        expect(screen.getByText(document.activeElement!.getAttribute("aria-label")!)).toBeTruthy();
        press("ArrowDown");
        expect(document.activeElement!.getAttribute("aria-label")).toMatch(/^8002/);
        expect(grid.querySelectorAll('[tabindex="0"]')).toHaveLength(1);
        press("Enter");
        expect(readUrl(location.search).port).toBe(8002);
    });
    test("the focus stays on its span when others come before it", async () => {
        answer = other;
        const store = storeWith();
        await show(store);
        const cell = screen.getByRole("gridcell");
        act(() => cell.focus());
        await arrive(store, { type: "event", event: event(9, 0, "squatter.appeared", { finding: "unleased", port: 8009, inode: 3 }) });
        expect(names()[0]).toMatch(/^8009/);
        expect(document.activeElement).toBe(cell);
        expect(cell.getAttribute("tabindex")).toBe("0");
    });
    test("a click opens the port", async () => {
        answer = other;
        await show();
        fireEvent.click(screen.getByRole("gridcell").querySelector(".tl-fill")!);
        expect(readUrl(location.search).port).toBe(8002);
    });
});

describe("as a list", () => {
    test("one button away, the newest first, all in words", async () => {
        const expired = [event(3, 4, "lease.granted", { lease_id: 8, port: 8002 }), event(4, 3, "lease.expired", { lease_id: 8, port: 8002 })];
        answer = [...released, ...expired];
        await show();
        fireEvent.click(screen.getByRole("button", { name: "Show as a list" }));
        expect(readUrl(location.search).list).toBe(true);
        const table = within(screen.getByRole("table", { name: "What happened in the last 15 minutes" }));
        expect(table.getAllByRole("columnheader").map((each) => each.textContent)).toEqual(["When", "How long", "Port", "What", "Who", "Reason"]);
        const lines = table
            .getAllByRole("row")
            .slice(1)
            .map((row) =>
                within(row)
                    .getAllByRole("cell")
                    .map((cell) => cell.textContent),
            );
        expect(lines.map((line) => line.slice(1))).toEqual([
            ["1m00s", "8002", "leased to web", "ann", "It expired."],
            ["4m00s", "8001", "leased to web", "ann", "It was given back."],
        ]);
        fireEvent.click(table.getByRole("button", { name: "Details of port 8002" }));
        expect(readUrl(location.search).port).toBe(8002);
        fireEvent.click(screen.getByRole("button", { name: "Show as a timeline" }));
        expect(screen.getByRole("grid")).toBeTruthy();
    });
    test("somebody's name is text", async () => {
        setUrlState({ list: true });
        answer = [event(1, 5, "squatter.left", { process: "<img src=x onerror=alert(1)>", pid: 5, finding: "taken" })];
        await show();
        expect(screen.getByText("<img src=x onerror=alert(1)>")).toBeTruthy();
        expect(document.querySelector("img")).toBeNull();
    });
    test("many are shown in steps", async () => {
        setUrlState({ list: true });
        await show(storeWith({ leases: Array.from({ length: 130 }, (_, at) => lease(8000 + at)) }));
        expect(document.querySelectorAll("tbody tr")).toHaveLength(100);
        fireEvent.click(screen.getByText("Show more (30 left)"));
        expect(document.querySelectorAll("tbody tr")).toHaveLength(130);
    });
});

describe("nothing, too much, and errors", () => {
    test("nothing has happened, and the way to longer spans", async () => {
        await show();
        expect(screen.getByText("Nothing has happened in the last 15 minutes.")).toBeTruthy();
        answer = [event(1, 40, "lease.granted"), event(2, 30, "lease.released")];
        fireEvent.click(screen.getByRole("button", { name: "Look at the last hour" }));
        await pass(10);
        expect(readUrl(location.search).span).toBe("1h");
        expect(names()).toHaveLength(1);
        expect(screen.getByRole("button", { name: "1 hour" }).getAttribute("aria-pressed")).toBe("true");
        cleanup();
        answer = [];
        setUrlState({ span: "1d" });
        await show();
        expect(screen.getByText("Nothing has happened in the last day.")).toBeTruthy();
        expect(screen.queryByRole("button", { name: /Look at/ })).toBeNull();
    });
    test("an error is shown in portd's words, with what is live, and can be tried again", async () => {
        answer = null;
        await show(storeWith({ leases: [lease(8001, { id: 7 })] }));
        expect(screen.getByRole("alert").textContent).toContain("The events cannot be read; portd's log says why.");
        expect(names()).toHaveLength(1);
        answer = [event(1, 9, "lease.granted", { port: 8002 }), event(2, 5, "lease.released", { port: 8002 })];
        fireEvent.click(screen.getByRole("button", { name: "Try again" }));
        await pass(10);
        expect(screen.queryByRole("alert")).toBeNull();
        expect(names()).toHaveLength(2);
    });
    test("nothing is said to have happened while it is not known", async () => {
        answer = null;
        await show();
        expect(screen.queryByText(/Nothing has happened/)).toBeNull();
    });
    test("sixty ports, and how many more", async () => {
        await show(storeWith({ leases: Array.from({ length: 75 }, (_, at) => lease(8000 + at)) }));
        expect(document.querySelectorAll("[role=rowheader]")).toHaveLength(60);
        expect(screen.getByText("15 more ports are in the list.")).toBeTruthy();
    });
    test("says from when on all is known, if there was too much", async () => {
        vi.stubGlobal("fetch", (path: string) => {
            const before = Number(new URL(path, "http://localhost").searchParams.get("before") ?? 9001);
            const events = Array.from({ length: 1000 }, (_, at) => event(before - 1000 + at, 5, "lease.renewed"));
            return Promise.resolve(new Response(JSON.stringify({ events, first_id: 1, last_id: 9000 })));
        });
        await show(storeWith({ leases: [lease(8001, { id: 7 })] }));
        await pass(100);
        expect(screen.getByText(/^Only the newest 5,000 events are shown: all is known from \d\d:59:05 on\.$/)).toBeTruthy();
    });
});
