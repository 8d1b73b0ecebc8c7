/* The table's view of what is live, by what the address says. */
import { useDeferredValue, useEffect, useMemo, useState } from "react";
import { useFilter } from "../find/use-filter.ts";
import { useUrlState } from "../find/url-state.ts";
import { useRows } from "../live/use-live.ts";
import type { PortRow } from "../rows/rows.ts";
import { nextChange, readSort, viewOf, type View } from "./view.ts";

/* A timer of the browser takes no longer time than this. */
const TIMER_MAX_MS = 1_000_000_000;

/* Counts up whenever a row has become "expiring"; a tick of the clock alone changes nothing in the list. */
function useExpiries(rows: readonly PortRow[], wanted: boolean): number {
    const [count, setCount] = useState(0);
    useEffect(() => {
        const now = Date.now();
        const next = wanted ? nextChange(rows, now) : null;
        if (next === null) return;
        const timer = setTimeout(() => setCount(count + 1), Math.min(Math.max(next - now, 1000), TIMER_MAX_MS));
        return () => clearTimeout(timer);
    }, [rows, wanted, count]);
    return count;
}

export function useView(collapsed: ReadonlySet<string>): View & { rows: readonly PortRow[] } {
    // Typing and the rest of the page come before a list of thousands.
    const rows = useDeferredValue(useRows());
    const filter = useDeferredValue(useFilter());
    const { sort: sortText, group, all } = useUrlState();
    const sort = useMemo(() => readSort(sortText), [sortText]);
    const expiries = useExpiries(rows, filter.timed || sort.column === "state");
    return useMemo(() => {
        void expiries;
        return { rows, ...viewOf(rows, { filter, sort, group, all, collapsed, now: Date.now() }) };
    }, [rows, filter, sort, group, all, collapsed, expiries]);
}
