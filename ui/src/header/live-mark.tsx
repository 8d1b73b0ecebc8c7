/* How live what is shown is. Always in words; and where it is not live, since when, why, and what to do. */
import { useEffect, useRef } from "react";
import { announce } from "../base/announcer.tsx";
import { CopyLine } from "../base/copy-button.tsx";
import { formatClock } from "../base/time.ts";
import type { Liveness } from "../live/store.ts";
import { useLive, useMeta } from "../live/use-live.ts";

const marks: Record<Liveness, { glyph: string; word: string }> = {
    loading: { glyph: "○", word: "Connecting…" },
    live: { glyph: "●", word: "Live" },
    reconnecting: { glyph: "◐", word: "Reconnecting…" },
    down: { glyph: "✕", word: "portd is not running" },
    refused: { glyph: "✕", word: "portd refuses this page" },
};

/* A short break is not worth a word to who listens to the page; that it is over is only said after it was said. */
const SAID_AFTER_MS = 2500;

function useSaid(liveness: Liveness): void {
    const said = useRef<Liveness>("live");
    useEffect(() => {
        if (liveness === "loading" || liveness === said.current) return;
        const timer = setTimeout(
            () => {
                said.current = liveness;
                announce(liveness === "live" ? "Live again." : `${marks[liveness].word} What is shown may be old; actions are off.`);
            },
            liveness === "live" ? 0 : SAID_AFTER_MS,
        );
        return () => clearTimeout(timer);
    }, [liveness]);
}

function dataFrom(dataAt: number | null): string {
    return dataAt === null ? "nothing is known yet" : `data from ${formatClock(dataAt)}`;
}

export function LiveMark() {
    const liveness = useLive((live) => live.liveness);
    // While it is live the time of the data is now, and not told.
    const dataAt = useLive((live) => (live.liveness === "live" ? null : live.dataAt));
    useSaid(liveness);
    const { glyph, word } = marks[liveness];
    return (
        <span className={`live-mark live-${liveness}`}>
            <span aria-hidden="true">{glyph}</span>
            {word}
            {(liveness === "reconnecting" || (liveness === "down" && dataAt !== null)) && <span className="muted">{dataFrom(dataAt)}</span>}
        </span>
    );
}

/** What there is to say beyond the mark. */
export function LiveBar() {
    const liveness = useLive((live) => live.liveness);
    const problem = useLive((live) => live.problem);
    const known = useLive((live) => live.state.meta !== null);
    const command = useMeta()?.portd.command ?? "portd";
    if (liveness === "down")
        return (
            <div className="bar bar-error">
                <span>
                    portd is not running, start it with <CopyLine text={command} label="Copy the start command" />
                </span>
                {known && <span className="muted">What is shown is old, so actions are off until it is back.</span>}
            </div>
        );
    if (liveness !== "refused") return null;
    return (
        <div className="bar bar-error">
            <bdi>{problem?.problem.detail ?? "portd does not say why."}</bdi>
            {problem?.problem.hint && <bdi className="muted">{problem.problem.hint}</bdi>}
        </div>
    );
}
