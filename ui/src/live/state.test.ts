import { describe, expect, it } from "vitest";
import type { Event, PortRecord, Snapshot } from "../api/types.ts";
import { finding, lease, listener, NOW, record, snapshot } from "../../test/samples.ts";
import { chance, type Chance } from "../../test/random.ts";
import { emptyState, EVENTS_MAX, fold, type LiveMessage, type LiveState } from "./state.ts";

const port = (each: PortRecord): LiveMessage => ({ type: "port", record: each, receivedAt: NOW });
const snap = (change: Partial<Snapshot>): LiveMessage => ({ type: "snapshot", snapshot: snapshot(change), receivedAt: NOW });

function event(id: number): Event {
    return {
        id,
        at: "2026-01-02T03:04:05.000Z",
        kind: "lease.granted",
        port: 8001,
        service_name: "x",
        lease_id: 1,
        uid: 1,
        user: "ann",
        reason: null,
    };
}

/** What is shown of the ports, without how it came. */
function shown(state: LiveState): unknown {
    return [...state.ports.values()]
        .sort((a, b) => a.port - b.port)
        .map((each) => [each.port, each.lease?.service_name ?? null, each.listeners.length, each.findings.length]);
}

/* portd, as far as it is told: some ports that change, each change a version; what a stream sends of it, and what a snapshot says at each version. */
function history(random: Chance, run: string): { records: PortRecord[]; snapshots: Snapshot[] } {
    const now = new Map<number, PortRecord>();
    const records: PortRecord[] = [];
    const snapshots: Snapshot[] = [];
    const take = (version: number): void => {
        const all = [...now.values()];
        snapshots.push(
            snapshot({
                run,
                version,
                leases: all.flatMap((each) => (each.lease ? [each.lease] : [])),
                listeners: all.flatMap((each) => each.listeners),
                squatters: all.flatMap((each) => each.findings),
            }),
        );
    };
    take(0);
    for (let version = 1; version <= 3 + random.below(20); version++) {
        const number = 8000 + random.below(6);
        const each = record(version, number, {
            lease: random.below(2) ? lease(number, { service_name: `v${version}` }) : null,
            listeners: random.below(2) ? [listener(number)] : [],
            findings: random.below(3) ? [] : [finding(number)],
        });
        now.set(number, each);
        records.push(each);
        take(version);
    }
    return { records, snapshots };
}

function inBatches(random: Chance, from: LiveState, messages: readonly LiveMessage[]): LiveState {
    let state = from;
    for (let at = 0; at < messages.length;) {
        const size = 1 + random.below(5);
        state = fold(state, messages.slice(at, at + size));
        at += size;
    }
    return state;
}

const asSnapshot = (each: Snapshot): LiveMessage => ({ type: "snapshot", snapshot: each, receivedAt: NOW });

