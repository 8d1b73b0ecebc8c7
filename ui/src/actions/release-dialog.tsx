import { useRef } from "react";
import { announce } from "../base/announcer.tsx";
import { Dialog } from "../base/dialog.tsx";
import type { PortRow } from "../rows/rows.ts";
import { release } from "./calls.ts";
import { DialogFoot, useAsking } from "./dialog-parts.tsx";
import { host } from "./host-state.ts";
import { named, userName } from "./parties.ts";
import { releasedSentence } from "./perform.ts";
import { portctl } from "./shell.ts";

/** Asks only where the release cannot be taken back, because a new lease would be somebody else's. */
export function ReleaseDialog({ row }: { row: PortRow }) {
    const lease = row.lease!;
    const asking = useAsking();
    const cancel = useRef<HTMLButtonElement>(null);
    const submit = (): void =>
        void asking.ask(async () => {
            announce(releasedSentence(row, await release(row.port, lease.id)));
            host.closeDialog();
        });
    return (
        <Dialog title={`Release port ${row.port}?`} onClose={host.closeDialog} initialFocus={cancel}>
            <p>
                It is leased to <bdi className="name">{lease.service_name}</bdi> of <bdi>{named(userName(lease))}</bdi>. This cannot be taken back
                from here: a new lease on the port would be another user&apos;s.
            </p>
            <DialogFoot
                asking={asking}
                submit={`Release ${row.port}`}
                tone="danger"
                onSubmit={submit}
                onCancel={host.closeDialog}
                cancelRef={cancel}
                command={portctl.release(row.port)}
            />
        </Dialog>
    );
}
