import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { Event, PortRecord } from "../api/types.ts";
import { finding, lease, listener, record, snapshot } from "../../test/samples.ts";
import { fakeBrowser, FakeEventSource } from "../../test/fakes.ts";
import { readEvent, readRecord, readSnapshot } from "./read.ts";
import { openStream, type Stream, type StreamPosition } from "./stream.ts";

let position: StreamPosition | null;
let stream: Stream;
const heard = { records: [] as PortRecord[], events: [] as Event[], said: [] as string[] };

const good: Event = {
    id: 7,
    at: "2026-01-02T03:04:05.000Z",
    kind: "lease.granted",
    port: 8001,
    service_name: "x",
    lease_id: 1,
    uid: 1,
    user: "ann",
    reason: null,
};

function open(): void {
    stream = openStream({
        position: () => position,
        onRecord: (each) => heard.records.push(each),
        onEvent: (each) => heard.events.push(each),
        onReset: () => heard.said.push("reset"),
        onUp: () => heard.said.push("up"),
        onDown: () => heard.said.push("down"),
    });
}

beforeEach(() => {
    vi.useFakeTimers();
    fakeBrowser();
    position = { run: "aa", version: 4, seq: 2 };
    Object.assign(heard, { records: [], events: [], said: [] });
});
afterEach(() => {
    stream?.close();
    vi.unstubAllGlobals();
});

describe("the stream", () => {
    it("goes on from where the page is, and is up with the first event", () => {
        open();
        expect(FakeEventSource.last.url).toBe("/events?since=2&ports=aa.4");
        expect(heard.said).toEqual([]);
        FakeEventSource.last.say("stream", { run: "aa", version: 4 });
        expect(heard.said).toEqual(["up"]);
    });

    it("is opened anew after a pause that grows to two seconds, and is short again once it was up", () => {
        open();
        const pauses: number[] = [];
        for (let i = 0; i < 6; i++) {
            const count = FakeEventSource.all.length;
            FakeEventSource.last.say("error");
            let waited = 0;
            while (FakeEventSource.all.length === count) {
                vi.advanceTimersByTime(50);
                waited += 50;
            }
            pauses.push(waited);
        }
        expect(pauses).toEqual([250, 500, 1000, 2000, 2000, 2000]);
        expect(FakeEventSource.open).toHaveLength(1);
        FakeEventSource.last.say("stream", { run: "aa" });
        FakeEventSource.last.say("error");
        const count = FakeEventSource.all.length;
        vi.advanceTimersByTime(250);
        expect(FakeEventSource.all).toHaveLength(count + 1);
        expect(heard.said.filter((each) => each === "down")).toHaveLength(7);
    });

    it("begins again where it got to", () => {
        open();
        position = { run: "aa", version: 9, seq: 5 };
        FakeEventSource.last.say("error");
        vi.advanceTimersByTime(250);
        expect(FakeEventSource.last.url).toBe("/events?since=5&ports=aa.9");
    });

    it("waits for a snapshot where there is no position, and does not wait longer and longer", () => {
        position = null;
        open();
        vi.advanceTimersByTime(5000);
        expect(FakeEventSource.all).toHaveLength(0);
        position = { run: "bb", version: 1, seq: 1 };
        vi.advanceTimersByTime(250);
        expect(FakeEventSource.last.url).toBe("/events?since=1&ports=bb.1");
    });

    it("asks for a snapshot on a reset, and is not up where portd is another run", () => {
        open();
        FakeEventSource.last.say("stream", { run: "bb", version: 1 });
        FakeEventSource.last.say("reset");
        expect(heard.said).toEqual(["reset"]);
        expect(FakeEventSource.open).toHaveLength(0);
        position = { run: "bb", version: 1, seq: 2 };
        vi.advanceTimersByTime(250);
        expect(FakeEventSource.last.url).toBe("/events?since=2&ports=bb.1");
    });

    it("passes on records and events, and drops nonsense", () => {
        open();
        const source = FakeEventSource.last;
        source.say("port", record(5, 8001, { lease: lease(8001), listeners: [listener(8001)], findings: [finding(8001)] }));
        source.say("lease.granted", good);
        for (const nonsense of ["", "{", "null", "[]", "7", '"x"', "{}"])
            for (const type of ["port", "lease.granted", "stream"]) source.say(type, nonsense);
        expect(heard.records.map((each) => each.version)).toEqual([5]);
        expect(heard.events.map((each) => each.id)).toEqual([7]);
    });

    it("says nothing more and opens nothing more when it is closed", () => {
        open();
        FakeEventSource.last.say("error");
        stream.close();
        vi.advanceTimersByTime(10_000);
        expect(FakeEventSource.all).toHaveLength(1);
    });
});

describe("what is read", () => {
    const whole = record(5, 8001, { lease: lease(8001), listeners: [listener(8001)], findings: [finding(8001)] });

    it.each<[string, unknown]>([
        ["no port", { ...whole, port: undefined }],
        ["a port that is none", { ...whole, port: 70000 }],
        ["a half version", { ...whole, version: 1.5 }],
        ["no after", { ...whole, after: "4" }],
        ["listeners that are no list", { ...whole, listeners: {} }],
        ["a listener of another port", { ...whole, listeners: [listener(8002)] }],
        ["a listener without owners", { ...whole, listeners: [{ ...listener(8001), owners: null }] }],
        ["an owner that is none", { ...whole, listeners: [{ ...listener(8001), owners: [null] }] }],
        ["a finding that is none", { ...whole, findings: [7] }],
        ["a lease of another port", { ...whole, lease: lease(8002) }],
        ["a lease in a state that there is not", { ...whole, lease: { ...lease(8001), state: "constructor" } }],
        ["no lease at all", { ...whole, lease: undefined }],
    ])("is no record with %s", (_what, value) => {
        expect(readRecord(JSON.stringify(value))).toBeNull();
        expect(readRecord(JSON.stringify(whole))).toEqual(whole);
    });

    it.each<[string, unknown]>([
        ["no id", { ...good, id: null }],
        ["no time", { ...good, at: "yesterday" }],
        ["no port", { ...good, port: 0 }],
        ["no kind", { ...good, kind: 3 }],
    ])("is no event with %s", (_what, value) => {
        expect(readEvent(JSON.stringify(value))).toBeNull();
        expect(readEvent(JSON.stringify(good))).toEqual(good);
    });

    it.each<[string, unknown]>([
        ["nothing in it", {}],
        ["a list's place taken", { ...snapshot(), leases: null }],
        ["a lease that is none", { ...snapshot(), leases: [{}] }],
        ["no range", { ...snapshot(), range: { min: 1 } }],
        ["no caller", { ...snapshot(), caller: null }],
        ["no version", { ...snapshot(), version: "1" }],
    ])("is no snapshot with %s", (_what, value) => {
        expect(readSnapshot(value)).toBeNull();
        expect(readSnapshot(snapshot())).not.toBeNull();
    });
});
