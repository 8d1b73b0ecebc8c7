/*
 * A release taken back. A lease that has ended does not come back; a new one is made on the same port. Where the service's own server still listens, the
 * port cannot be granted, since it is bound: there the server is claimed for the service, which is a grant with the default time and without the rest.
 */
import { ProblemError } from "../api/client.ts";
import type { Lease } from "../api/types.ts";
import { formatDuration } from "../base/time.ts";
import type { PortRow } from "../rows/rows.ts";
import { alloc, claim, sameService } from "./calls.ts";
import { ownListeners, pidThatTells } from "./parties.ts";

export interface UndoPlan {
    lease: Lease;
    way: "claim" | "alloc";
    /** Of several parties on the port, the lease's own; null: all that listen. */
    pid: number | null;
}

export function planUndo(row: PortRow, way: "claim" | "alloc"): UndoPlan {
    return { lease: row.lease!, way, pid: way === "claim" ? pidThatTells(row, ownListeners(row)) : null };
}

function isKind(error: unknown, kind: string): boolean {
    return error instanceof ProblemError && error.kind === kind;
}

/* The holder may have ended meanwhile; the lease is then kept by its time alone, as it would be without the release. */
async function grantAgain(lease: Lease): Promise<{ lease: Lease; notes: string[] }> {
    const body = { ...sameService(lease), port: lease.port };
    if (!lease.holder) return alloc(body);
    try {
        return await alloc({ ...body, pid: lease.holder.pid });
    } catch (error) {
        if (!isKind(error, "invalid-pid")) throw error;
        const granted = await alloc(body);
        return { ...granted, notes: [`its holder (pid ${lease.holder.pid}) has ended meanwhile`, ...granted.notes] };
    }
}

/** What of the old lease the new one has not. */
function lost(before: Lease, after: Lease): string[] {
    const notes: string[] = [];
    if (before.ttl_seconds !== after.ttl_seconds)
        notes.push(`it lives ${formatDuration(after.ttl_seconds * 1000)} after its last renewal, not ${formatDuration(before.ttl_seconds * 1000)}`);
    if (before.tags.length > 0 && after.tags.length === 0) notes.push("its tags are gone");
    if (before.holder && !after.holder) notes.push("its server's socket keeps it, not its holder");
    return notes;
}

export async function takeBack(plan: UndoPlan): Promise<{ lease: Lease; notes: string[] }> {
    const { lease } = plan;
    if (plan.way === "claim") {
        try {
            const claimed = await claim(lease.port, lease.service_name, plan.pid);
            return { lease: claimed.lease, notes: lost(lease, claimed.lease) };
        } catch (error) {
            // The server has ended since: then the port can be granted.
            if (!isKind(error, "not-listening")) throw error;
        }
    }
    return grantAgain(lease);
}
