/* How an action is started, from wherever. */
import { useCallback } from "react";
import { useLiveStore } from "../live/use-live.ts";
import type { LiveStore } from "../live/store.ts";
import { cachedRow, type PortRow } from "../rows/rows.ts";
import { setUrlState } from "../find/url-state.ts";
import { harmless, type Action } from "./actions.ts";
import { host } from "./host-state.ts";
import { asksFirst, failure, perform, problemOf } from "./perform.ts";

export function rowNow(store: LiveStore, port: number): PortRow | null {
    const { ports, meta } = store.get().state;
    const state = ports.get(port);
    return state && meta ? cachedRow(state, meta) : null;
}

export const STALE = "What is shown is not live, so nothing is changed by it.";

/** Opens the action's dialog, or does it; throws what goes wrong. */
export async function start(store: LiveStore, action: Action, port: number, row: PortRow | null): Promise<void> {
    const { liveness, state } = store.get();
    const caller = state.meta?.caller ?? null;
    if (action.refused !== null) throw failure(action.refused);
    if (liveness !== "live" && !harmless.has(action.id)) throw failure(STALE);
    if (asksFirst(action, row, caller)) {
        host.openDialog(action, port, row);
        return;
    }
    if (action.id === "explain") {
        setUrlState({ port });
        return;
    }
    if (!row || !caller) throw failure(`Nobody leases port ${port} or listens on it any more.`);
    try {
        await perform(action, row, caller);
    } finally {
        // Its effect, or what has become of the port instead, is to be seen at once.
        if (!harmless.has(action.id)) store.refresh();
    }
}

/** For what has no row (a free port) or no button (the palette): performs it, with its dialog, over the page. */
export function useStartAction(): (action: Action, target: PortRow | number) => void {
    const store = useLiveStore();
    return useCallback(
        (action, target) => {
            const port = typeof target === "number" ? target : target.port;
            const row = typeof target === "number" ? rowNow(store, port) : target;
            start(store, action, port, row).catch((error: unknown) => host.tell(`${action.label} (port ${port})`, problemOf(error)));
        },
        [store],
    );
}
