/* The live store in React. */
import { createContext, useContext, useMemo, useSyncExternalStore } from "react";
import { rowsOf, type PortRow } from "../rows/rows.ts";
import type { Meta } from "./state.ts";
import { LiveStore, type Live } from "./store.ts";

export const LiveContext = createContext<LiveStore | null>(null);

export function useLiveStore(): LiveStore {
    const store = useContext(LiveContext);
    if (!store) throw new Error("no LiveContext around this");
    return store;
}

/** A part of what is live; `select` must return the same thing for the same input. */
export function useLive<T>(select: (live: Live) => T): T {
    const store = useLiveStore();
    return useSyncExternalStore(store.subscribe, () => select(store.get()));
}

export function useMeta(): Meta | null {
    return useLive((live) => live.state.meta);
}

/** All ports that somebody leases or listens on, by port. The same array until something changes. */
export function useRows(): readonly PortRow[] {
    const ports = useLive((live) => live.state.ports);
    const meta = useMeta();
    return useMemo(() => rowsOf(ports, meta), [ports, meta]);
}

/** May actions be taken? Not on stale data. */
export function useIsLive(): boolean {
    return useLive((live) => live.liveness === "live");
}
