import { describe as group, expect, test } from "vitest";
import { finding, lease, listener, NOW, squatted, stateWith } from "../../test/samples.ts";
import type { Event, Snapshot } from "../api/types.ts";
import { foldSpans, isWithin, mergeEvents, type LivePorts, type Span } from "./spans.ts";
import { describe, durationOf } from "./words.ts";

const MINUTE = 60_000;
let id = 0;

/* An event so many minutes before NOW. */
function event(minutesAgo: number, kind: string, change: object = {}): Event {
    const about = kind.startsWith("lease.") ? {} : { pid: 48213, process: "python3", address: "127.0.0.1", inode: 5, finding: "taken" };
    return {
        id: ++id,
        at: new Date(NOW - minutesAgo * MINUTE).toISOString(),
        kind,
        port: 8001,
        service_name: "my-api",
        lease_id: 7,
        uid: 1000,
        user: "ann",
        reason: null,
        ...about,
        ...change,
    } as Event;
}

function ports(change: Partial<Snapshot> = {}): LivePorts {
    return stateWith(change).ports;
}

/* Begin and end in minutes before NOW; "?" unseen. */
function brief(spans: readonly Span[]): string[] {
    const minutes = (at: number | null): string => (at === null ? "-" : String((NOW - at) / MINUTE));
    return spans.map(
        (span) => `${span.port} ${span.finding ?? span.service} ${minutes(span.begin)}..${minutes(span.end)}${span.endUnseen ? "?" : ""}`,
    );
}

function fold(events: Event[], live: LivePorts | null = ports()): string[] {
    return brief(foldSpans(events, live, NOW));
}

const leased = (change: Parameters<typeof lease>[1] = {}): LivePorts => ports({ leases: [lease(8001, { id: 7, ...change })] });

group("leases", () => {
    test("from grant to release; renewals are no spans", () => {
        expect(fold([event(9, "lease.granted"), event(8, "lease.renewed"), event(7, "lease.renewed"), event(5, "lease.released")])).toEqual([
            "8001 my-api 9..5",
        ]);
    });
    test("released and granted again are two, with two keys", () => {
        const spans = foldSpans(
            [
                event(9, "lease.granted"),
                event(7, "lease.expired"),
                event(6, "lease.granted", { lease_id: 8 }),
                event(5, "lease.released", { lease_id: 8 }),
            ],
            ports(),
            NOW,
        );
        expect(brief(spans)).toEqual(["8001 my-api 9..7", "8001 my-api 6..5"]);
        expect(new Set(spans.map((span) => span.key)).size).toBe(2);
        expect(spans[0]!.reason).toBe("It expired.");
    });
    test("one key each, even if a number comes twice", () => {
        const again = [event(9, "lease.granted"), event(8, "lease.released"), event(7, "lease.granted"), event(6, "lease.released")];
        const keys = foldSpans(again, ports(), NOW).map((span) => span.key);
        expect(new Set(keys).size).toBe(2);
    });
    test("begun before what is known: only the end, or only a renewal, was told", () => {
        expect(fold([event(5, "lease.released")])).toEqual(["8001 my-api -..5"]);
        expect(fold([event(5, "lease.renewed"), event(3, "lease.released")])).toEqual(["8001 my-api -..3"]);
    });
    test("goes on while the live state has it, and has its begin from there", () => {
        expect(fold([event(9, "lease.granted")], leased())).toEqual(["8001 my-api 9..-"]);
        expect(fold([event(5, "lease.renewed")], leased())).toEqual(["8001 my-api 12..-"]);
        expect(fold([], leased())).toEqual(["8001 my-api 12..-"]);
    });
    test("portd was killed and nobody saw the end: it ends where it was last seen", () => {
        expect(fold([event(9, "lease.granted"), event(8, "lease.renewed")])).toEqual(["8001 my-api 9..8?"]);
    });
    test("… or with the next grant on that port", () => {
        expect(
            fold([
                event(9, "lease.granted"),
                event(4, "lease.granted", { lease_id: 8, service_name: "web" }),
                event(2, "lease.released", { lease_id: 8, service_name: "web" }),
            ]),
        ).toEqual(["8001 my-api 9..4?", "8001 web 4..2"]);
    });
    test("… and the next one's grant was not told either", () => {
        expect(fold([event(9, "lease.granted"), event(2, "lease.released", { lease_id: 8, service_name: "web" })])).toEqual([
            "8001 my-api 9..9?",
            "8001 web 9..2",
        ]);
        const other = leased({ id: 9, service_name: "web", allocated_at: new Date(NOW - 3 * MINUTE).toISOString() });
        expect(fold([event(9, "lease.granted")], other)).toEqual(["8001 my-api 9..9?", "8001 web 3..-"]);
    });
    test("an event may be a moment ahead of the port's record", () => {
        expect(fold([event(0.01, "lease.granted")])).toEqual(["8001 my-api 0.01..-"]);
        expect(fold([event(9, "lease.granted"), event(0.01, "lease.released")], leased())).toEqual(["8001 my-api 9..0.01"]);
    });
    test("claimed again under the same number is one", () => {
        expect(fold([event(9, "lease.granted"), event(6, "lease.granted")], leased())).toEqual(["8001 my-api 9..-"]);
    });
    test("nothing is known of now: what has no end goes on", () => {
        expect(fold([event(9, "lease.granted")], null)).toEqual(["8001 my-api 9..-"]);
    });
});

