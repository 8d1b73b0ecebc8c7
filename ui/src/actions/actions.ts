/*
 * What can be done with a port, by its state: the first is what the state asks for. Each has the line of portctl that does the same. What the caller may
 * not do is there, too, and says why: portd decides, this only spares him the way.
 */
import type { Caller, Lease, Listener } from "../api/types.ts";
import type { PortRow } from "../rows/rows.ts";
import {
    candidatesOf,
    isListening,
    listenersOf,
    mayChange,
    maySpeakFor,
    named,
    ownListeners,
    pidThatTells,
    processWords,
    undoWay,
    userName,
} from "./parties.ts";
import { portctl } from "./shell.ts";

export type ActionId =
    "open" | "copy" | "extend" | "release" | "move" | "claim" | "confirm" | "disown" | "stop" | "ignore" | "unignore" | "lease" | "explain";

export interface Action {
    id: ActionId;
    /** "Stop python3…": dots where a dialog asks first. */
    label: string;
    /** null: portctl has no line for it (open in the browser, copy). */
    command: string | null;
    tone: "plain" | "danger";
    /** Why the caller may not; null: he may, as far as is known. */
    refused: string | null;
}

/** These change nothing, so they may be taken on stale data, too. */
export const harmless: ReadonlySet<ActionId> = new Set<ActionId>(["open", "copy", "explain"]);

function action(id: ActionId, label: string, command: string | null, refused: string | null = null): Action {
    return { id, label, command, tone: id === "stop" ? "danger" : "plain", refused };
}

function refusedLease(lease: Lease, caller: Caller): string | null {
    if (mayChange(lease, caller)) return null;
    const user = named(userName(lease));
    return `The lease is ${user}'s: only ${user}, root and portd's own user may change it.`;
}

function explain(row: PortRow): Action {
    const label = row.state === "elsewhere" ? "What to tell it" : row.state === "hidden" ? "Why hidden" : "Explain";
    return action("explain", label, portctl.who(row.port));
}

function release(row: PortRow, caller: Caller): Action {
    const asks = undoWay(row, caller) === null;
    return action("release", asks ? "Release…" : "Release", portctl.release(row.port), row.lease && refusedLease(row.lease, caller));
}

function extend(row: PortRow, caller: Caller): Action {
    return action("extend", "Extend", portctl.renew(row.port), row.lease && refusedLease(row.lease, caller));
}

/* A lease that is granted is the caller's, so one of another user's service would be no service's. */
function move(row: PortRow, caller: Caller): Action {
    const lease = row.lease!;
    const refused =
        lease.uid === caller.uid ? null : `The other lease would be yours, and ${named(lease.service_name)} is ${named(userName(lease))}'s.`;
    return action("move", "Another port…", portctl.allocAnother(lease.service_name, row.port < 65535 ? row.port + 1 : null), refused);
}

function claim(row: PortRow, caller: Caller): Action {
    const other = listenersOf(row).find((each) => isListening(each) && !maySpeakFor(each, row, caller));
    return action(
        "claim",
        "Claim…",
        portctl.claim(row.port, "NAME"),
        other ? `${processWords(other)} is ${named(userName(other))}'s: only that user, root and portd's own user may claim it.` : null,
    );
}

/** Whom a confirmation is about: the squatters, or else who is not surely the lease's. */
export function unsure(row: PortRow): Listener[] {
    const open = listenersOf(row).filter((each) => isListening(each) && each.evidence?.level !== "confirmed");
    const foreign = open.filter((each) => each.evidence?.level === "foreign");
    return foreign.length > 0 ? foreign : open;
}

/** Whom one can disown: a process that counts as the lease's so far, but is neither its holder nor the holder's child. */
export function disownable(row: PortRow): Listener[] {
    const own = ownListeners(row).filter((each) => each.evidence?.by !== "holder" && each.evidence?.by !== "descendant");
    return own.filter((each) => each.pid === own[0]!.pid);
}

function confirm(row: PortRow, caller: Caller): Action {
    const lease = row.lease!;
    const other = unsure(row).find((each) => !maySpeakFor(each, row, caller));
    const refused = other
        ? `${processWords(other)} is ${named(userName(other))}'s: only that user, root and portd's own user may say whose it is.`
        : null;
    const label = row.state === "unconfirmed" ? "Confirm" : `It is ${named(lease.service_name, 24)}'s`;
    return action("confirm", label, portctl.claim(row.port, null, pidThatTells(row, unsure(row))), refusedLease(lease, caller) ?? refused);
}

