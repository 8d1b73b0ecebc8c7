/* Provisional: generated out of docs/openapi.yaml later. */
export interface Parent {
    pid: number;
    process: string;
}
export interface Container {
    runtime: string;
    id: string | null;
    address: string | null;
}
export interface Owner {
    pid: number;
    start_time: number;
    pidfd_inode: number | null;
    uid: number;
    user: string | null;
    process: string;
    command: string | null;
    executable?: string | null;
    directory?: string | null;
    started_at: string;
    session: number;
    parents: Parent[];
    cgroup: string | null;
    unit: string | null;
    container: Container | null;
}
export interface Hidden {
    reason: string;
    why: string;
    remedy: string;
}
export interface Evidence {
    level: "confirmed" | "plausible" | "foreign";
    by: string;
    words: string;
}
export interface Listener {
    address: string;
    port: number;
    family: "ipv4" | "ipv6";
    state: "listen" | "bound" | "connected" | "time-wait" | "orphan";
    v6only: boolean;
    inode: number;
    uid: number;
    user: string | null;
    since: string | null;
    since_start: boolean;
    cgroup_id: number | null;
    cgroup: string | null;
    unit: string | null;
    container: Container | null;
    pid: number | null;
    process: string | null;
    owners: Owner[];
    hidden: Hidden | null;
    service_name: string | null;
    lease_id: number | null;
    evidence: Evidence | null;
}
export interface Lease {
    port: number;
    service_name: string;
    allocated_at: string;
    last_heartbeat: string;
    ttl_seconds: number;
    tags: string[];
    id: number;
    uid: number;
    user: string | null;
    state: "pending" | "bound" | "elsewhere" | "conflict" | "silent";
    elsewhere_port: number | null;
    conflict: "taken" | "split" | "shared" | null;
    evidence: "confirmed" | "plausible" | null;
    kept_by: "holder" | "listener" | "ttl";
    expires_at: string | null;
    expires_in_seconds: number | null;
    holder: { pid: number } | null;
    project: string | null;
}
export interface Finding {
    kind: "unleased" | "taken" | "split" | "shared" | "inactive";
    port: number;
    since: string;
    since_start: boolean;
    ignored: boolean;
    verdict: string;
    lease: Lease | null;
    listeners: Listener[];
}
export interface Event {
    id: number;
    at: string;
    kind: string;
    port: number;
    service_name: string | null;
    lease_id: number | null;
    uid: number | null;
    user: string | null;
    pid?: number | null;
    process?: string | null;
    address?: string | null;
    inode?: number | null;
    finding?: string | null;
    reason: string | null;
}
export interface Caller {
    uid: number;
    user: string | null;
    may_change_all: boolean;
}
export interface Snapshot {
    run: string;
    version: number;
    seq: number;
    at: string;
    complete: boolean;
    range: { min: number; max: number };
    excluded: string;
    caller: Caller;
    portd: { version: string; pid: number; uid: number; user: string | null; uptime_seconds: number; command: string };
    warnings: string[];
    leases: Lease[];
    listeners: Listener[];
    squatters: Finding[];
    conflicts: Finding[];
}
export interface PortRecord {
    version: number;
    after: number;
    port: number;
    lease: Lease | null;
    listeners: Listener[];
    findings: Finding[];
}
export interface Who {
    port: number;
    state: string;
    verdict: string;
    lease: Lease | null;
    listeners: Listener[];
    findings: Finding[];
    next: { command: string; why: string }[];
}
export interface Problem {
    type: string;
    title: string;
    status: number;
    detail: string;
    hint?: string;
    port?: number;
    lease?: Lease;
    listeners?: Listener[];
}
