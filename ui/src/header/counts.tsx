import { useMemo } from "react";
import { goTo } from "../base/shortcuts.ts";
import { useMeta, useRows } from "../live/use-live.ts";
import { conflictRows, type PortRow } from "../rows/rows.ts";
import { isManaged } from "../table/view.ts";

function count(rows: readonly PortRow[]) {
    let leases = 0;
    let listening = 0;
    for (const row of rows) {
        if (row.lease) leases++;
        if (row.listeners.length > 0 && isManaged(row)) listening++;
    }
    return { leases, listening, conflicts: conflictRows(rows).length };
}

const many = (n: number, one: string): string => `${n} ${n === 1 ? one : `${one}s`}`;

export function Counts() {
    const meta = useMeta();
    const rows = useRows();
    const { leases, listening, conflicts } = useMemo(() => count(rows), [rows]);
    if (!meta) return null;
    return (
        <span className="counts">
            <span title={meta.excluded === "" ? "The managed range" : `The managed range, without ${meta.excluded}`}>
                <span className="visually-hidden">Range </span>
                {meta.range.min}–{meta.range.max}
                {meta.excluded !== "" && <span className="muted"> without {meta.excluded}</span>}
            </span>
            <span>{many(leases, "lease")}</span>
            <span title="Ports of the range on which somebody listens">{listening} listening</span>
            {conflicts === 0 ? (
                <span>no conflicts</span>
            ) : (
                <button type="button" className="button small danger" onClick={() => goTo("conflicts")}>
                    <span aria-hidden="true">✕</span>
                    {many(conflicts, "conflict")}
                </button>
            )}
        </span>
    );
}