describe("folding", () => {
    it("records in any order, and any number of times, come to what the snapshot says", () => {
        for (let seed = 1; seed <= 4000; seed++) {
            const random = chance(seed);
            const { records, snapshots } = history(random, "a");
            const begin = random.below(snapshots.length);
            const last = snapshots.at(-1)!;
            const repeats = records.filter(() => random.below(3) === 0);
            // The beginning, then everything since, and things from before it that are late; and other snapshots between.
            const others = snapshots.filter(() => random.below(6) === 0);
            const messages = random.shuffled([...records.map(port), ...repeats.map(port), ...others.map(asSnapshot)]);
            const state = inBatches(random, fold(emptyState, [asSnapshot(snapshots[begin]!)]), messages);
            expect(shown(state), `seed ${seed}`).toEqual(shown(fold(emptyState, [asSnapshot(last)])));
            expect(state.version).toBe(last.version);
        }
    });

    it("a record that was skipped leaves a gap until a snapshot has it, and then it is the snapshot", () => {
        for (let seed = 1; seed <= 3000; seed++) {
            const random = chance(seed);
            const { records, snapshots } = history(random, "a");
            const skipped = random.below(records.length - 1);
            const state = inBatches(random, fold(emptyState, [asSnapshot(snapshots[0]!)]), records.filter((_, i) => i !== skipped).map(port));
            expect(state.gap, `seed ${seed}`).toBe(true);
            const tooOld = fold(state, [asSnapshot(snapshots[skipped]!)]);
            expect(tooOld.gap, `seed ${seed}`).toBe(true);
            const enough = fold(tooOld, [asSnapshot(snapshots[skipped + 1 + random.below(records.length - skipped)]!)]);
            expect(enough.gap, `seed ${seed}`).toBe(false);
            expect(shown(enough)).toEqual(shown(fold(emptyState, [asSnapshot(snapshots.at(-1)!)])));
        }
    });

    it("records in order leave no gap", () => {
        for (let seed = 1; seed <= 500; seed++) {
            const { records, snapshots } = history(chance(seed), "a");
            expect(fold(fold(emptyState, [asSnapshot(snapshots[0]!)]), records.map(port)).gap).toBe(false);
        }
    });

    it("events in any order and number are each there once, by id", () => {
        for (let seed = 1; seed <= 2000; seed++) {
            const random = chance(seed);
            const ids = Array.from({ length: 1 + random.below(30) }, (_, i) => i + 1);
            const messages = random
                .shuffled([...ids, ...ids.filter(() => random.below(2))])
                .map((id): LiveMessage => ({ type: "event", event: event(id) }));
            const state = inBatches(random, emptyState, messages);
            expect(state.events.map((each) => each.id)).toEqual(ids);
            expect(state.seq).toBe(ids.length);
        }
    });

    it("keeps the newest events only", () => {
        const many = Array.from({ length: EVENTS_MAX + 5 }, (_, i): LiveMessage => ({ type: "event", event: event(i + 1) }));
        const state = fold(emptyState, many);
        expect(state.events).toHaveLength(EVENTS_MAX);
        expect(state.events[0]!.id).toBe(6);
    });

    it("what is gone does not come back by an older record, whether a record or a snapshot said that it is gone", () => {
        const full = record(12, 8001, { lease: lease(8001) });
        const begin = fold(emptyState, [snap({ version: 10, leases: [lease(8001)] })]);
        expect(fold(begin, [port(record(13, 8001)), port(full)]).ports.has(8001)).toBe(false);
        expect(fold(begin, [snap({ version: 13 }), port(full)]).ports.has(8001)).toBe(false);
        expect(fold(begin, [snap({ version: 13 }), snap({ version: 11, leases: [lease(8001)] })]).ports.has(8001)).toBe(false);
        expect(fold(begin, [snap({ version: 13 }), port(record(14, 8001, { lease: lease(8001) }))]).ports.has(8001)).toBe(true);
    });

    it("another run of portd begins anew, however low its versions are", () => {
        const before = fold(emptyState, [snap({ run: "a", version: 900, seq: 50, leases: [lease(8001)] }), { type: "event", event: event(50) }]);
        const after = fold(before, [snap({ run: "b", version: 3, seq: 50, leases: [lease(8002)] }), port(record(4, 8003, { lease: lease(8003) }))]);
        expect([...after.ports.keys()]).toEqual([8002, 8003]);
        expect(after).toMatchObject({ run: "b", version: 4, gap: false, seq: 50 });
        expect(after.events).toHaveLength(1);
        // Its database has been put aside: ids begin again.
        const fresh = fold(before, [snap({ run: "c", version: 1, seq: 2 }), { type: "event", event: event(3) }]);
        expect(fresh.seq).toBe(3);
        expect(fresh.events.map((each) => each.id)).toEqual([3]);
    });

    it("counts a deadline from when it was received, by this browser's clock", () => {
        const state = fold(emptyState, [snap({ leases: [lease(8001, { expires_in_seconds: 10 }), lease(8002, { expires_in_seconds: null })] })]);
        expect(state.ports.get(8001)!.deadline).toBe(NOW + 10_000);
        expect(state.ports.get(8002)!.deadline).toBeNull();
    });

    it("is the same thing when nothing has changed, and keeps the ports that have not", () => {
        const state = fold(emptyState, [snap({ leases: [lease(8001), lease(8002)] })]);
        expect(fold(state, [])).toBe(state);
        const next = fold(state, [port(record(11, 8002))]);
        expect(next.ports.get(8001)).toBe(state.ports.get(8001));
        expect(fold(next, [port(record(11, 8002))]).ports).toBe(next.ports);
    });
});
