/* Actions that ask nothing: done at once. What goes wrong is thrown, and shown where the action was taken. */
import { ProblemError } from "../api/client.ts";
import type { Caller } from "../api/types.ts";
import { announce } from "../base/announcer.tsx";
import { formatDuration } from "../base/time.ts";
import { setUrlState } from "../find/url-state.ts";
import type { PortRow } from "../rows/rows.ts";
import { disownable, unsure, type Action } from "./actions.ts";
import * as calls from "./calls.ts";
import { host } from "./host-state.ts";
import { isListening, named, pidThatTells, processWords, undoWay } from "./parties.ts";
import { planUndo } from "./undo.ts";

/** Does it ask first? Then its dialog is opened instead. */
export function asksFirst(action: Action, row: PortRow | null, caller: Caller | null): boolean {
    if (action.id === "release") return row !== null && caller !== null && undoWay(row, caller) === null;
    return ["move", "claim", "stop", "lease"].includes(action.id);
}

export function openAddress(port: number): string {
    return `http://localhost:${port}/`;
}

/** An error of the page's own, in the same form as portd's. */
export function failure(detail: string, hint?: string): ProblemError {
    return new ProblemError({ type: "about:blank", title: "It was not done", status: 0, detail, ...(hint === undefined ? {} : { hint }) });
}

async function copyPort(port: number): Promise<void> {
    try {
        await navigator.clipboard.writeText(String(port));
    } catch {
        throw failure("The browser does not let this page copy; select the number and copy it yourself.");
    }
    announce(`Copied: ${port}`);
}

function needLease(row: PortRow): NonNullable<PortRow["lease"]> {
    if (!row.lease) throw failure(`Port ${row.port} is not leased any more.`);
    return row.lease;
}

/** Whoever still listens there keeps listening: a release tells nobody. */
export function releasedSentence(row: PortRow, released: calls.Released): string {
    const still = released.listeners.filter(isListening);
    const who = still.length === 0 ? "" : ` ${processWords(still[0])} still listens there${row.inRange ? ", and is a squatter now" : ""}.`;
    return `Released port ${released.port} (${named(released.service_name)}).${who}`;
}

async function release(row: PortRow, caller: Caller): Promise<void> {
    const lease = needLease(row);
    const way = undoWay(row, caller);
    const released = await calls.release(row.port, lease.id);
    const sentence = releasedSentence(row, released);
    if (way) host.offerUndo(planUndo(row, way), sentence);
    announce(way ? `${sentence} Undo is offered for 10 seconds, also with Ctrl+Z.` : sentence);
}

async function extend(row: PortRow): Promise<void> {
    const { lease } = await calls.heartbeat(row.port, needLease(row).id);
    const left = lease.expires_in_seconds === null ? "" : `; ${formatDuration(lease.expires_in_seconds * 1000)} left`;
    announce(`Extended port ${row.port} (${named(lease.service_name)})${left}.`);
}

async function confirm(row: PortRow): Promise<void> {
    const lease = needLease(row);
    await calls.claim(row.port, lease.service_name, pidThatTells(row, unsure(row)), lease.id);
    announce(`Confirmed: what listens on port ${row.port} is ${named(lease.service_name)}'s.`);
}

async function disown(row: PortRow): Promise<void> {
    await calls.disown(row.port, needLease(row).id, pidThatTells(row, disownable(row)));
    announce(`Disowned: what listens on port ${row.port} is a squatter now.`);
}

async function setIgnored(row: PortRow, ignored: boolean): Promise<void> {
    await calls.ignore(row.port, ignored);
    announce(ignored ? `Port ${row.port} is ignored.` : `Port ${row.port} is counted again.`);
}

export async function perform(action: Action, row: PortRow, caller: Caller): Promise<void> {
    switch (action.id) {
        case "open":
            window.open(openAddress(row.port), "_blank", "noopener");
            return;
        case "copy":
            return copyPort(row.port);
        case "explain":
            setUrlState({ port: row.port });
            return;
        case "extend":
            return extend(row);
        case "release":
            return release(row, caller);
        case "confirm":
            return confirm(row);
        case "disown":
            return disown(row);
        case "ignore":
        case "unignore":
            return setIgnored(row, action.id === "ignore");
        default:
            throw failure(`${action.label} asks first.`);
    }
}

export function problemOf(error: unknown): ProblemError {
    return error instanceof ProblemError ? error : failure("The page could not do this; a reload may help.");
}
