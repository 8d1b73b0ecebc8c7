import { beforeEach, expect, test, vi } from "vitest";
import type { Event } from "../api/types.ts";
import { EVENTS_READ_MAX, readHistory } from "./reading.ts";

/* A portd with events 1 to `n`, a second apart. */
function serve(n: number): string[] {
    const asked: string[] = [];
    vi.stubGlobal("fetch", (path: string) => {
        asked.push(path);
        const query = new URL(path, "http://localhost").searchParams;
        const before = Number(query.get("before") ?? n + 1);
        const first = Math.max(1, before - Number(query.get("limit")));
        const events = Array.from({ length: before - first }, (_, at): Partial<Event> => ({ id: first + at }));
        return Promise.resolve(new Response(JSON.stringify({ events, first_id: 1, last_id: n })));
    });
    return asked;
}

beforeEach(() => vi.unstubAllGlobals());

test("one page, if that is all", async () => {
    const asked = serve(20);
    const history = await readHistory(Date.parse("2026-01-02T03:04:05Z"));
    expect(history.events.map((event) => event.id)).toEqual(Array.from({ length: 20 }, (_, at) => at + 1));
    expect(history).toMatchObject({ cut: false, lastId: 20 });
    expect(asked).toEqual(["/history?kinds=lease,squatter,conflict&since=2026-01-02T03%3A04%3A05.000Z&limit=1000"]);
});
test("pages back until the time is covered, in order", async () => {
    const asked = serve(2500);
    const history = await readHistory(0);
    expect(history.events.map((event) => event.id)).toEqual(Array.from({ length: 2500 }, (_, at) => at + 1));
    expect(asked.map((path) => /before=(\d+)/.exec(path)?.[1])).toEqual([undefined, "1501", "501"]);
    expect(history.cut).toBe(false);
});
test("stops at 5,000, and says so", async () => {
    serve(7000);
    const history = await readHistory(0);
    expect(history.events).toHaveLength(EVENTS_READ_MAX);
    expect(history.events[0]!.id).toBe(2001);
    expect(history.cut).toBe(true);
});
test("a portd that does not know `before` is not asked without end", async () => {
    let n = 0;
    vi.stubGlobal("fetch", () => {
        n++;
        const events = Array.from({ length: 1000 }, (_, at) => ({ id: at + 1 }));
        return Promise.resolve(new Response(JSON.stringify({ events, first_id: 1, last_id: 1000 })));
    });
    expect((await readHistory(0)).events).toHaveLength(1000);
    expect(n).toBe(2);
});
