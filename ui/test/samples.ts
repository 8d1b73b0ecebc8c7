/* Ports, leases and listeners for the tests, as portd tells them; a test changes what it is about. */
import type { Finding, Lease, Listener, Owner, PortRecord, Snapshot } from "../src/api/types.ts";
import { emptyState, fold, type LiveState } from "../src/live/state.ts";
import { LiveStore } from "../src/live/store.ts";

export const NOW = Date.parse("2026-01-02T03:04:05.000Z");

export function owner(change: Partial<Owner> = {}): Owner {
    return {
        pid: 48213,
        start_time: 123456,
        pidfd_inode: 9001,
        uid: 1000,
        user: "ann",
        process: "python3",
        command: "python3 -m http.server 8001",
        executable: "/usr/bin/python3.11",
        directory: "/home/ann/demo",
        started_at: "2026-01-02T03:00:05.000Z",
        session: 48101,
        parents: [
            { pid: 48101, process: "bash" },
            { pid: 2211, process: "gnome-terminal" },
            { pid: 1, process: "systemd" },
        ],
        cgroup: "/user.slice/user-1000.slice",
        unit: null,
        container: null,
        ...change,
    };
}

export function listener(port: number, change: Partial<Listener> = {}): Listener {
    const owners = change.owners ?? [owner()];
    return {
        address: "127.0.0.1",
        port,
        family: "ipv4",
        state: "listen",
        v6only: false,
        inode: 700000 + port,
        uid: 1000,
        user: "ann",
        since: "2026-01-02T03:00:05.000Z",
        since_start: false,
        cgroup_id: 12,
        cgroup: "/user.slice/user-1000.slice",
        unit: null,
        container: null,
        pid: owners[0]?.pid ?? null,
        process: owners[0]?.process ?? null,
        owners,
        hidden: null,
        service_name: null,
        lease_id: null,
        evidence: null,
        ...change,
    };
}

export function lease(port: number, change: Partial<Lease> = {}): Lease {
    return {
        port,
        service_name: "my-api",
        allocated_at: "2026-01-02T02:52:05.000Z",
        last_heartbeat: "2026-01-02T03:04:00.000Z",
        ttl_seconds: 300,
        tags: [],
        id: port - 7000,
        slot: 0,
        uid: 1000,
        user: "ann",
        state: "pending",
        elsewhere_port: null,
        conflict: null,
        evidence: null,
        kept_by: "ttl",
        expires_at: "2026-01-02T03:09:00.000Z",
        expires_in_seconds: 295,
        holder: null,
        project: null,
        ...change,
    };
}

export function finding(port: number, change: Partial<Finding> = {}): Finding {
    return {
        kind: "unleased",
        port,
        since: "2026-01-02T03:00:05.000Z",
        since_start: false,
        ignored: false,
        verdict: `Python3 (pid 48213, user ann) listens on port ${port} without a lease.`,
        lease: null,
        listeners: [listener(port)],
        ...change,
    };
}

export function record(version: number, port: number, change: Partial<PortRecord> = {}): PortRecord {
    return { version, after: version - 1, port, lease: null, listeners: [], findings: [], ...change };
}

export function snapshot(change: Partial<Snapshot> = {}): Snapshot {
    return {
        run: "00112233aabbccdd",
        version: 10,
        seq: 5,
        at: "2026-01-02T03:04:05.000Z",
        complete: true,
        range: { min: 8000, max: 9000 },
        excluded: "",
        caller: { uid: 1000, user: "ann", may_change_all: false },
        portd: { version: "0.1.0", pid: 4000, uid: 1000, user: "ann", uptime_seconds: 100, command: "portd --range 8000-9000" },
        warnings: [],
        leases: [],
        listeners: [],
        squatters: [],
        conflicts: [],
        ...change,
    };
}

/** A leased port with somebody else's server on it: lease, listener and finding that belong together. */
export function squatted(port: number, change: { lease?: Partial<Lease>; listener?: Partial<Listener>; finding?: Partial<Finding> } = {}) {
    const theLease = lease(port, { state: "conflict", conflict: "taken", ...change.lease });
    const theListener = listener(port, {
        service_name: theLease.service_name,
        lease_id: theLease.id,
        evidence: { level: "foreign", by: "older", words: "it was there before the lease" },
        ...change.listener,
    });
    const theFinding = finding(port, {
        kind: "taken",
        lease: theLease,
        listeners: [theListener],
        verdict: `Port ${port} is squatted: it is leased to ${theLease.service_name} (ann), but ${theListener.process ?? "a hidden process"} listens on it.`,
        ...change.finding,
    });
    return { lease: theLease, listener: theListener, finding: theFinding };
}

export function stateWith(change: Partial<Snapshot> = {}): LiveState {
    return fold(emptyState, [{ type: "snapshot", snapshot: snapshot(change), receivedAt: NOW }]);
}

/** A store that stands still, live, with that snapshot. */
export function storeWith(change: Partial<Snapshot> = {}, liveness: "live" | "reconnecting" | "down" | "loading" | "refused" = "live"): LiveStore {
    const store = new LiveStore();
    (store as unknown as { live: unknown }).live = { state: stateWith(change), liveness, dataAt: NOW, problem: null };
    return store;
}