group("squats and conflicts", () => {
    const free = { service_name: null, lease_id: null, finding: "unleased" };
    test("taken is told twice and is one", () => {
        expect(fold([event(9, "squatter.appeared"), event(9, "conflict.appeared"), event(5, "squatter.left"), event(5, "conflict.left")])).toEqual([
            "8001 taken 9..5",
        ]);
    });
    test("shared is told as a conflict only", () => {
        expect(fold([event(9, "conflict.appeared", { finding: "shared" }), event(5, "conflict.left", { finding: "shared" })])).toEqual([
            "8001 shared 9..5",
        ]);
    });
    test("beside the lease that they hurt", () => {
        expect(fold([event(9, "lease.granted"), event(7, "squatter.appeared"), event(6, "squatter.left"), event(5, "lease.released")])).toEqual([
            "8001 my-api 9..5",
            "8001 taken 7..6",
        ]);
    });
    test("unleased becomes taken", () => {
        expect(
            fold([event(9, "squatter.appeared", free), event(7, "squatter.left", free), event(7, "squatter.appeared"), event(6, "squatter.left")]),
        ).toEqual(["8001 unleased 9..7", "8001 taken 7..6"]);
    });
    test("only the end was told", () => {
        expect(fold([event(5, "squatter.left", free)])).toEqual(["8001 unleased -..5"]);
    });
    test("another socket's of the same kind ends the one that was not seen to end; the same socket's does not", () => {
        expect(
            fold([
                event(9, "squatter.appeared", free),
                event(6, "squatter.appeared", { ...free, inode: 6 }),
                event(5, "squatter.left", { ...free, inode: 6 }),
            ]),
        ).toEqual(["8001 unleased 9..6?", "8001 unleased 6..5"]);
        expect(fold([event(9, "squatter.appeared", free), event(6, "squatter.appeared", free), event(5, "squatter.left", free)])).toEqual([
            "8001 unleased 9..5",
        ]);
    });
    test("what goes on is told by the live state, with what is known of it now", () => {
        const bad = squatted(8001, { lease: { id: 7 }, finding: { ignored: true } });
        const live = ports({ leases: [bad.lease], listeners: [bad.listener], squatters: [bad.finding] });
        const spans = foldSpans([event(9, "squatter.appeared")], live, NOW);
        expect(brief(spans)).toEqual(["8001 taken 9..-", "8001 my-api 12..-"]);
        expect(spans[0]!.ignored).toBe(true);
        expect(fold([], live)).toEqual(["8001 my-api 12..-", "8001 taken 4..-"]);
        expect(fold([event(9, "squatter.appeared")])).toEqual(["8001 taken 9..9?"]);
    });
    test("one that was there when portd started has no begin", () => {
        const live = ports({ listeners: [listener(8001)], squatters: [finding(8001, { since_start: true })] });
        expect(fold([], live)).toEqual(["8001 unleased -..-"]);
    });
    test("that it left is known a moment before the port's record", () => {
        const live = ports({ listeners: [listener(8001)], squatters: [finding(8001)] });
        expect(fold([event(4, "squatter.appeared", free), event(0.01, "squatter.left", free)], live)).toEqual(["8001 unleased 4..0.01"]);
    });
});