function disown(row: PortRow, caller: Caller): Action {
    return action("disown", "Disown", portctl.disown(row.port, pidThatTells(row, disownable(row))), row.lease && refusedLease(row.lease, caller));
}

/* It is the first whom the label names, so it is his socket that counts: that the caller may stop another party of the port is no leave to stop this one. */
function refusedStop(row: PortRow, caller: Caller): string | null {
    const candidates = candidatesOf(row);
    if (candidates.length === 0) {
        const hidden = listenersOf(row).find((each) => each.hidden)?.hidden;
        return hidden
            ? `The process is hidden: ${hidden.why}.${hidden.remedy === "" ? "" : ` To see it: ${hidden.remedy}.`}`
            : "Nothing listens there: it has only bound the port.";
    }
    const { owner, listener } = candidates[0]!;
    const sharers = candidates.filter((each) => each.listener.inode === listener.inode);
    if (caller.uid === 0 || sharers.some((each) => each.owner.uid === caller.uid)) return null;
    return `${processWords(owner)} is ${named(userName(owner))}'s: only that user and root may stop it.`;
}

function stop(row: PortRow, caller: Caller): Action {
    const candidates = candidatesOf(row);
    const first = candidates[0];
    const label = first ? `Stop ${named(first.owner.process, 24).replace(/…(?=\u2069?$)/, "")}…` : "Stop…";
    const parties = new Set(candidates.map((each) => each.listener.inode));
    return action("stop", label, portctl.stop(row.port, first && parties.size > 1 ? first.owner.pid : null), refusedStop(row, caller));
}

function ignore(row: PortRow): Action {
    return row.ignored ? action("unignore", "Count again", portctl.ignore(row.port, true)) : action("ignore", "Ignore", portctl.ignore(row.port));
}

const makers: Record<Exclude<ActionId, "lease" | "unignore">, (row: PortRow, caller: Caller) => Action> = {
    open: () => action("open", "Open", null),
    copy: () => action("copy", "Copy port", null),
    extend,
    release,
    move,
    claim,
    confirm,
    disown,
    stop,
    ignore,
    explain,
};

type Wish = keyof typeof makers;

const wishes: Record<PortRow["state"], readonly Wish[]> = {
    pending: ["copy", "extend", "release", "explain"],
    bound: ["open", "copy", "release", "disown", "stop", "explain"],
    expiring: ["extend", "copy", "release", "explain"],
    elsewhere: ["explain", "copy", "release"],
    squatted: ["explain", "move", "stop", "confirm", "ignore", "release", "extend", "copy"],
    shared: ["explain", "move", "stop", "confirm", "disown", "ignore", "release", "copy"],
    silent: ["release", "extend", "copy", "explain"],
    unconfirmed: ["confirm", "disown", "open", "copy", "release", "stop", "explain"],
    unleased: ["claim", "stop", "open", "ignore", "copy", "explain"],
    hidden: ["explain", "copy", "open"],
    unmanaged: ["open", "copy", "claim", "stop", "explain"],
    portd: ["open", "copy", "explain"],
};

/* What has no sense on this row at all; what has sense but is forbidden stays, and says why. */
function hasSense(wish: Wish, row: PortRow): boolean {
    const listens = listenersOf(row).some(isListening);
    switch (wish) {
        case "open":
        case "claim":
            return listens;
        case "extend":
            return row.lease?.kept_by === "ttl";
        case "confirm":
            return row.lease !== null && unsure(row).length > 0;
        case "disown":
            return row.lease !== null && disownable(row).length > 0;
        case "ignore":
            return row.findings.length > 0;
        default:
            return true;
    }
}

export function actionsFor(row: PortRow, caller: Caller): Action[] {
    return wishes[row.state].filter((wish) => hasSense(wish, row)).map((wish) => (wish === "ignore" ? ignore(row) : makers[wish](row, caller)));
}

/** For a free port of the range. */
export function leaseAction(port: number): Action {
    return action("lease", `Lease ${port}…`, portctl.allocExact("NAME", port, null));
}
