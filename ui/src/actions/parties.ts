/* Who is on a port, and what the caller may do about it; portd decides, by the same rules. */
import type { Caller, Lease, Listener, Owner } from "../api/types.ts";
import type { PortRow } from "../rows/rows.ts";

export function userName(who: { user: string | null; uid: number | null }): string {
    return who.user ?? (who.uid === null ? "an unknown user" : `uid ${who.uid}`);
}

/** Names are other people's: isolated, so that one that runs from right to left does not reorder the sentence around it; and not longer than a word may be. */
export function named(text: string, most = 40): string {
    const letters = [...text];
    const cut = letters.length > most ? `${letters.slice(0, most - 1).join("")}…` : text;
    return /^[\x20-\x7e…]*$/.test(cut) ? cut : `\u2068${cut}\u2069`;
}

export function processWords(listener: Pick<Listener, "process" | "pid" | "user" | "uid"> | undefined): string {
    if (!listener) return "a process";
    return listener.pid === null
        ? `a hidden process of ${named(userName(listener))}`
        : `${named(listener.process ?? "a process")} (pid ${listener.pid})`;
}

export function isListening(listener: Listener): boolean {
    return listener.state === "listen";
}

/** All listeners of the row, a squatter's first, each once. */
export function listenersOf(row: Pick<PortRow, "listeners" | "findings">): Listener[] {
    const seen = new Map<number, Listener>();
    for (const each of [...row.findings.flatMap((finding) => finding.listeners), ...row.listeners])
        if (!seen.has(each.inode)) seen.set(each.inode, each);
    return [...seen.values()];
}

/** The listeners that count as the lease's own, so far as is known. */
export function ownListeners(row: PortRow): Listener[] {
    return listenersOf(row).filter((each) => isListening(each) && each.evidence !== null && each.evidence.level !== "foreign");
}

export function mayChange(lease: Lease, caller: Caller): boolean {
    return lease.uid === caller.uid || caller.may_change_all;
}

/** As POST /claim has it. */
export function maySpeakFor(listener: Listener, row: PortRow, caller: Caller): boolean {
    if (listener.uid === caller.uid || caller.may_change_all) return true;
    return row.lease !== null && mayChange(row.lease, caller) && listener.evidence !== null && listener.evidence.level !== "foreign";
}

/** The one process of those that are meant; null: they are several, or hidden. */
export function pidOf(meant: readonly Listener[]): number | null {
    const pids = new Set(meant.map((each) => each.pid));
    return pids.size === 1 ? meant[0]!.pid : null;
}

/**
 * The process that /claim and /disown are to name, also where nobody else listens: without it they would mean whoever listens when they arrive, which may
 * be another than was shown. null: all that listen are meant, and are several; or it is hidden.
 */
export function pidThatTells(row: PortRow, meant: readonly Listener[]): number | null {
    const listening = listenersOf(row).filter(isListening);
    return pidOf(meant) ?? (meant.length === listening.length ? null : (meant[0]?.pid ?? null));
}

/** A process that can be stopped: with the socket that it listens on, which is what POST /stop wants to know. */
export interface Candidate {
    listener: Listener;
    owner: Owner;
}

function descends(owner: Owner, from: Owner): boolean {
    return owner.parents.some((parent) => parent.pid === from.pid);
}

/** Squatters first; of one party the master before its workers. Who has only bound the port is none. */
export function candidatesOf(row: Pick<PortRow, "listeners" | "findings">): Candidate[] {
    const found = new Map<number, Candidate>();
    for (const listener of listenersOf(row).filter(isListening))
        for (const owner of listener.owners) if (!found.has(owner.pid)) found.set(owner.pid, { listener, owner });
    const all = [...found.values()];
    const first = all[0];
    const master =
        first && all.find((each) => each !== first && descends(first.owner, each.owner) && !all.some((other) => descends(each.owner, other.owner)));
    return master ? [master, ...all.filter((each) => each !== master)] : all;
}

function sameOwner(a: Owner, b: Owner): boolean {
    return a.pid === b.pid && a.start_time === b.start_time && a.pidfd_inode === b.pidfd_inode;
}

export function sameProcess(a: Candidate, b: Candidate): boolean {
    return sameOwner(a.owner, b.owner) && a.owner.uid === b.owner.uid && a.listener.inode === b.listener.inode;
}

/** The same socket, of the same process as far as that is to be seen. */
export function sameListener(a: Listener, b: Listener): boolean {
    const [one, other] = [a.owners[0], b.owners[0]];
    return a.inode === b.inode && a.uid === b.uid && (one && other ? sameOwner(one, other) : one === other);
}

/**
 * Can a release be taken back? By a claim where its own server listens: then the lease is that server's user's. By a new grant where nobody does: then it
 * is the caller's.
 */
export function undoWay(row: PortRow, caller: Caller): "claim" | "alloc" | null {
    const { lease } = row;
    if (!lease) return null;
    const own = ownListeners(row);
    if (own.length === 0) return lease.uid === caller.uid ? "alloc" : null;
    return own.every((each) => each.uid === lease.uid && (each.uid === caller.uid || caller.may_change_all)) ? "claim" : null;
}