test("whatever is told, a port has one lease at a time, no span ends before it begins, and all keys differ", () => {
    let seed = 1;
    const random = (n: number): number => {
        seed = (seed * 48271) % 2147483647;
        return seed % n;
    };
    const kinds = ["lease.granted", "lease.renewed", "lease.released", "lease.expired", "squatter.appeared", "squatter.left", "conflict.left"];
    for (let round = 0; round < 200; round++) {
        const events = Array.from({ length: 30 }, (_, at) =>
            event(40 - at + random(3), kinds[random(7)]!, { lease_id: 1 + random(3), port: 8001 + random(2), inode: random(3) }),
        );
        const spans = foldSpans(events, random(2) ? leased({ id: 1 + random(3) }) : ports(), NOW);
        for (const span of spans) expect(span.end ?? Infinity).toBeGreaterThanOrEqual(span.begin ?? 0);
        expect(new Set(spans.map((span) => span.key)).size).toBe(spans.length);
        for (const port of [8001, 8002]) {
            const leases = spans.filter((span) => span.port === port && span.kind === "lease" && span.leaseId !== null);
            const told = leases
                .filter((span) => span.begin !== null)
                .sort((a, b) => a.begin! - b.begin! || (a.end ?? Infinity) - (b.end ?? Infinity));
            told.forEach((span, at) => at > 0 && expect(told[at - 1]!.end ?? Infinity).toBeLessThanOrEqual(span.begin!));
        }
    }
});

test("events are merged by id, whatever the order, and listeners' are left out", () => {
    const a = event(9, "lease.granted");
    const b = event(8, "listener.opened");
    const c = event(7, "lease.released");
    expect(mergeEvents([a, b, c], [c, a]).map((each) => each.id)).toEqual([a.id, c.id]);
    expect(mergeEvents([], [c, a]).map((each) => each.id)).toEqual([a.id, c.id]);
});

test("what reaches into the window", () => {
    const [span] = foldSpans([event(9, "lease.granted"), event(5, "lease.released")], ports(), NOW);
    const within = (from: number, to: number): boolean => isWithin(span!, NOW - from * MINUTE, NOW - to * MINUTE);
    expect([within(15, 0), within(7, 6), within(4, 0), within(15, 10)]).toEqual([true, true, false, false]);
    const [open] = foldSpans([], leased(), NOW);
    expect([isWithin(open!, NOW - MINUTE, NOW), isWithin(open!, NOW - 20 * MINUTE, NOW - 15 * MINUTE)]).toEqual([true, false]);
});

group("words", () => {
    const words = (events: Event[], live?: LivePorts): string[] =>
        foldSpans(events, live ?? ports(), NOW).map((span) => describe(span, NOW).replaceAll(/\d\d:(\d\d:\d\d)/g, "hh:$1"));
    test("of each kind of span", () => {
        expect(words([event(9, "lease.granted"), event(5, "lease.released")])).toEqual(["8001, leased to my-api, ann, hh:55:05 to hh:59:05, 4m00s"]);
        expect(words([event(5, "squatter.left")])).toEqual([
            "8001, squatted by python3, ann (pid 48213), until hh:59:05, begun before what is known",
        ]);
        expect(words([], leased())).toEqual(["8001, leased to my-api, ann, since hh:52:05, 12m00s, going on"]);
        expect(words([event(9, "lease.granted"), event(8, "lease.renewed")])).toEqual([
            "8001, leased to my-api, ann, hh:55:05 to hh:56:05, about 1m00s, its end was not seen",
        ]);
        expect(words([event(5, "squatter.left", { process: null, pid: null, user: null, uid: null })])).toEqual([
            "8001, squatted by a hidden process, unknown, until hh:59:05, begun before what is known",
        ]);
    });
    test("names of 4 KiB end", () => {
        expect(words([event(5, "squatter.left", { process: "x".repeat(4096) })])[0]!.length).toBeLessThan(300);
    });
    test("how long, where that is not known", () => {
        const [ended] = foldSpans([event(5, "squatter.left")], ports(), NOW);
        expect(durationOf(ended!, NOW)).toBe("unknown");
    });
});
