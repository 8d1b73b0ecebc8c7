import { useEffect, useId, useLayoutEffect, useRef, useState, type RefObject } from "react";
import type { ProblemError } from "../api/client.ts";
import { useIsLive, useLiveStore } from "../live/use-live.ts";
import type { PortRow } from "../rows/rows.ts";
import "./actions.css";
import { harmless, type Action } from "./actions.ts";
import { host } from "./host-state.ts";
import { openAddress, problemOf } from "./perform.ts";
import { ProblemNote } from "./problem-note.tsx";
import { start, STALE } from "./use-action.ts";

export { ActionHost } from "./action-host.tsx";
export { useStartAction } from "./use-action.ts";

interface Props {
    row: PortRow;
    action: Action;
    small?: boolean;
}

/** An error that was not there for so long may not have been read. */
const READ_MS = 10_000;

/* The error of this button. Where the button goes before it can have been read, or has gone before it came (the row has left), it is told at the edge of
 * the page. */
function useOwnProblem(title: string): [ProblemError | null, (problem: ProblemError | null) => void] {
    const [problem, setProblem] = useState<ProblemError | null>(null);
    const shown = useRef<{ title: string; problem: ProblemError; at: number } | null>(null);
    useEffect(() => {
        shown.current = problem ? { title, problem, at: Date.now() } : null;
    }, [title, problem]);
    const gone = useRef(false);
    useEffect(() => {
        gone.current = false;
        return () => {
            gone.current = true;
            const last = shown.current;
            shown.current = null;
            if (last && Date.now() - last.at < READ_MS) host.tell(last.title, last.problem);
        };
    }, []);
    const put = (next: ProblemError | null): void => {
        if (gone.current && next) host.tell(title, next);
        else setProblem(next);
    };
    return [problem, put];
}

/* A button that an action has removed leaves the focus to what takes the action back. */
function useFocusHandedOn(button: RefObject<HTMLElement | null>, acted: RefObject<boolean>): void {
    useLayoutEffect(() => {
        const element = button.current;
        return () => {
            if (!acted.current || !element || document.activeElement !== element) return;
            setTimeout(() => {
                if (document.activeElement === document.body)
                    document.querySelector<HTMLElement>("[data-undo], [data-focus-home]")?.focus({ preventScroll: true });
            });
        };
    }, [button, acted]);
}

/** One action of a row as a button: busy while portd works on it, its error beside it, its dialog where it asks first. Disabled while the data is stale. */
export function ActionButton({ row, action, small }: Props) {
    const store = useLiveStore();
    const live = useIsLive();
    const [busy, setBusy] = useState(false);
    const name = action.label.includes(String(row.port)) ? action.label : `${action.label} ${row.port}`;
    const [problem, setProblem] = useOwnProblem(name);
    const button = useRef<HTMLButtonElement>(null);
    const acted = useRef(false);
    const reasonId = useId();
    useFocusHandedOn(button, acted);

    const className = `button action${small ? " small" : ""}${action.tone === "danger" ? " danger" : ""}`;
    if (action.id === "open" && action.refused === null)
        return (
            <a
                className={className}
                href={openAddress(row.port)}
                target="_blank"
                rel="noopener noreferrer"
                aria-label={name}
                title={openAddress(row.port)}
                onClick={(event) => event.stopPropagation()}
            >
                {action.label}
            </a>
        );

    const reason = action.refused ?? (live || harmless.has(action.id) ? null : STALE);
    const press = async (): Promise<void> => {
        if (reason !== null || busy) return;
        acted.current = true;
        setProblem(null);
        setBusy(true);
        try {
            await start(store, action, row.port, row);
        } catch (error) {
            setProblem(problemOf(error));
        } finally {
            setBusy(false);
        }
    };
    return (
        <span className="action-place">
            <button
                ref={button}
                type="button"
                className={className}
                aria-label={name}
                aria-busy={busy || undefined}
                aria-disabled={reason !== null || busy || undefined}
                aria-describedby={reason === null ? undefined : reasonId}
                title={reason ?? action.command ?? undefined}
                onClick={(event) => {
                    event.stopPropagation();
                    void press();
                }}
            >
                <bdi>{action.label}</bdi>
            </button>
            {reason !== null && (
                <span id={reasonId} hidden>
                    {reason}
                </span>
            )}
            {problem && <OwnProblem problem={problem} floating={small === true} anchor={button} onDismiss={() => setProblem(null)} />}
        </span>
    );
}

interface OwnProblemProps {
    problem: ProblemError;
    /** In a row of a table there is no room: it lies over what is below. */
    floating: boolean;
    anchor: RefObject<HTMLElement | null>;
    onDismiss: () => void;
}

function OwnProblem({ problem, floating, anchor, onDismiss }: OwnProblemProps) {
    const ref = useRef<HTMLSpanElement>(null);
    useLayoutEffect(() => {
        const element = ref.current;
        if (!floating || !element) return undefined;
        const place = (): void => {
            const at = anchor.current?.getBoundingClientRect();
            if (!at) return;
            element.style.left = `${Math.max(8, Math.min(at.left, window.innerWidth - element.offsetWidth - 8))}px`;
            element.style.top = `${at.bottom + element.offsetHeight + 8 > window.innerHeight ? Math.max(8, at.top - element.offsetHeight - 4) : at.bottom + 4}px`;
        };
        // In the browser's top layer no scrolling box cuts it off.
        element.popover = "manual";
        element.showPopover?.();
        place();
        window.addEventListener("scroll", place, { capture: true, passive: true });
        window.addEventListener("resize", place);
        return () => {
            window.removeEventListener("scroll", place, { capture: true });
            window.removeEventListener("resize", place);
        };
    }, [floating, anchor]);
    return (
        <span ref={ref} className={floating ? "action-problem floating" : "action-problem"}>
            <ProblemNote problem={problem} />
            <button type="button" className="button small" onClick={onDismiss}>
                Dismiss
            </button>
        </span>
    );
}
