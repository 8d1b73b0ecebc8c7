/* What the table says instead of rows: nothing known yet, nothing there, nothing that matches. */
import { CopyLine } from "../base/copy-button.tsx";
import { setUrlState, useUrlState } from "../find/url-state.ts";
import { useLive } from "../live/use-live.ts";
import type { View } from "./view.ts";

const beginnings = [
    { command: "portctl alloc my-db", does: "leases a free port to the service my-db, and prints its number." },
    { command: "portctl run web -- npm start", does: "leases a port to web, hands it to npm in PORT, and keeps the lease while npm runs." },
    { command: "portctl list", does: "lists what is leased: the same as here." },
];

export function FirstRun({ hidden }: { hidden: number }) {
    return (
        <div className="empty first-run">
            <h3>No port is leased yet</h3>
            <p>Nobody has a lease, and nobody listens in the managed range. Begin in a terminal:</p>
            <ul>
                {beginnings.map(({ command, does }) => (
                    <li key={command}>
                        <CopyLine text={command} />
                        <span>{does}</span>
                    </li>
                ))}
            </ul>
            {hidden > 0 && <AllPortsButton words={`Show the ${hidden} ${hidden === 1 ? "port" : "ports"} outside the range`} />}
        </div>
    );
}

function AllPortsButton({ words }: { words: string }) {
    return (
        <button type="button" className="button" onClick={() => setUrlState({ all: true })}>
            {words}
        </button>
    );
}

export function NothingMatches({ view }: { view: View }) {
    const { q } = useUrlState();
    return (
        <div className="empty">
            <p>
                None of {view.total} {view.total === 1 ? "port" : "ports"} matches{" "}
                <code>
                    <bdi>{q}</bdi>
                </code>
                .
            </p>
            <p className="empty-buttons">
                <button type="button" className="button" onClick={() => setUrlState({ q: "" })}>
                    Clear the filter
                </button>
                {view.hiddenMatches > 0 && <AllPortsButton words={`Show ${view.hiddenMatches} outside the range`} />}
            </p>
        </div>
    );
}

export function NothingInRange({ view }: { view: View }) {
    return (
        <div className="empty">
            <p>Nothing to show.</p>
            {view.hidden > 0 && <AllPortsButton words={`Show ${view.hidden} outside the range`} />}
        </div>
    );
}

/** As long as there is no data at all. Data that is stale stays; the header says so. */
export function NoData() {
    const liveness = useLive((live) => live.liveness);
    const problem = useLive((live) => live.problem);
    if (liveness === "refused")
        return (
            <div className="problem">
                <strong>{problem?.problem.title ?? "portd refuses this page"}</strong>
                <p>{problem?.problem.detail}</p>
                {problem?.problem.hint && <p>{problem.problem.hint}</p>}
            </div>
        );
    if (liveness === "down")
        return (
            <div className="empty">
                <p>portd does not answer, so nothing is known of the ports. This page tries again by itself.</p>
            </div>
        );
    return (
        <div className="skeleton" aria-busy="true">
            <p className="muted">Reading the ports…</p>
            {Array.from({ length: 8 }, (_, i) => (
                <div key={i} className="skeleton-row" />
            ))}
        </div>
    );
}
