import { useRef, useState } from "react";
import type { Listener } from "../api/types.ts";
import { announce } from "../base/announcer.tsx";
import { Dialog } from "../base/dialog.tsx";
import type { PortRow } from "../rows/rows.ts";
import { claim } from "./calls.ts";
import { ActionForm, DialogFoot, Field, useAsking } from "./dialog-parts.tsx";
import { host } from "./host-state.ts";
import { isListening, listenersOf, named, processWords, userName } from "./parties.ts";
import { failure } from "./perform.ts";
import { portctl } from "./shell.ts";

const NAME_BYTES_MAX = 128;

/* At most so many bytes of UTF-8, and no control characters: what portd takes for a name. */
function asName(text: string): string {
    const clean = text.replace(/\p{Cc}/gu, "").trim();
    let bytes = 0;
    let name = "";
    for (const letter of clean) {
        bytes += new TextEncoder().encode(letter).length;
        if (bytes > NAME_BYTES_MAX) break;
        name += letter;
    }
    return name;
}

/** What its service is probably called: as the directory that it was started in, unless that is everybody's or a home; else as its process. */
export function suggestName(listener: Listener | undefined): string {
    const owner = listener?.owners[0];
    const parts = (owner?.directory ?? "").split("/").filter((part) => part !== "");
    const isHome = parts[0] === "root" || (parts[0] === "home" && parts.length < 3);
    const shared = ["tmp", "var", "usr", "opt", "srv", "run"].includes(parts.at(-1) ?? "");
    const folder = isHome || shared ? "" : asName(parts.at(-1) ?? "");
    return folder || asName(listener?.process ?? "") || asName(listener?.unit?.replace(/\.service$/, "") ?? "");
}

/** A lease for what listens already. */
export function ClaimDialog({ row }: { row: PortRow }) {
    const listening = listenersOf(row).filter(isListening);
    const parties = [...new Map(listening.filter((each) => each.pid !== null).map((each) => [each.pid, each])).values()];
    const [name, setName] = useState(() => suggestName(listening[0]));
    const [pid, setPid] = useState<number | null>(null);
    const asking = useAsking();
    const input = useRef<HTMLInputElement>(null);
    const meant = pid === null ? listening[0] : listening.find((each) => each.pid === pid);

    const submit = (): void =>
        void asking.ask(async () => {
            if (name.trim() === "") throw failure("The lease needs a name: that of the service which listens there.");
            const { lease } = await claim(row.port, name.trim(), pid);
            announce(`Port ${row.port} is leased to ${named(lease.service_name)}.`);
            host.closeDialog();
        });

    return (
        <Dialog title={`Claim port ${row.port}`} onClose={host.closeDialog} initialFocus={input}>
            <ActionForm onSubmit={submit} asking={asking}>
                <p>
                    {processWords(meant)} of {named(userName(meant ?? { user: null, uid: null }))} listens on port {row.port}. It gets a lease for it,
                    and is not touched.
                </p>
                <Field label="Service">
                    <input
                        ref={input}
                        className="input"
                        value={name}
                        onChange={(event) => setName(event.target.value)}
                        autoComplete="off"
                        spellCheck={false}
                    />
                </Field>
                {parties.length > 1 && (
                    <Field label="Whose listeners">
                        <select
                            className="input"
                            value={pid ?? ""}
                            onChange={(event) => setPid(event.target.value === "" ? null : Number(event.target.value))}
                        >
                            <option value="">all that listen</option>
                            {parties.map((party) => (
                                <option key={party.pid} value={party.pid ?? ""}>
                                    {processWords(party)}
                                </option>
                            ))}
                        </select>
                    </Field>
                )}
                <DialogFoot
                    asking={asking}
                    submit={`Claim ${row.port}`}
                    onCancel={host.closeDialog}
                    command={portctl.claim(row.port, name.trim() === "" ? "NAME" : name.trim(), pid)}
                />
            </ActionForm>
        </Dialog>
    );
}
