import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { Snapshot } from "../api/types.ts";
import { lease, record, snapshot } from "../../test/samples.ts";
import { fakeBrowser, FakeEventSource } from "../../test/fakes.ts";
import { LiveStore } from "./store.ts";

type Answer = Partial<Snapshot> | "gone" | "nonsense" | { refusal: string };
let answer: Answer = {};
let asked = 0;
let stops: (() => void)[] = [];

/* A snapshot takes so long to come. */
let takes = 0;

/* portd is there and does not answer. */
let hangs = false;
let health = 0;

async function respond(path: string): Promise<Response> {
    if (path === "/healthz") health++;
    if (hangs) return new Promise(() => {});
    if (path === "/healthz") return new Response("{}");
    asked++;
    if (takes > 0) await new Promise((resolve) => setTimeout(resolve, takes));
    if (answer === "gone") return Promise.reject(new TypeError("Failed to fetch"));
    if (answer === "nonsense") return Promise.resolve(new Response('{"hello": 1}'));
    if ("refusal" in answer) {
        const problem = { type: "urn:portmanager:problem:not-allowed", title: "Not allowed", status: 403, detail: answer.refusal };
        return Promise.resolve(new Response(JSON.stringify(problem), { status: 403 }));
    }
    return Promise.resolve(new Response(JSON.stringify(snapshot(answer))));
}

function tab(): LiveStore {
    const store = new LiveStore();
    stops.push(store.start());
    return store;
}

const pass = (ms: number): Promise<unknown> => vi.advanceTimersByTimeAsync(ms);
const up = (run = "00112233aabbccdd"): void => FakeEventSource.last.say("stream", { run, version: 10 });

async function liveTab(): Promise<LiveStore> {
    const store = tab();
    await pass(300);
    up();
    return store;
}

beforeEach(() => {
    vi.useFakeTimers();
    fakeBrowser();
    vi.stubGlobal("fetch", vi.fn(respond));
    answer = { leases: [lease(8001)] };
    asked = 0;
    takes = 0;
    hangs = false;
    health = 0;
    stops = [];
});
afterEach(() => {
    stops.forEach((stop) => stop());
    vi.unstubAllGlobals();
});

