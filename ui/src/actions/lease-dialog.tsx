import { useState } from "react";
import type { Lease } from "../api/types.ts";
import { announce } from "../base/announcer.tsx";
import { Dialog } from "../base/dialog.tsx";
import { alloc, type Granted } from "./calls.ts";
import { ActionForm, DialogFoot, Field, LifeField, lifeOption, useAsking } from "./dialog-parts.tsx";
import { GrantedView } from "./granted-view.tsx";
import { host } from "./host-state.ts";
import { named } from "./parties.ts";
import { failure } from "./perform.ts";
import { portctl } from "./shell.ts";

/** A lease for a port that is free. */
export function LeaseDialog({ port }: { port: number }) {
    const [name, setName] = useState("");
    const [seconds, setSeconds] = useState(300);
    const [granted, setGranted] = useState<Granted | null>(null);
    const asking = useAsking();

    const submit = (): void =>
        void asking.ask(async () => {
            if (name.trim() === "") throw failure("The lease needs a name: that of the service which gets the port.");
            const answer = await alloc({ service_name: name.trim(), port, ttl_seconds: seconds });
            announce(`Port ${port} is leased to ${named(answer.lease.service_name)}.`);
            setGranted(answer);
        });

    if (granted) return <LeasedDialog granted={granted} lease={granted.lease} />;
    return (
        <Dialog title={`Lease port ${port}`} onClose={host.closeDialog}>
            <ActionForm onSubmit={submit} asking={asking}>
                <Field label="Service">
                    <input
                        className="input"
                        value={name}
                        onChange={(event) => setName(event.target.value)}
                        placeholder="my-api"
                        autoComplete="off"
                        spellCheck={false}
                    />
                </Field>
                <LifeField seconds={seconds} onChange={setSeconds} />
                <DialogFoot
                    asking={asking}
                    submit={`Lease ${port}`}
                    onCancel={host.closeDialog}
                    command={portctl.allocExact(name.trim() === "" ? "NAME" : name.trim(), port, seconds === 300 ? null : lifeOption(seconds))}
                />
            </ActionForm>
        </Dialog>
    );
}

function LeasedDialog({ granted, lease }: { granted: Granted; lease: Lease }) {
    return (
        <Dialog title={`Port ${lease.port} is leased`} onClose={host.closeDialog}>
            <GrantedView granted={granted} />
            <div className="dialog-buttons">
                <button type="button" className="button" onClick={host.closeDialog}>
                    Close
                </button>
            </div>
        </Dialog>
    );
}
