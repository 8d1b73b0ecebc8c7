// Made from docs/openapi.yaml by `npm run api`; do not edit.
// Times are strings: UTC, RFC 3339, with milliseconds.

/** A TCP port. */
export type Port = number;

/** A process id. */
export type Pid = number;

/** A user id. */
export type Uid = number;

/** The number of a lease or an event. It grows and is never used twice. */
export type Id = number;

/** UTC, RFC 3339, with milliseconds. */
export type Time = string;

/** 1 to 128 bytes of UTF-8 without control characters. */
export type ServiceName = string;

/** A login name. */
export type User = string;

/** pending: nothing listens yet. bound: its own listener is there. elsewhere: its holder listens on another port. conflict: somebody else is there, or two parties share the port. silent: it was bound, and the listener is gone. */
export type LeaseState = "pending" | "bound" | "elsewhere" | "conflict" | "silent";

/** What keeps a lease: its process, its listener, or the time that is left. */
export type Keeper = "holder" | "listener" | "ttl";

/** Whose a listener is: surely the lease's, probably, or not. */
export type EvidenceLevel = "confirmed" | "plausible" | "foreign";

/** A signal that may be sent. */
export type Signal = "TERM" | "INT" | "HUP" | "QUIT" | "KILL" | "USR1" | "USR2" | "STOP" | "CONT";

/** The process that a lease belongs to. */
export interface Holder {
    pid: Pid;
}

/** A port that is granted to a service. */
export interface Lease {
    port: Port;
    service_name: ServiceName;
    allocated_at: Time;
    last_heartbeat: Time;
    /** How long it lives after last_heartbeat when nothing else keeps it. */
    ttl_seconds: number;
    tags: string[];
    id: Id;
    /** Which of the ports of its uid, project and name it is, from 0: the lowest that was free. A name's ports keep their order by it. */
    slot: number;
    uid: Uid;
    user: User | null;
    state: LeaseState;
    /** State elsewhere: where its holder listens. */
    elsewhere_port: Port | null;
    /** State conflict: as a finding's kind. */
    conflict: "taken" | "split" | "shared" | null;
    /** Of its own listener. Null: it has none. */
    evidence: "confirmed" | "plausible" | null;
    kept_by: Keeper;
    /** Null while its holder or its listener keeps it. */
    expires_at: Time | null;
    /** The same, as it was when it was answered. */
    expires_in_seconds: number | null;
    holder: Holder | null;
    /** Its directory. Null also for callers who may not change the lease. */
    project: string | null;
}

/** The container that a socket or a process is in, or that it forwards to. */
export interface Container {
    runtime: "docker" | "podman" | "containerd" | "cri-o" | "lxc" | "nspawn";
    /** Its id or its name. */
    id: string | null;
    /** A forwarder's: the address and port in the container. */
    address: string | null;
}

/** An ancestor of a process. */
export interface Parent {
    pid: Pid;
    /** Its name. */
    process: string;
}

/** A process that has a socket open. */
export interface Owner {
    pid: Pid;
    /** Clock ticks since boot; with the pid it names the process. */
    start_time: number;
    /** Unique for the boot. Null: a Linux before 6.9. */
    pidfd_inode: number | null;
    uid: Uid;
    user: User | null;
    /** Its name. */
    process: string;
    /** Its command line, with secrets masked. */
    command: string;
    /** Null for callers whom /proc would not show it. */
    executable: string | null;
    /** Where it works. Null for callers whom /proc would not show it. */
    directory: string | null;
    started_at: Time;
    /** Its session's leader. 0: one that portd cannot see. */
    session: number;
    /** Nearest first, up to init. */
    parents: Parent[];
    /** The path of its control group. */
    cgroup: string | null;
    /** The systemd unit. */
    unit: string | null;
    container: Container | null;
}

/** Why no owner of a socket is known. */
export interface Hidden {
    /** not-yet: it is being looked for. */
    reason: "not-yet" | "other-user" | "not-dumpable" | "hidepid" | "elsewhere" | "too-many";
    /** The same in words. */
    why: string;
    /** What would show it. Empty where nothing would. */
    remedy: string;
}