describe("the store", () => {
    it("is loading, then has a snapshot, then is live with the stream; and asks for one snapshot only", async () => {
        const store = tab();
        expect(store.get()).toMatchObject({ liveness: "loading", dataAt: null });
        await pass(300);
        expect(store.get().liveness).toBe("reconnecting");
        expect([...store.get().state.ports.keys()]).toEqual([8001]);
        expect(FakeEventSource.last.url).toBe("/events?since=5&ports=00112233aabbccdd.10");
        up();
        expect(store.get().liveness).toBe("live");
        await pass(10_000);
        expect(asked).toBe(1);
    });

    it("folds what the stream says, a burst of it at once", async () => {
        const store = await liveTab();
        const told = vi.fn();
        store.subscribe(told);
        for (let i = 0; i < 100; i++) FakeEventSource.last.say("port", record(11 + i, 8100 + i, { lease: lease(8100 + i) }));
        await pass(20);
        expect(store.get().state.ports.size).toBe(101);
        expect(told).toHaveBeenCalledTimes(1);
    });

    it("is reconnecting when the stream breaks, down when nobody answers for long, and live again afterwards", async () => {
        const store = await liveTab();
        answer = "gone";
        FakeEventSource.last.say("error");
        expect(store.get().liveness).toBe("reconnecting");
        const { dataAt } = store.get();
        for (let i = 0; i < 5; i++) {
            await pass(1000);
            FakeEventSource.last.say("error");
        }
        expect(store.get().liveness).toBe("down");
        expect(store.get().dataAt).toBe(dataAt);
        expect([...store.get().state.ports.keys()]).toEqual([8001]);
        answer = { leases: [lease(8002)], version: 11 };
        await pass(2500);
        up();
        expect(store.get().liveness).toBe("live");
        expect([...store.get().state.ports.keys()]).toEqual([8002]);
    });

    it("is down, not loading for ever, when nobody answered from the beginning", async () => {
        answer = "gone";
        const store = tab();
        await pass(1500);
        expect(store.get().liveness).toBe("loading");
        await pass(4000);
        expect(store.get().liveness).toBe("down");
    });

    it("is not live while portd hangs behind an open stream, and does not say that the data is of now", async () => {
        const store = await liveTab();
        const { dataAt } = store.get();
        hangs = true;
        await pass(9000);
        expect(store.get().liveness).toBe("live");
        await pass(8000);
        expect(store.get()).toMatchObject({ liveness: "reconnecting", dataAt });
        hangs = false;
        await pass(2500);
        expect(store.get().liveness).toBe("live");
        expect(store.get().dataAt).toBeGreaterThan(dataAt!);
    });

    it("asks a silent portd now and then, and never one that talks", async () => {
        await liveTab();
        for (let i = 0; i < 10; i++) {
            await pass(3000);
            FakeEventSource.last.say("port", record(11 + i, 8100, { lease: lease(8100) }));
        }
        expect(health).toBe(0);
        await pass(26_000);
        expect(health).toBe(2);
    });

    it("gives up a snapshot that does not come, and asks for another", async () => {
        const store = await liveTab();
        hangs = true;
        store.refresh();
        await pass(29_000);
        hangs = false;
        answer = { leases: [lease(8002)], version: 11 };
        await pass(3000);
        expect([...store.get().state.ports.keys()]).toEqual([8002]);
    });

    it("says a refusal in the problem's words, and comes back from it", async () => {
        answer = { refusal: "Your uid is not known." };
        const store = tab();
        await pass(100);
        expect(store.get().liveness).toBe("refused");
        expect(store.get().problem?.problem.detail).toBe("Your uid is not known.");
        answer = {};
        await pass(1500);
        up();
        expect(store.get()).toMatchObject({ liveness: "live", problem: null });
    });

    it("does not go on saying that portd refuses when it is not there any more", async () => {
        answer = { refusal: "no" };
        const store = tab();
        await pass(100);
        answer = "gone";
        await pass(6000);
        expect(store.get()).toMatchObject({ liveness: "down", problem: null });
    });

    it("takes another run of portd for what it is", async () => {
        const store = await liveTab();
        answer = { run: "ffff", version: 2, seq: 5, leases: [lease(8005)] };
        FakeEventSource.last.say("error");
        // The old stream's position is refused by the new run; or the snapshot is there before that.
        await pass(300);
        FakeEventSource.last.say("stream", { run: "ffff", version: 2 });
        FakeEventSource.last.say("reset");
        await pass(600);
        expect(FakeEventSource.last.url).toBe("/events?since=5&ports=ffff.2");
        up("ffff");
        expect(store.get().liveness).toBe("live");
        expect([...store.get().state.ports.keys()]).toEqual([8005]);
    });

    it("opens no stream from where it cannot go on, however long the snapshot takes", async () => {
        const store = await liveTab();
        answer = { version: 2000, leases: [lease(8006)] };
        takes = 3000;
        FakeEventSource.last.say("reset");
        const streams = FakeEventSource.all.length;
        await pass(2900);
        expect(FakeEventSource.all).toHaveLength(streams);
        expect(asked).toBe(2);
        await pass(500);
        expect(FakeEventSource.last.url).toContain("ports=00112233aabbccdd.2000");
        expect([...store.get().state.ports.keys()]).toEqual([8006]);
    });

    it("reads a snapshot when a record was skipped", async () => {
        const store = await liveTab();
        answer = { version: 13, leases: [lease(8001), lease(8002), lease(8003)] };
        FakeEventSource.last.say("port", record(13, 8003, { after: 12, lease: lease(8003) }));
        await pass(100);
        expect(asked).toBe(2);
        expect(store.get().state.gap).toBe(false);
        expect([...store.get().state.ports.keys()]).toEqual([8001, 8002, 8003]);
    });

    it("does not believe an answer that is no snapshot, and asks again", async () => {
        answer = "nonsense";
        const store = tab();
        await pass(500);
        expect(store.get().state.run).toBeNull();
        expect(store.get().liveness).toBe("refused");
        expect(store.get().problem?.problem.hint).toBe("reload the page");
        answer = {};
        await pass(1500);
        expect(store.get().state.run).not.toBeNull();
    });

    it("drops what a stream says that makes no sense", async () => {
        const store = await liveTab();
        const before = store.get().state;
        for (const data of ["{", "{}", '{"port":8001}', JSON.stringify(record(99, 8001, { listeners: [{} as never] }))])
            FakeEventSource.last.say("port", data);
        await pass(100);
        expect(store.get().state).toBe(before);
    });
});

