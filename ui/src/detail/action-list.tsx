import { useId, useState } from "react";
import { ActionButton } from "../actions/action-button.tsx";
import { actionsFor, type ActionId } from "../actions/actions.ts";
import { CopyLine } from "../base/copy-button.tsx";
import { useMeta } from "../live/use-live.ts";
import type { PortRow } from "../rows/rows.ts";

/** The actions of a port as buttons, and on demand the lines of portctl that do the same. */
export function ActionList({ row, without = [] }: { row: PortRow; without?: readonly ActionId[] }) {
    const caller = useMeta()?.caller;
    const [shown, setShown] = useState(false);
    const id = useId();
    if (!caller) return null;
    const actions = actionsFor(row, caller).filter((action) => !without.includes(action.id));
    const lines = actions.filter((action) => action.command !== null);
    return (
        <>
            <div className="action-row">
                {actions.map((action) => (
                    <ActionButton key={action.id} row={row} action={action} />
                ))}
                {lines.length > 0 && (
                    <button
                        type="button"
                        className="button quiet"
                        aria-expanded={shown}
                        aria-controls={shown ? id : undefined}
                        aria-label={`portctl lines for ${row.port}`}
                        onClick={() => setShown(!shown)}
                    >
                        <span aria-hidden="true">{shown ? "▾" : "▸"}</span> portctl lines
                    </button>
                )}
            </div>
            {shown && (
                <ul id={id} className="action-lines">
                    {lines.map((action) => (
                        <li key={action.id}>
                            <span className="muted">
                                <bdi>{action.label.replace(/…$/, "")}</bdi>
                            </span>
                            <CopyLine text={action.command!} />
                        </li>
                    ))}
                </ul>
            )}
        </>
    );
}
