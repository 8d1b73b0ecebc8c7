/* The filter of the address, read once for all views. */
import { useMemo } from "react";
import { useMeta } from "../live/use-live.ts";
import { parseFilter, type Filter } from "./filter.ts";
import { useUrlState } from "./url-state.ts";

let last: { text: string; me: number | null; filter: Filter } | null = null;

function filterOf(text: string, me: number | null): Filter {
    if (last?.text !== text || last.me !== me) last = { text, me, filter: parseFilter(text, me) };
    return last.filter;
}

export function useFilter(): Filter {
    const { q } = useUrlState();
    const me = useMeta()?.caller.uid ?? null;
    return useMemo(() => filterOf(q, me), [q, me]);
}
