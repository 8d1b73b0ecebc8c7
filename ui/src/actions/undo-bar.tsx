import { useEffect, useLayoutEffect, useRef, useState } from "react";
import type { ProblemError } from "../api/client.ts";
import { announce } from "../base/announcer.tsx";
import { CopyLine } from "../base/copy-button.tsx";
import { useIsLive, useLiveStore } from "../live/use-live.ts";
import { lifeOption } from "./dialog-parts.tsx";
import { host, type Undo } from "./host-state.ts";
import { named } from "./parties.ts";
import { problemOf } from "./perform.ts";
import { ProblemNote } from "./problem-note.tsx";
import { portctl } from "./shell.ts";
import { takeBack, type UndoPlan } from "./undo.ts";
import { STALE } from "./use-action.ts";

const SECONDS = 10;
/** Also for one that is held: what was meant is stale by then, and a pointer may just have been left there. */
const SECONDS_HELD = 60;

type Phase = { name: "offered" } | { name: "working" } | { name: "done"; notes: readonly string[] } | { name: "failed"; problem: ProblemError };

function commandOf({ lease, way, pid }: UndoPlan): string {
    return way === "claim"
        ? portctl.claim(lease.port, lease.service_name, pid)
        : portctl.allocExact(lease.service_name, lease.port, lease.ttl_seconds === 300 ? null : lifeOption(lease.ttl_seconds));
}

/* Counts down, but for a while not under somebody's pointer or focus: who reads slowly needs it longest. */
function useCountdown(counts: boolean, held: boolean, onEnd: () => void): number {
    const [spent, setSpent] = useState({ free: 0, all: 0 });
    const left = Math.min(SECONDS - spent.free, SECONDS_HELD - spent.all);
    const latest = useRef({ held, onEnd });
    useEffect(() => {
        latest.current = { held, onEnd };
    });
    useEffect(() => {
        if (!counts) return undefined;
        const count = (): void => {
            const step = latest.current.held ? 0 : 1;
            setSpent(({ free, all }) => ({ free: free + step, all: all + 1 }));
        };
        const timer = setInterval(count, 1000);
        return () => clearInterval(timer);
    }, [counts]);
    useEffect(() => {
        if (left <= 0) latest.current.onEnd();
    }, [left]);
    return Math.max(0, left);
}

/* Not a single key, and not where it means the undo of what is typed. Listens from the moment on that the button is seen, not from some time after. */
function useUndoKey(active: boolean, undo: () => void): void {
    const latest = useRef(undo);
    useLayoutEffect(() => {
        latest.current = undo;
    });
    useLayoutEffect(() => {
        if (!active) return undefined;
        const press = (event: KeyboardEvent): void => {
            const typing = event.target instanceof Element && event.target.closest("input, textarea, select, dialog, [contenteditable]") !== null;
            if (typing || event.key.toLowerCase() !== "z" || !(event.ctrlKey || event.metaKey) || event.shiftKey || event.altKey) return;
            event.preventDefault();
            latest.current();
        };
        document.addEventListener("keydown", press);
        return () => document.removeEventListener("keydown", press);
    }, [active]);
}

export function UndoBar({ undo, newest }: { undo: Undo; newest: boolean }) {
    const store = useLiveStore();
    const live = useIsLive();
    const [phase, setPhase] = useState<Phase>({ name: "offered" });
    const [held, setHeld] = useState({ pointer: false, focus: false });
    const drop = (): void => host.dropUndo(undo.key);
    const offered = phase.name === "offered";
    const end = (): void => {
        // The focus leaves with it.
        if (held.focus) announce(`The release of port ${undo.plan.lease.port} can no longer be taken back here.`);
        drop();
    };
    const left = useCountdown(offered, held.pointer || held.focus, end);

    const run = async (): Promise<void> => {
        if (!offered || !live) return;
        setPhase({ name: "working" });
        try {
            const { lease, notes } = await takeBack(undo.plan);
            announce(`Port ${lease.port} is leased to ${named(lease.service_name)} again. ${notes.join("; ")}`);
            if (notes.length === 0) drop();
            else setPhase({ name: "done", notes });
        } catch (error) {
            setPhase({ name: "failed", problem: problemOf(error) });
        } finally {
            store.refresh();
        }
    };
    useUndoKey(newest && offered, () => void run());

    const { lease } = undo.plan;
    return (
        <div
            role="group"
            aria-label={`Released port ${lease.port}`}
            className="action-notice"
            onPointerEnter={() => setHeld((before) => ({ ...before, pointer: true }))}
            onPointerLeave={() => setHeld((before) => ({ ...before, pointer: false }))}
            onFocus={() => setHeld((before) => ({ ...before, focus: true }))}
            onBlur={() => setHeld((before) => ({ ...before, focus: false }))}
        >
            <p>{undo.sentence}</p>
            {phase.name === "done" && (
                <p>
                    Port {lease.port} is leased to {named(lease.service_name)} again: {phase.notes.join("; ")}.
                </p>
            )}
            {phase.name === "failed" && <ProblemNote problem={phase.problem} />}
            <div className="action-row">
                {(offered || phase.name === "working") && (
                    <button
                        type="button"
                        className="button primary"
                        data-undo=""
                        aria-disabled={!live || !offered || undefined}
                        title={live ? "A new lease on the same port (Ctrl+Z)" : STALE}
                        onClick={() => void run()}
                    >
                        Undo <span className="visually-hidden">the release of {lease.port}</span>
                    </button>
                )}
                {offered && (
                    <span aria-hidden="true" className="countdown muted">
                        {left} s
                    </span>
                )}
                <CopyLine text={commandOf(undo.plan)} />
                <button type="button" className="button small" onClick={drop}>
                    Dismiss
                </button>
            </div>
        </div>
    );
}
