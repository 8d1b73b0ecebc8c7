import { useEffect, useId, useMemo, useRef, useState } from "react";
import { ActionButton } from "../actions/action-button.tsx";
import { actionsFor } from "../actions/actions.ts";
import { named } from "../actions/parties.ts";
import { announce } from "../base/announcer.tsx";
import { LongText } from "../base/long-text.tsx";
import { StateMark } from "../base/state-mark.tsx";
import { formatClock } from "../base/time.ts";
import { setUrlState } from "../find/url-state.ts";
import { useLive, useMeta, useRows } from "../live/use-live.ts";
import { conflictRows, type PortRow } from "../rows/rows.ts";
import { ConflictCard } from "./conflict-card.tsx";
import "./conflicts.css";
import { useTitleCount } from "./title-count.ts";

const FIRST = 20;

/** Squatters and conflicts, pinned on top. */
export function ConflictView() {
    const rows = useRows();
    const meta = useMeta();
    const conflicts = useMemo(() => conflictRows(rows), [rows]);
    useTitleCount(conflicts.length);
    useNewsOf(conflicts, meta !== null);
    const [all, setAll] = useState(false);
    const heading = useId();
    if (!meta) return null;
    const shown = all ? conflicts : conflicts.slice(0, FIRST);
    return (
        <section
            className={conflicts.length > 0 ? "panel conflicts has-conflicts" : "panel conflicts"}
            aria-labelledby={heading}
            tabIndex={-1}
            data-focus-home=""
        >
            <h2 id={heading}>Conflicts {conflicts.length > 0 && <span className="count">{conflicts.length}</span>}</h2>
            {conflicts.length === 0 ? (
                <NoConflicts rows={rows} />
            ) : (
                <ul className="conflict-list">
                    {shown.map((row) => (
                        <ConflictCard key={row.port} row={row} />
                    ))}
                </ul>
            )}
            {conflicts.length > FIRST && (
                <button type="button" className="button" aria-expanded={all} onClick={() => setAll(!all)}>
                    {all ? `Show the first ${FIRST}` : `Show all ${conflicts.length}`}
                </button>
            )}
            <Ignored rows={rows} />
            <Unconfirmed rows={rows} />
            <HiddenOwners rows={rows} />
        </section>
    );
}

/* Said once when they come, for who does not see them come. */
function useNewsOf(conflicts: readonly PortRow[], known: boolean): void {
    const before = useRef<ReadonlySet<number> | null>(null);
    useEffect(() => {
        if (!known) return;
        const now = new Set(conflicts.map((row) => row.port));
        const added = before.current === null ? [] : conflicts.filter((row) => !before.current!.has(row.port));
        before.current = now;
        if (added.length === 1) announce(added[0]!.findings[0]?.verdict.slice(0, 300) ?? "");
        else if (added.length > 1) announce(`${added.length} new conflicts.`);
    }, [conflicts, known]);
}

function counted(n: number, one: string): string {
    return `${n} ${one}${n === 1 ? "" : "s"}`;
}

function NoConflicts({ rows }: { rows: readonly PortRow[] }) {
    const dataAt = useLive((live) => live.dataAt);
    const leases = rows.filter((row) => row.lease !== null).length;
    const listeners = rows.reduce((sum, row) => sum + row.listeners.length, 0);
    return (
        <p className="no-conflicts">
            <span aria-hidden="true" className="severity-ok">
                ✓
            </span>{" "}
            No conflicts.{" "}
            <span className="muted">{`${counted(leases, "lease")}, ${counted(listeners, "listener")}${dataAt === null ? "" : `, kernel read ${formatClock(dataAt)}`}.`}</span>
        </p>
    );
}

function Ignored({ rows }: { rows: readonly PortRow[] }) {
    const caller = useMeta()?.caller;
    const ignored = rows.filter((row) => row.ignored);
    if (ignored.length === 0 || !caller) return null;
    return (
        <details className="quiet-line">
            <summary>{ignored.length} ignored</summary>
            <ul className="ignored-list">
                {ignored.map((row) => (
                    <li key={row.port}>
                        <span className="conflict-port">{row.port}</span> <StateMark row={row} />{" "}
                        <LongText className="verdict" text={row.findings[0]?.verdict ?? ""} />
                        {actionsFor(row, caller)
                            .filter((action) => action.id === "unignore")
                            .map((action) => (
                                <ActionButton key={action.id} row={row} action={action} small />
                            ))}
                    </li>
                ))}
            </ul>
        </details>
    );
}

/** More than these are in the table. */
const NAMED_MAX = 8;

function Unconfirmed({ rows }: { rows: readonly PortRow[] }) {
    const unconfirmed = rows.filter((row) => row.state === "unconfirmed");
    if (unconfirmed.length === 0) return null;
    return (
        <p className="quiet-line">
            {unconfirmed.length} unconfirmed:{" "}
            {unconfirmed.slice(0, NAMED_MAX).map((row) => (
                <button
                    key={row.port}
                    type="button"
                    className="button small"
                    title="Probably its own server listens; confirm or disown it"
                    aria-label={`${row.port} ${named(row.service ?? "")}: confirm or disown`}
                    onClick={() => setUrlState({ port: row.port })}
                >
                    {row.port} <bdi className="ellipsis">{row.service}</bdi>
                </button>
            ))}
            {unconfirmed.length > NAMED_MAX && <span className="muted">and {unconfirmed.length - NAMED_MAX} more</span>}
        </p>
    );
}

/* Where portd sees less than it could, and what would show more. Outside of the range, and without a lease, nobody misses it here. */
function HiddenOwners({ rows }: { rows: readonly PortRow[] }) {
    const reasons = new Map<string, { why: string; remedy: string; ports: Set<number> }>();
    for (const row of rows) {
        if (!row.inRange && !row.lease) continue;
        for (const { hidden } of row.listeners) {
            if (!hidden || hidden.reason === "not-yet") continue;
            const reason = reasons.get(hidden.reason) ?? { why: hidden.why, remedy: hidden.remedy, ports: new Set<number>() };
            reason.ports.add(row.port);
            reasons.set(hidden.reason, reason);
        }
    }
    return [...reasons].map(([key, { why, remedy, ports }]) => (
        <p key={key} className="quiet-line">
            <span aria-hidden="true">?</span> The owners of {counted(ports.size, "port")} are hidden: {why}.
            {remedy !== "" && ` To see them: ${remedy}.`}
        </p>
    ));
}