/** Whose a listener on a leased port is, and why. */
export interface Evidence {
    level: EvidenceLevel;
    /** The rule that decided. */
    by:
        | "disowned"
        | "claim"
        | "holder"
        | "descendant"
        | "recognised"
        | "other-lease"
        | "older"
        | "session"
        | "cgroup"
        | "asker"
        | "forwarder"
        | "environment"
        | "holders-uid"
        | "other-uid"
        | "uid";
    /** The rule in words. */
    words: string;
}

/** A socket that is bound to a port. */
export interface Listener {
    /** 127.0.0.1, ::, … */
    address: string;
    port: Port;
    family: "ipv4" | "ipv6";
    /** bound: it does not listen. The last three are only in the listeners of a refusal or a release. */
    state: "listen" | "bound" | "connected" | "time-wait" | "orphan";
    /** An IPv6 socket that takes no IPv4. */
    v6only: boolean;
    /** The socket's. 0: no process has it open. */
    inode: number;
    /** The socket's. Null: the kernel keeps none for time-wait and orphan. */
    uid: Uid | null;
    user: User | null;
    /** When it was first seen. Null only in the listeners of a refusal or a release. */
    since: Time | null;
    /** It was there when portd started, so it may be older. */
    since_start: boolean;
    cgroup_id: number | null;
    /** The path of the control group. */
    cgroup: string | null;
    /** The systemd unit. */
    unit: string | null;
    container: Container | null;
    /** The first owner's. */
    pid: Pid | null;
    /** The first owner's name. */
    process: string | null;
    /** The processes that have it open, lowest pid first. */
    owners: Owner[];
    /** Null if an owner is known, or nobody has it open. */
    hidden: Hidden | null;
    /** Of the lease on its port. */
    service_name: ServiceName | null;
    /** Of the lease on its port. */
    lease_id: Id | null;
    /** Null if its port is not leased. */
    evidence: Evidence | null;
}

/** unleased: somebody listens in the managed range without a lease. taken: somebody else listens on a leased port. split: two parties have IPv4 and IPv6 of a leased port. shared: two parties listen on one address of a leased port. inactive: somebody has bound a port and does not listen. */
export type FindingKind = "unleased" | "taken" | "split" | "shared" | "inactive";

/** Where the kernel and the leases disagree. */
export interface Finding {
    kind: FindingKind;
    port: Port;
    since: Time;
    /** It was there when portd started, so it may be older. */
    since_start: boolean;
    /** It in a sentence. */
    verdict: string;
    lease: Lease | null;
    /** The squatter's first. */
    listeners: Listener[];
    /** This caller has asked for it to be left uncounted. */
    ignored: boolean;
}

export type LeaseEventKind = "lease.granted" | "lease.renewed" | "lease.released" | "lease.expired";

/** Seen between two readings. */
export type ListenerEventKind = "listener.opened" | "listener.closed";

export type FindingEventKind = "squatter.appeared" | "squatter.left" | "conflict.appeared" | "conflict.left";

/** What happened to a lease. */
export interface LeaseEvent {
    id: Id;
    at: Time;
    kind: LeaseEventKind;
    port: Port;
    service_name: ServiceName;
    lease_id: Id;
    uid: Uid;
    user: User | null;
    /** A sentence for a person. */
    reason: string | null;
}

/** What happened to a listener on any port. */
export interface ListenerEvent {
    id: Id;
    at: Time;
    kind: ListenerEventKind;
    port: Port;
    /** Of the lease on the port. */
    service_name: ServiceName | null;
    /** Of the lease on the port. */
    lease_id: Id | null;
    uid: Uid;
    user: User | null;
    /** The first owner's. Null: hidden, or not known yet. */
    pid: Pid | null;
    process: string | null;
    address: string | null;
    inode: number | null;
    /** A sentence for a person. */
    reason: string | null;
}

