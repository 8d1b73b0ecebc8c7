import type { PortRow } from "../rows/rows.ts";
import type { Action } from "./actions.ts";

/** One action of a row as a button: busy while portd works on it, its error beside it, its dialog where it asks first. Disabled while the data is stale. */
export function ActionButton(_props: { row: PortRow; action: Action; small?: boolean }) {
    return null;
}

/** For what has no row (a free port) or no button (the palette): performs it, with its dialog, over the page. */
export function useStartAction(): (action: Action, target: PortRow | number) => void {
    return () => {};
}

/** Where dialogs and the Undo of the last release appear. Once in the page. */
export function ActionHost() {
    return null;
}
