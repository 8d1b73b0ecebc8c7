import { useState } from "react";
import { announce } from "../base/announcer.tsx";
import { Dialog } from "../base/dialog.tsx";
import { useLive, useMeta } from "../live/use-live.ts";
import type { PortRow } from "../rows/rows.ts";
import { alloc, release, sameService, type Granted } from "./calls.ts";
import { ActionForm, DialogFoot, Field, useAsking } from "./dialog-parts.tsx";
import { GrantedView } from "./granted-view.tsx";
import { host } from "./host-state.ts";
import { named, undoWay } from "./parties.ts";
import { failure, releasedSentence } from "./perform.ts";
import { portctl } from "./shell.ts";
import { planUndo } from "./undo.ts";

/* The next port of the range that nobody has, as far as is known; null: none. */
function useNextFree(port: number): number | null {
    const ports = useLive((live) => live.state.ports);
    const range = useMeta()?.range;
    if (!range) return null;
    const count = range.max - range.min + 1;
    const start = port >= range.min && port <= range.max ? port - range.min + 1 : 0;
    for (let i = 0; i < count; i++) {
        const next = range.min + ((start + i) % count);
        if (!ports.has(next)) return next;
    }
    return null;
}

/** The port's number out of what was typed; null: any will do. */
function readPort(text: string): number | null {
    if (text.trim() === "") return null;
    const port = /^\d{1,5}$/.test(text.trim()) ? Number(text) : 0;
    if (port < 1 || port > 65535) throw failure(`"${text.trim()}" is no port: a whole number from 1 to 65535, or nothing for any port.`);
    return port;
}

function preferOf(text: string): number | null {
    try {
        return readPort(text);
    } catch {
        return null;
    }
}

/** Another port for a service whose own is taken. Its old lease is kept until the person ends it. */
export function MoveDialog({ row }: { row: PortRow }) {
    const lease = row.lease!;
    const next = useNextFree(row.port);
    const [typed, setTyped] = useState<string | null>(null);
    const [granted, setGranted] = useState<Granted | null>(null);
    const asking = useAsking();
    const wanted = typed ?? (next === null ? "" : String(next));

    const submit = (): void =>
        void asking.ask(async () => {
            const prefer = readPort(wanted);
            const answer = await alloc({ ...sameService(lease), ...(prefer === null ? {} : { prefer }) });
            announce(`${named(lease.service_name)} has port ${answer.lease.port} now, too.`);
            setGranted(answer);
        });

    if (granted) return <MovedDialog row={row} granted={granted} />;
    return (
        <Dialog title={`Another port for ${named(lease.service_name)}`} onClose={host.closeDialog}>
            <ActionForm onSubmit={submit} asking={asking}>
                <p>
                    A second lease, with the same time and tags. The service does not know of it by itself: it has to be told its port. Its lease on{" "}
                    {row.port} is kept until you release it.
                </p>
                <Field label="This port, if it can be had, else another">
                    <input
                        className="input"
                        inputMode="numeric"
                        value={wanted}
                        onChange={(event) => setTyped(event.target.value)}
                        autoComplete="off"
                    />
                </Field>
                <DialogFoot
                    asking={asking}
                    submit="Lease another port"
                    onCancel={host.closeDialog}
                    command={portctl.allocAnother(lease.service_name, preferOf(wanted))}
                />
            </ActionForm>
        </Dialog>
    );
}

function MovedDialog({ row, granted }: { row: PortRow; granted: Granted }) {
    const caller = useMeta()?.caller;
    const asking = useAsking();
    const end = (): void =>
        void asking.ask(async () => {
            const released = await release(row.port, row.lease!.id);
            const way = caller ? undoWay(row, caller) : null;
            const sentence = releasedSentence(row, released);
            if (way) host.offerUndo(planUndo(row, way), sentence);
            announce(sentence);
            host.closeDialog();
        });
    return (
        <Dialog title={`Port ${granted.lease.port} is leased`} onClose={host.closeDialog}>
            <GrantedView granted={granted} />
            <p>Its lease on {row.port} is still there. It is of no use once the service has the other port.</p>
            <DialogFoot
                asking={asking}
                submit={`Release ${row.port}`}
                onSubmit={end}
                onCancel={host.closeDialog}
                cancel={`Keep ${row.port}`}
                command={portctl.release(row.port)}
            />
        </Dialog>
    );
}