/** A squatter or a conflict came or went. One that is both (taken) has two events. */
export interface FindingEvent {
    id: Id;
    at: Time;
    kind: FindingEventKind;
    port: Port;
    /** Of the lease on the port. */
    service_name: ServiceName | null;
    /** Of the lease on the port. */
    lease_id: Id | null;
    uid: Uid;
    user: User | null;
    /** The first owner's. Null: hidden. */
    pid: Pid | null;
    process: string | null;
    address: string | null;
    inode: number | null;
    finding: FindingKind;
    /** A sentence for a person. */
    reason: string | null;
}

/** What happened. `kind` tells which of them it is. */
export type Event = LeaseEvent | ListenerEvent | FindingEvent;

/** The first thing on an event stream. */
export interface StreamBegin {
    /** The newest event's id. 0: there was none yet. */
    last_id: number;
    /** Why the stream does not begin where it was asked to. */
    note: string | null;
    run: Run;
    version: Version;
}

/** What followed the place that was asked for is not known any more. Read everything anew. */
export interface Reset {
    /** The oldest event's id. last_id + 1: none is kept. */
    first_id: number;
    /** The newest event's id. 0: there was none yet. */
    last_id: number;
}

/** All that is known of a port now. It takes the place of what was known of it at a lower version. */
export interface PortRecord {
    version: Version;
    after: Version;
    port: Port;
    lease: Lease | null;
    listeners: Listener[];
    findings: Finding[];
}

/** Names one run of portd. Another start has another. */
export type Run = string;

/** Of the state of the ports. It grows with each change, within a run. */
export type Version = number;

/** The ports that are granted automatically. */
export interface Range {
    min: Port;
    max: Port;
}

/** Who asks. */
export interface Caller {
    uid: Uid;
    user: User | null;
    /** Root, or portd's own uid. */
    may_change_all: boolean;
}

/** The daemon. */
export interface Portd {
    version: string;
    pid: Pid;
    uid: Uid;
    user: User | null;
    uptime_seconds: number;
    /** How it was started, as a line for a shell. */
    command: string;
}

/** Everything, of one reading of the kernel. */
export interface Snapshot {
    run: Run;
    version: Version;
    /** The newest event's id. 0: there was none yet. */
    seq: number;
    at: Time;
    /** The reading was not interrupted. */
    complete: boolean;
    range: Range;
    /** What is excluded from automatic choice, as portd was told. */
    excluded: string;
    caller: Caller;
    portd: Portd;
    warnings: string[];
    leases: Lease[];
    /** As /ports without a filter. */
    listeners: Listener[];
    /** As /squatters. */
    squatters: Finding[];
    /** As /conflicts: those of the squatters that are on leased ports. */
    conflicts: Finding[];
}

/** What the caller can do now. */
export interface NextStep {
    /** A line for a shell. */
    command: string;
    why: string;
}

/** Everything about one port. */
export interface Who {
    port: Port;
    /** The lease's state, or who is there without one. */
    state: "pending" | "bound" | "elsewhere" | "conflict" | "silent" | "unleased" | "unmanaged" | "portd" | "free";
    /** It in a sentence. */
    verdict: string;
    lease: Lease | null;
    listeners: Listener[];
    findings: Finding[];
    next: NextStep[];
}

/** What is asked for. */
export interface AllocRequest {
    service_name: ServiceName;
    /** More than 2592000, 30 days, is clamped. */
    ttl_seconds?: number;
    tags?: string[];
    /** This port, or a refusal. */
    port?: Port;
    /** This port if it can be had, else another; or an array, of at most count: one for the first port, the second, ... Not with port. */
    prefer?: Port | (Port | null)[];
    /** The port that this name had last comes before a preferred one, and a preferred one that another name had last is left to that one. */
    sticky_first?: boolean;
    /** So many ports, all or none. 1 with port. */
    count?: number;
    /** The living lease of this uid, project and name, if there is one; with count those of the slots from 0 on, and new ones for the slots that lack. One without a holder that gets one by this outlasts it. */
    reuse?: boolean;
    /** With reuse, and without pid: also those that a living holder has. They keep it, and outlast it from now on. */
    reuse_held?: boolean;
    /** A directory; part of the key by which a name gets its old port again. */
    project?: string;
    /** The holder: a living process of the caller's. */
    pid?: Pid;
    /** What descends from this process and listens on the port is surely the lease's. */
    asker_pid?: Pid;
}