describe("many tabs", () => {
    it("have one stream, and all know what it says", async () => {
        const stores = Array.from({ length: 10 }, tab);
        await pass(300);
        expect(FakeEventSource.open).toHaveLength(1);
        up();
        FakeEventSource.last.say("port", record(11, 8002, { lease: lease(8002) }));
        await pass(100);
        for (const store of stores) {
            expect(store.get().liveness).toBe("live");
            expect(store.get().state.ports.has(8002)).toBe(true);
        }
    });

    it("hand the stream on when its tab closes", async () => {
        tab();
        const second = tab();
        await pass(300);
        up();
        stops[0]!();
        await pass(300);
        expect(FakeEventSource.open).toHaveLength(1);
        up();
        answer = { version: 12 };
        FakeEventSource.last.say("port", record(11, 8002, { lease: lease(8002) }));
        await pass(100);
        expect(second.get().liveness).toBe("live");
        expect(second.get().state.ports.has(8002)).toBe(true);
    });

    it("say all that portd is gone, and why it refuses", async () => {
        const stores = [tab(), tab()];
        await pass(300);
        up();
        answer = "gone";
        for (let i = 0; i < 6; i++) {
            FakeEventSource.last.say("error");
            await pass(1000);
        }
        expect(stores.map((store) => store.get().liveness)).toEqual(["down", "down"]);
        answer = { refusal: "not you" };
        for (let i = 0; i < 6; i++) {
            FakeEventSource.last.say("error");
            await pass(1000);
        }
        expect(stores.map((store) => store.get().liveness)).toEqual(["refused", "refused"]);
        expect(stores.map((store) => store.get().problem?.problem.detail)).toEqual(["not you", "not you"]);
    });

    it("read for themselves when the tab with the stream has gone to sleep", async () => {
        const stores = [tab(), tab()];
        await pass(300);
        up();
        // Asleep: it holds the lock, and says nothing.
        const sleeper = stores[0] as unknown as { tabs: { send(): void }; pulse: ReturnType<typeof setInterval> };
        sleeper.tabs.send = () => {};
        answer = { version: 20, leases: [lease(8009)] };
        await pass(13_000);
        expect([...stores[1]!.get().state.ports.keys()]).toEqual([8009]);
    });

    it("ask the tab with the stream before they read, since a hidden tab's timers hardly run", async () => {
        const stores = [tab(), tab()];
        await pass(300);
        up();
        clearInterval((stores[0] as unknown as { pulse: ReturnType<typeof setInterval> }).pulse);
        const before = asked;
        await pass(60_000);
        expect(asked).toBe(before);
        expect(stores[1]!.get().liveness).toBe("live");
    });

    it("ask for a snapshot when they have missed a record, or a run", async () => {
        const stores = [tab(), tab()];
        await pass(300);
        up();
        const follower = stores[1] as unknown as { hear(message: unknown): void };
        answer = { run: "ffff", version: 900, leases: [lease(8007)] };
        follower.hear({ type: "record", run: "ffff", record: record(900, 8007, { lease: lease(8007) }), receivedAt: 0 });
        await pass(20);
        expect(stores[1]!.get().state.ports.has(8007)).toBe(false);
        follower.hear({ type: "pulse", liveness: "live", run: "ffff", version: 900 });
        await pass(20);
        expect(stores[1]!.get().state).toMatchObject({ run: "ffff", version: 900 });
        expect(stores[1]!.get().state.ports.has(8007)).toBe(true);
    });
});
