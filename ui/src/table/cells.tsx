/* Cells of a row. What counts down or changes with the time alone renders itself, not its row. */
import { StateMark } from "../base/state-mark.tsx";
import { formatDuration, useClock } from "../base/time.ts";
import { shownAt, type PortRow } from "../rows/rows.ts";

export function StateCell({ row }: { row: PortRow }) {
    const expiring = useClock((now) => shownAt(row, now) !== row);
    return (
        <td className="cell-state" title={row.word}>
            <StateMark row={expiring ? shownAt(row, Infinity) : row} />
        </td>
    );
}

const keptBy = { holder: "while its holder runs", listener: "while its server listens", ttl: "" } as const;

export function LeftCell({ row }: { row: PortRow }) {
    const left = useClock((now) => (row.deadline === null ? null : formatDuration(row.deadline - now)));
    if (left !== null) return <td className="cell-left number">{left}</td>;
    if (!row.lease) return <td className="cell-left number" />;
    return (
        <td className="cell-left number muted" title={`kept ${keptBy[row.lease.kept_by]}`}>
            kept
        </td>
    );
}

export function AgeCell({ row }: { row: PortRow }) {
    const age = useClock((now) => (row.since === null ? null : formatDuration(now - row.since)));
    const since = row.since === null ? undefined : new Date(row.since).toLocaleString("en-CA", { hour12: false });
    return (
        <td className="cell-age number" title={since}>
            {age}
        </td>
    );
}

/** Somebody else's bytes: as text, cut where the cell ends, whole in the title. */
export function NameCell({ name, className }: { name: string | null; className: string }) {
    return (
        <td className={className} title={name?.slice(0, 1000) ?? undefined}>
            <bdi>{name?.slice(0, 200)}</bdi>
        </td>
    );
}
