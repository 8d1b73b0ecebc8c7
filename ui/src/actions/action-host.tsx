import { useEffect } from "react";
import { ClaimDialog } from "./claim-dialog.tsx";
import { host, useHost, type OpenDialog } from "./host-state.ts";
import { LeaseDialog } from "./lease-dialog.tsx";
import { MoveDialog } from "./move-dialog.tsx";
import { ProblemNote } from "./problem-note.tsx";
import { ReleaseDialog } from "./release-dialog.tsx";
import { StopDialog } from "./stop-dialog.tsx";
import { UndoBar } from "./undo-bar.tsx";

/** Where dialogs and the Undo of the last release appear. Once in the page. */
export function ActionHost() {
    const { dialog, undos, notices } = useHost();
    useEffect(() => () => host.reset(), []);
    return (
        <>
            {dialog && <TheDialog key={dialog.key} dialog={dialog} />}
            {(undos.length > 0 || notices.length > 0) && (
                <section className="action-notices" aria-label="What was just done">
                    {notices.map((notice) => (
                        <div key={notice.key} className="action-notice">
                            <strong>
                                <bdi>{notice.title}</bdi>
                            </strong>
                            <ProblemNote problem={notice.problem} />
                            <button type="button" className="button small" onClick={() => host.dropNotice(notice.key)}>
                                Dismiss
                            </button>
                        </div>
                    ))}
                    {undos.map((undo, index) => (
                        <UndoBar key={undo.key} undo={undo} newest={index === undos.length - 1} />
                    ))}
                </section>
            )}
        </>
    );
}

function TheDialog({ dialog }: { dialog: OpenDialog }) {
    const { action, port, row } = dialog;
    if (action.id === "lease") return <LeaseDialog port={port} />;
    if (!row) return null;
    switch (action.id) {
        case "stop":
            return <StopDialog row={row} />;
        case "claim":
            return <ClaimDialog row={row} />;
        case "move":
            return <MoveDialog row={row} />;
        case "release":
            return <ReleaseDialog row={row} />;
        default:
            return null;
    }
}
