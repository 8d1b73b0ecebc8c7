/*
 * What can be done with a port, by its state: the first is what the state asks for. Each has the line of portctl that does the same. What the caller may
 * not do is there, too, and says why: portd decides, this only spares him the way.
 */
import type { Caller } from "../api/types.ts";
import type { PortRow } from "../rows/rows.ts";

export type ActionId =
    "open" | "copy" | "extend" | "release" | "move" | "claim" | "confirm" | "disown" | "stop" | "ignore" | "unignore" | "lease" | "explain";

export interface Action {
    id: ActionId;
    /** "Stop python3…": dots where a dialog asks first. */
    label: string;
    /** null: portctl has no line for it (open in the browser, explain). */
    command: string | null;
    tone: "plain" | "danger";
    /** Why the caller may not; null: he may, as far as is known. */
    refused: string | null;
}

export function actionsFor(_row: PortRow, _caller: Caller): Action[] {
    return [];
}

/** For a free port of the range. */
export function leaseAction(port: number): Action {
    return { id: "lease", label: `Lease ${port}…`, command: `portctl alloc NAME --port ${port}`, tone: "plain", refused: null };
}
