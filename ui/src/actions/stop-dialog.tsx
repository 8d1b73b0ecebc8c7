/*
 * The dialog that ends a process. It sends exactly what it showed when it was opened (pid, start time, socket), so a process that was replaced meanwhile is
 * refused by portd (409) and never signalled. The focus is on Cancel at first and nothing here is a form: Enter alone stops nobody.
 */
import { useId, useRef, useState } from "react";
import type { Caller } from "../api/types.ts";
import { announce } from "../base/announcer.tsx";
import { Dialog } from "../base/dialog.tsx";
import { LongText } from "../base/long-text.tsx";
import { formatClock, formatDuration, parseTime, useNow } from "../base/time.ts";
import { useLive, useLiveStore, useMeta } from "../live/use-live.ts";
import { listenerAddress } from "../rows/address.ts";
import type { PortRow } from "../rows/rows.ts";
import * as calls from "./calls.ts";
import { DialogFoot, useAsking } from "./dialog-parts.tsx";
import { host } from "./host-state.ts";
import { candidatesOf, isListening, named, processWords, sameProcess, userName, type Candidate } from "./parties.ts";
import { portctl } from "./shell.ts";
import { rowNow } from "./use-action.ts";

type Signal = "TERM" | "KILL";

export function StopDialog({ row }: { row: PortRow }) {
    const store = useLiveStore();
    const [seen, setSeen] = useState(row);
    const lookAgain = (): void => {
        const now = rowNow(store, row.port);
        if (now && candidatesOf(now).length > 0) {
            setSeen(now);
            return;
        }
        announce(`Nobody listens on port ${row.port} any more.`);
        host.closeDialog();
    };
    // Another look is another dialog: nothing that was chosen or said about the process before is true of this one.
    const key = candidatesOf(seen)
        .map(({ owner, listener }) => `${owner.pid}.${owner.start_time}.${listener.inode}`)
        .join();
    return <StopThese key={key} row={seen} onLookAgain={lookAgain} />;
}

function refusedFor(candidate: Candidate, caller: Caller | undefined): string | null {
    if (!caller || caller.uid === 0 || candidate.owner.uid === caller.uid) return null;
    return `It is ${named(userName(candidate.owner))}'s: only that user and root may stop it.`;
}

/* Is what was shown still so? null: it is. */
function useChange(port: number, target: Candidate): string | null {
    const state = useLive((live) => live.state.ports.get(port));
    const now = state ? candidatesOf(state) : [];
    if (now.some((each) => sameProcess(each, target))) return null;
    if (now.length === 0) return `${named(target.owner.process)} (pid ${target.owner.pid}) does not listen on port ${port} any more.`;
    return `What listens on port ${port} has changed since this was opened: it is ${processWords(now[0]!.listener)} now.`;
}

function useStopping(row: PortRow, target: Candidate) {
    const asking = useAsking();
    const [outcome, setOutcome] = useState<calls.Stopped | null>(null);
    const send = (signal: Signal): void =>
        void asking.ask(async () => {
            setOutcome(null);
            const { owner, listener } = target;
            const answer = await calls.stop({ port: row.port, pid: owner.pid, start_time: owner.start_time, inode: listener.inode, signal });
            if (answer.freed) {
                announce(`Stopped ${named(owner.process)} (pid ${owner.pid}); port ${row.port} is free.`);
                host.closeDialog();
            } else setOutcome(answer);
        });
    return { asking, outcome, send };
}

function StopThese({ row, onLookAgain }: { row: PortRow; onLookAgain: () => void }) {
    const caller = useMeta()?.caller;
    const candidates = candidatesOf(row);
    // The one that the button named, even where the caller may not stop it: another, which may be his own server, is only chosen by hand.
    const [chosen, setChosen] = useState(candidates[0]!);
    const [signal, setSignal] = useState<Signal>("TERM");
    const { asking, outcome, send } = useStopping(row, chosen);
    const change = useChange(row.port, chosen);
    const cancel = useRef<HTMLButtonElement>(null);
    const name = named(chosen.owner.process);
    const stale = asking.problem?.kind === "stale-process" || asking.problem?.kind === "not-listening";

    return (
        <Dialog title={`Stop ${name} on port ${row.port}?`} onClose={host.closeDialog} initialFocus={cancel} className="stop-dialog">
            {candidates.length > 1 && <Choice candidates={candidates} chosen={chosen} onChoose={setChosen} caller={caller} />}
            <ProcessFacts port={row.port} candidate={chosen} />
            <SignalChoice signal={signal} onChoose={setSignal} name={name} />
            <Others chosen={chosen} candidates={candidates} />
            {change !== null && !outcome && (
                <p role="status" className="changed">
                    <span aria-hidden="true">! </span>
                    {change} Only what is shown here is signalled, if it is still there.
                </p>
            )}
            {outcome && <Outcome outcome={outcome} name={name} />}
            {(stale || change !== null) && (
                <p>
                    {stale && "Nothing was signalled. "}
                    <button type="button" className="button" onClick={onLookAgain}>
                        Show what is there now
                    </button>
                </p>
            )}
            <DialogFoot
                asking={asking}
                submit={`Send ${signal}`}
                tone="danger"
                onSubmit={() => send(signal)}
                onCancel={host.closeDialog}
                cancel={outcome ? "Close" : "Cancel"}
                cancelRef={cancel}
                refused={refusedFor(chosen, caller)}
                command={portctl.stop(row.port, candidates.length > 1 ? chosen.owner.pid : null, signal)}
            />
        </Dialog>
    );
}

