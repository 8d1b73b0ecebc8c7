import { useRef, useState } from "react";
import type { Listener } from "../api/types.ts";
import { announce } from "../base/announcer.tsx";
import { Dialog } from "../base/dialog.tsx";
import { useLive, useLiveStore } from "../live/use-live.ts";
import type { PortRow } from "../rows/rows.ts";
import { claim } from "./calls.ts";
import { ActionForm, DialogFoot, Field, useAsking } from "./dialog-parts.tsx";
import { host } from "./host-state.ts";
import { isListening, listenersOf, named, pidOf, processWords, sameListener, userName } from "./parties.ts";
import { failure } from "./perform.ts";
import { portctl } from "./shell.ts";
import { rowNow } from "./use-action.ts";

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
    const store = useLiveStore();
    const [seen, setSeen] = useState(row);
    const lookAgain = (): void => {
        const now = rowNow(store, row.port);
        if (now && listenersOf(now).some(isListening)) {
            setSeen(now);
            return;
        }
        announce(`Nobody listens on port ${row.port} any more.`);
        host.closeDialog();
    };
    // Another look is another dialog: the name and the process that were chosen before may be of somebody else.
    const key = listenersOf(seen)
        .map(({ inode, owners }) => `${inode}.${owners[0]?.pid}.${owners[0]?.start_time}`)
        .join();
    return <ClaimThese key={key} row={seen} onLookAgain={lookAgain} />;
}

/* Is what was shown still so? null: it is. Where no process is named all that listen are meant, so one more is a change, too. */
function useChange(port: number, shown: readonly Listener[], pid: number | null): string | null {
    const state = useLive((live) => live.state.ports.get(port));
    const now = state ? listenersOf(state).filter(isListening) : [];
    const kept = shown.every((each) => now.some((other) => sameListener(each, other)));
    if (kept && (pid !== null || now.length === shown.length)) return null;
    if (now.length === 0) return `${processWords(shown[0])} does not listen on port ${port} any more.`;
    const other = now.find((each) => !shown.some((before) => sameListener(each, before)));
    const who = other ? `: ${processWords(other)} listens there now` : "";
    return `What listens on port ${port} has changed since this was opened${who}.`;
}

function useClaiming(row: PortRow, name: string, pid: number | null) {
    const asking = useAsking();
    const submit = (): void =>
        void asking.ask(async () => {
            if (name === "") throw failure("The lease needs a name: that of the service which listens there.");
            const { lease } = await claim(row.port, name, pid);
            announce(`Port ${row.port} is leased to ${named(lease.service_name)}.`);
            host.closeDialog();
        });
    return { asking, submit };
}

function Changed({ words, onLookAgain }: { words: string; onLookAgain: () => void }) {
    return (
        <>
            <p role="status" className="changed">
                <span aria-hidden="true">! </span>
                {words}
            </p>
            <p>
                <button type="button" className="button" onClick={onLookAgain}>
                    Show what is there now
                </button>
            </p>
        </>
    );
}

function ClaimThese({ row, onLookAgain }: { row: PortRow; onLookAgain: () => void }) {
    const listening = listenersOf(row).filter(isListening);
    const parties = [...new Map(listening.filter((each) => each.pid !== null).map((each) => [each.pid, each])).values()];
    const [name, setName] = useState(() => suggestName(listening[0]));
    const [chosen, setChosen] = useState<number | null>(null);
    const shown = chosen === null ? listening : listening.filter((each) => each.pid === chosen);
    const pid = pidOf(shown);
    const { asking, submit } = useClaiming(row, name.trim(), pid);
    const change = useChange(row.port, shown, pid);
    // portd itself sees that a process which is named has gone; what is not named it would take as it is now.
    const refused = change !== null && pid === null ? "It would claim what is not shown here." : null;
    const input = useRef<HTMLInputElement>(null);
    const meant = shown[0];

    return (
        <Dialog title={`Claim port ${row.port}`} onClose={host.closeDialog} initialFocus={input}>
            <ActionForm onSubmit={() => refused === null && submit()} asking={asking}>
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
                            value={chosen ?? ""}
                            onChange={(event) => setChosen(event.target.value === "" ? null : Number(event.target.value))}
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
                {change !== null && <Changed words={change} onLookAgain={onLookAgain} />}
                <DialogFoot
                    asking={asking}
                    refused={refused}
                    submit={`Claim ${row.port}`}
                    onCancel={host.closeDialog}
                    command={portctl.claim(row.port, name.trim() === "" ? "NAME" : name.trim(), pid)}
                />
            </ActionForm>
        </Dialog>
    );
}
