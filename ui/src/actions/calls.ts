/* The requests of the actions, and what portd answers to them. */
import { post } from "../api/client.ts";
import type { Finding, Lease, Listener } from "../api/types.ts";

export interface Granted {
    port: number;
    lease: Lease;
    notes: string[];
}
export interface Released {
    port: number;
    id: number;
    service_name: string;
    released: boolean;
    listeners: Listener[];
}
export interface Claimed {
    port: number;
    lease: Lease;
    created: boolean;
    listeners: Listener[];
}
export interface Stopped {
    port: number;
    pid: number;
    process: string | null;
    signal: string;
    freed: boolean;
    ended: boolean;
    listeners: Listener[];
}
export interface AllocBody {
    service_name: string;
    port?: number;
    prefer?: number;
    ttl_seconds?: number;
    tags?: string[];
    project?: string;
    pid?: number;
}
export interface StopBody {
    port: number;
    pid: number;
    start_time: number;
    inode: number;
    signal: string;
}

const withPid = (pid: number | null): { pid?: number } => (pid === null ? {} : { pid });

export const alloc = (body: AllocBody): Promise<Granted> => post("/alloc", body);
export const release = (port: number, id: number): Promise<Released> => post("/release", { port, id });
export const heartbeat = (port: number, id: number): Promise<{ lease: Lease }> => post("/heartbeat", { port, id });
/** `id`: the lease that was shown; null: there was none. */
export const claim = (port: number, serviceName: string, pid: number | null, id: number | null = null): Promise<Claimed> =>
    post("/claim", { port, service_name: serviceName, ...withPid(pid), ...(id === null ? {} : { id }) });
export const disown = (port: number, id: number, pid: number | null): Promise<unknown> => post("/disown", { port, id, ...withPid(pid) });
export const stop = (body: StopBody): Promise<Stopped> => post("/stop", body);
export const ignore = (port: number, ignored: boolean): Promise<{ port: number; ignored: boolean; findings: Finding[] }> =>
    post("/ignore", { port, ignored });

/** What of a lease a new one of the same service takes over. */
export function sameService(lease: Lease): AllocBody {
    return {
        service_name: lease.service_name,
        ttl_seconds: lease.ttl_seconds,
        tags: [...lease.tags],
        ...(lease.project === null ? {} : { project: lease.project }),
    };
}