interface ChoiceProps {
    candidates: readonly Candidate[];
    chosen: Candidate;
    onChoose: (candidate: Candidate) => void;
    caller: Caller | undefined;
}

function Choice({ candidates, chosen, onChoose, caller }: ChoiceProps) {
    const group = useId();
    return (
        <fieldset className="choice">
            <legend>{candidates.length} processes have the port. Which?</legend>
            {candidates.map((each) => {
                const refused = refusedFor(each, caller);
                return (
                    <label key={each.owner.pid} title={refused ?? undefined}>
                        <input type="radio" name={group} checked={each === chosen} disabled={refused !== null} onChange={() => onChoose(each)} />
                        <span>
                            <bdi className="name">{named(each.owner.process)}</bdi> (pid {each.owner.pid}, <bdi>{userName(each.owner)}</bdi>)
                            {each.listener.evidence !== null && each.listener.evidence.level !== "foreign" && each.listener.service_name !== null && (
                                <span className="muted">
                                    , <bdi>{named(each.listener.service_name)}</bdi>&apos;s own
                                </span>
                            )}
                        </span>
                    </label>
                );
            })}
        </fieldset>
    );
}

function ProcessFacts({ port, candidate }: { port: number; candidate: Candidate }) {
    const { owner, listener } = candidate;
    const now = useNow();
    const started = parseTime(owner.started_at);
    return (
        <dl className="facts">
            <dt>Process</dt>
            <dd>
                <LongText className="name" most={80} text={owner.process} />
            </dd>
            <dt>Pid</dt>
            <dd>{owner.pid}</dd>
            <dt>User</dt>
            <dd>
                <bdi>{userName(owner)}</bdi>
            </dd>
            <dt>Started</dt>
            <dd>{started === null ? owner.started_at : `${formatClock(started, now)}, ${formatDuration(now - started)} ago`}</dd>
            <dt>Command</dt>
            <dd>
                <LongText className="mono" text={owner.command ?? "not known"} />
            </dd>
            <dt>Port</dt>
            <dd>
                {port}, on <bdi>{listenerAddress(listener)}</bdi>
            </dd>
        </dl>
    );
}

function SignalChoice({ signal, onChoose, name }: { signal: Signal; onChoose: (signal: Signal) => void; name: string }) {
    const group = useId();
    return (
        <fieldset className="choice">
            <legend>What it will do</legend>
            <label>
                <input type="radio" name={group} checked={signal === "TERM"} onChange={() => onChoose("TERM")} />
                <span>
                    <strong>TERM</strong>: asks {name} to end; it may save its work first, or not listen.
                </span>
            </label>
            <label>
                <input type="radio" name={group} checked={signal === "KILL"} onChange={() => onChoose("KILL")} />
                <span>
                    <strong>KILL</strong>: ends {name} at once; what it has not saved is lost.
                </span>
            </label>
        </fieldset>
    );
}

/* A port is free when nobody has it open any more. */
function Others({ chosen, candidates }: { chosen: Candidate; candidates: readonly Candidate[] }) {
    const more = candidates.length - 1;
    if (more === 0) return null;
    return (
        <p className="muted">
            {more} more {more === 1 ? "process has" : "processes have"} the port open; only {named(chosen.owner.process)} (pid {chosen.owner.pid}) is
            signalled.
        </p>
    );
}

function Outcome({ outcome, name }: { outcome: calls.Stopped; name: string }) {
    const others = outcome.listeners.filter(isListening);
    const words = outcome.ended
        ? `${name} (pid ${outcome.pid}) got ${outcome.signal} and has ended, but port ${outcome.port} is not free: ${others.length > 0 ? `${processWords(others[0])} listens on it` : "it is still bound"}.`
        : `${name} (pid ${outcome.pid}) got ${outcome.signal} a second ago and has not ended. ${outcome.signal === "TERM" ? "It may need longer, or KILL." : ""}`;
    return (
        <p role="alert" className="problem">
            {words}
        </p>
    );
}
