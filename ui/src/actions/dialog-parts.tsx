/* What all dialogs of actions have: the errors, the buttons, and the line of portctl that does the same. */
import { useCallback, useState, type FormEvent, type ReactNode, type RefObject } from "react";
import type { ProblemError } from "../api/client.ts";
import { CopyLine } from "../base/copy-button.tsx";
import { useIsLive, useLiveStore } from "../live/use-live.ts";
import { problemOf } from "./perform.ts";
import { ProblemNote } from "./problem-note.tsx";
import { STALE } from "./use-action.ts";

export interface Asking {
    busy: boolean;
    problem: ProblemError | null;
    setProblem: (problem: ProblemError | null) => void;
    /** Runs one request at a time, shows what goes wrong, and lets the page see what has changed. */
    ask: (request: () => Promise<void>) => Promise<void>;
}

export function useAsking(): Asking {
    const store = useLiveStore();
    const [busy, setBusy] = useState(false);
    const [problem, setProblem] = useState<ProblemError | null>(null);
    const ask = useCallback(
        async (request: () => Promise<void>): Promise<void> => {
            setBusy(true);
            setProblem(null);
            try {
                await request();
            } catch (error) {
                setProblem(problemOf(error));
            } finally {
                setBusy(false);
                store.refresh();
            }
        },
        [store],
    );
    return { busy, problem, setProblem, ask };
}

interface FootProps {
    asking: Asking;
    submit: string;
    tone?: "primary" | "danger";
    /** Pressed; without it the button sends the form around it. */
    onSubmit?: () => void;
    onCancel: () => void;
    cancel?: string;
    cancelRef?: RefObject<HTMLButtonElement | null>;
    refused?: string | null;
    command: string;
}

export function DialogFoot({
    asking,
    submit,
    tone = "primary",
    onSubmit,
    onCancel,
    cancel = "Cancel",
    cancelRef,
    refused = null,
    command,
}: FootProps) {
    const live = useIsLive();
    const reason = refused ?? (live ? null : STALE);
    const disabled = reason !== null || asking.busy;
    return (
        <>
            {asking.problem && <ProblemNote problem={asking.problem} />}
            {reason !== null && <p className="muted">{reason}</p>}
            <div className="dialog-buttons">
                <button type="button" className="button" ref={cancelRef} onClick={onCancel}>
                    {cancel}
                </button>
                <button
                    type={onSubmit ? "button" : "submit"}
                    className={`button ${tone}`}
                    aria-disabled={disabled || undefined}
                    aria-busy={asking.busy || undefined}
                    title={reason ?? undefined}
                    onClick={(event) => {
                        if (disabled) event.preventDefault();
                        else onSubmit?.();
                    }}
                >
                    <bdi>{submit}</bdi>
                </button>
            </div>
            <Command text={command} />
        </>
    );
}

export function Command({ text }: { text: string }) {
    return (
        <p className="dialog-command">
            <span className="muted">The same in a shell:</span> <CopyLine text={text} />
        </p>
    );
}

/** Enter in a field sends it, as in any form; nothing that ends a process is one. */
export function ActionForm({ onSubmit, asking, children }: { onSubmit: () => void; asking: Asking; children: ReactNode }) {
    const live = useIsLive();
    const submit = (event: FormEvent): void => {
        event.preventDefault();
        if (live && !asking.busy) onSubmit();
    };
    return (
        <form className="action-form" onSubmit={submit} noValidate>
            {children}
        </form>
    );
}

export function Field({ label, hint, children }: { label: string; hint?: string; children: ReactNode }) {
    return (
        <label className="field">
            <span>{label}</span>
            {children}
            {hint !== undefined && <small className="muted">{hint}</small>}
        </label>
    );
}

const LIVES: readonly { seconds: number; words: string; option: string }[] = [
    { seconds: 300, words: "5 minutes", option: "5m" },
    { seconds: 3600, words: "an hour", option: "1h" },
    { seconds: 28800, words: "8 hours", option: "8h" },
    { seconds: 86400, words: "a day", option: "1d" },
    { seconds: 604800, words: "a week", option: "7d" },
    { seconds: 2592000, words: "30 days", option: "30d" },
];

export function lifeOption(seconds: number): string {
    return LIVES.find((life) => life.seconds === seconds)?.option ?? `${seconds}s`;
}

export function LifeField({ seconds, onChange }: { seconds: number; onChange: (seconds: number) => void }) {
    return (
        <Field label="Lives for" hint="after its last renewal; what listens on the port renews it by itself">
            <select className="input" value={seconds} onChange={(event) => onChange(Number(event.target.value))}>
                {LIVES.map((life) => (
                    <option key={life.seconds} value={life.seconds}>
                        {life.words}
                    </option>
                ))}
            </select>
        </Field>
    );
}
