import { StateMark } from "../base/state-mark.tsx";
import type { PortRow } from "../rows/rows.ts";
import type { Entry } from "./entries.ts";

function names(row: PortRow): string {
    return [row.service, row.process, row.user]
        .filter(Boolean)
        .map((name) => name!.slice(0, 130))
        .join(" · ");
}

function Words({ entry }: { entry: Entry }) {
    switch (entry.kind) {
        case "port":
            return (
                <>
                    <strong>{entry.row.port}</strong>
                    <bdi className="entry-names">{names(entry.row)}</bdi>
                    <StateMark row={entry.row} />
                </>
            );
        case "action":
            return (
                <>
                    <bdi className={entry.action.tone === "danger" ? "severity-error" : undefined}>{entry.action.label}</bdi>
                    <bdi className="entry-names muted">
                        {entry.row.port} {names(entry.row)}
                    </bdi>
                </>
            );
        case "lease":
            return (
                <>
                    <span>{entry.action.label}</span>
                    <span className="entry-names muted">nobody has it</span>
                </>
            );
        case "page":
            return (
                <>
                    <span className="entry-names">{entry.command.label}</span>
                    {entry.command.keys && <kbd>{entry.command.keys}</kbd>}
                </>
            );
    }
}

interface Props {
    id: string;
    entry: Entry;
    selected: boolean;
    refusal: string | null;
    onChoose: () => void;
}

/* The focus stays in the input, which says by aria-activedescendant which line is meant. */
export function EntryLine({ id, entry, selected, refusal, onChoose }: Props) {
    return (
        <li
            id={id}
            role="option"
            aria-selected={selected}
            aria-disabled={refusal !== null || undefined}
            className="entry"
            onMouseDown={(event) => event.preventDefault()}
            onClick={onChoose}
        >
            <Words entry={entry} />
            {refusal !== null && <bdi className="entry-refusal">{refusal}</bdi>}
        </li>
    );
}