export interface AllocAnswer {
    /** The first of ports. */
    port: Port;
    /** The first of leases. */
    lease: Lease;
    ports: Port[];
    /** By slot, the lowest first. */
    leases: Lease[];
    /** A lease that there was already is among them. */
    reused: boolean;
    /** So many of leases there were already. */
    n_reused: number;
    /** The ids of the others, in their order. */
    new_ids: Id[];
    /** Sentences about a grant that is not quite what one would expect. */
    notes: string[];
}

export interface AllocAllRequest {
    /** At most 256 ports together; no two with the same service_name and project, or the same port. */
    services: AllocRequest[];
}

export interface AllocAllAnswer {
    /** What /alloc would answer to each service, in their order. */
    grants: AllocAnswer[];
}

/** By port, by id, or by both, which must fit. */
export interface ReleaseRequest {
    port?: Port;
    id?: Id;
    /** Not if its own listener is there, or processes of it still live, or it outlasts its holder. */
    if_idle?: boolean;
    /** Not if it outlasts its holder. */
    unless_outlasting?: boolean;
}

export interface ReleaseAnswer {
    port: Port;
    id: Id;
    service_name: ServiceName;
    /** False only with if_idle or unless_outlasting: it stays. */
    released: boolean;
    /** What keeps it if it stays; ttl: it outlasts its holder, which has ended. */
    kept_by: Keeper | null;
    /** Who is still on the port. */
    listeners: Listener[];
}

/** By port, by id, or by both, which must fit. */
export interface HeartbeatRequest {
    port?: Port;
    id?: Id;
}

export interface HeartbeatAnswer {
    port: Port;
    id: Id;
    lease: Lease;
}

export interface LookupAnswer {
    /** As it was asked for. */
    service_name: string;
    /** The first of all_ports. */
    port: Port | null;
    all_ports: Port[];
    /** The first of leases. */
    lease: Lease | null;
    /** The caller's own first. */
    leases: Lease[];
}

export interface PortsAnswer {
    /** The number of the reading. */
    generation: number;
    read_at: Time;
    /** The reading was not interrupted. */
    complete: boolean;
    ports: Listener[];
}

export interface SquattersAnswer {
    squatters: Finding[];
}

export interface ConflictsAnswer {
    conflicts: Finding[];
}

export interface History {
    /** Oldest first. */
    events: Event[];
    /** The oldest event that there is. last_id + 1: none is kept. */
    first_id: number;
    /** The newest event that there is. 0: there was none yet. */
    last_id: number;
}

export interface ClaimRequest {
    port: Port;
    /** The lease that the port must have; without one, left out. */
    id?: Id;
    /** Needed where the port is not leased; else the lease's. */
    service_name?: ServiceName;
    /** Only the listeners of this process. */
    pid?: Pid;
}

export interface ClaimAnswer {
    port: Port;
    /** Null: it has ended meanwhile. */
    lease: Lease | null;
    /** The port was not leased before. */
    created: boolean;
    listeners: Listener[];
}

export interface DisownRequest {
    port: Port;
    /** The lease that the port must have. */
    id?: Id;
    /** Only the listeners of this process. */
    pid?: Pid;
}

export interface DisownAnswer {
    port: Port;
    /** Null: it has ended meanwhile. */
    lease: Lease | null;
    listeners: Listener[];
}

/** The process as it was seen. All of it is checked again before the signal. */
export interface StopRequest {
    port: Port;
    pid: Pid;
    /** The owner's start_time. */
    start_time: number;
    /** The listener's inode. */
    inode: number;
    signal?: Signal;
}

export interface StopAnswer {
    port: Port;
    pid: Pid;
    /** Null: its name was not known. */
    process: string | null;
    signal: Signal;
    /** Nobody listens on the port any more. */
    freed: boolean;
    /** The process has ended. */
    ended: boolean;
    listeners: Listener[];
}

export interface IgnoreRequest {
    port: Port;
    /** False: it is counted again. */
    ignored?: boolean;
}

export interface IgnoreAnswer {
    port: Port;
    ignored: boolean;
    findings: Finding[];
}

export interface Status {
    version: string;
    pid: Pid;
    uid: Uid;
    uptime_seconds: number;
    range: Range;
    /** What is excluded from automatic choice, as portd was told. */
    excluded: string;
    /** Where it answers. */
    addresses: string[];
    /** The Unix socket. Null for callers other than root and portd's own uid, and if there is none. */
    socket: string | null;
    /** Null for callers other than root and portd's own uid. */
    database: string | null;
    n_leases: number;
    n_leased_in_range: number;
    /** The kernel tells of sockets that are bound and do not listen. */
    sees_bound_sockets: boolean;
    warnings: string[];
}

export interface Health {
    status: "ok";
    version: string;
    pid: Pid;
}

/** The kind of a problem. */
export type ProblemType =
    | "urn:portmanager:problem:bad-request"
    | "urn:portmanager:problem:malformed-json"
    | "urn:portmanager:problem:unknown-parameter"
    | "urn:portmanager:problem:missing-parameter"
    | "urn:portmanager:problem:forbidden-host"
    | "urn:portmanager:problem:forbidden-origin"
    | "urn:portmanager:problem:forbidden-site"
    | "urn:portmanager:problem:unknown-caller"
    | "urn:portmanager:problem:not-yours"
    | "urn:portmanager:problem:port-privileged"
    | "urn:portmanager:problem:not-your-listener"
    | "urn:portmanager:problem:not-your-process"
    | "urn:portmanager:problem:protected-process"
    | "urn:portmanager:problem:may-not-signal"
    | "urn:portmanager:problem:no-such-path"
    | "urn:portmanager:problem:no-such-lease"
    | "urn:portmanager:problem:not-listening"
    | "urn:portmanager:problem:not-squatted"
    | "urn:portmanager:problem:method-not-allowed"
    | "urn:portmanager:problem:port-taken"
    | "urn:portmanager:problem:port-leased"
    | "urn:portmanager:problem:reserved-for-portd"
    | "urn:portmanager:problem:lease-held"
    | "urn:portmanager:problem:lease-mismatch"
    | "urn:portmanager:problem:lease-holder"
    | "urn:portmanager:problem:stale-process"
    | "urn:portmanager:problem:body-too-large"
    | "urn:portmanager:problem:not-json"
    | "urn:portmanager:problem:invalid-value"
    | "urn:portmanager:problem:unknown-key"
    | "urn:portmanager:problem:missing-key"
    | "urn:portmanager:problem:invalid-pid"
    | "urn:portmanager:problem:too-many-streams"
    | "urn:portmanager:problem:too-many-unread"
    | "urn:portmanager:problem:internal"
    | "urn:portmanager:problem:range-full"
    | "urn:portmanager:problem:not-stored";

/** Why a call was refused, RFC 9457. What follows hint is there for some types only. */
export interface Problem {
    type: ProblemType;
    title: string;
    /** The HTTP status. */
    status: number;
    /** A sentence for a person. */
    detail: string;
    /** What to do next. */
    hint?: string;
    /** /alloc-all: the service that it is about, if it has a name. */
    service_name?: string;
    /** /alloc-all: which one of the services that is. */
    index?: number;
    /** invalid-value, unknown-key: the member of the body. */
    key?: string;
    /** unknown-key: the key that was probably meant. */
    nearest?: string;
    /** malformed-json: the byte of the body. */
    offset?: number;
    port?: Port;
    /** The lease that is in the way. */
    lease?: Lease;
    /** Who is in the way. */
    listeners?: Listener[];
    /** range-full: so many ports of the range are leased. */
    leased?: number;
    /** range-full: in use without a lease. */
    in_use?: number;
    /** range-full: excluded. */
    excluded?: number;
    /** range-full: reserved by the kernel's settings. */
    reserved?: number;
    /** range-full: blocked by browsers. */
    blocked?: number;
    /** range-full: released a moment ago. */
    cooling?: number;
}
