/* Above the table: how many there are, grouping, and the switch for the ports outside the range. */
import { useEffect, useId, useRef } from "react";
import { announce } from "../base/announcer.tsx";
import { usePageCommand } from "../base/page-commands.ts";
import { useFilter } from "../find/use-filter.ts";
import { setUrlState, useUrlState, type UrlState } from "../find/url-state.ts";
import type { View } from "./view.ts";

/* A count is said when typing has paused, not at every letter, and not because a port came or went. */
const QUIET_MS = 700;

function useSaidCount(q: string, words: string): void {
    const before = useRef(q);
    const latest = useRef(words);
    latest.current = words;
    useEffect(() => {
        if (before.current === q) return;
        const timer = setTimeout(() => {
            before.current = q;
            announce(latest.current);
        }, QUIET_MS);
        return () => clearTimeout(timer);
    }, [q]);
}

export function TableTools({ view }: { view: View }) {
    const { q, group, all } = useUrlState();
    const groupId = useId();
    const ports = view.total === 1 ? "port" : "ports";
    const count = q === "" ? `${view.total} ${ports}` : `${view.shown} of ${view.total} ${ports}`;
    useSaidCount(q, [...useFilter().problems, count].join(" "));
    usePageCommand("all-ports", all ? "Show only the managed range" : "Show all ports", () => setUrlState({ all: !all }));
    usePageCommand("group-none", "Group by nothing", () => setUrlState({ group: "none" }));
    usePageCommand("group-project", "Group by project", () => setUrlState({ group: "project" }));
    usePageCommand("group-user", "Group by user", () => setUrlState({ group: "user" }));
    return (
        <div className="table-tools">
            <h2 id="ports-title">Ports</h2>
            <span className="count muted">{count}</span>
            <span className="table-tools-end">
                <label htmlFor={groupId}>Group by</label>
                <select
                    id={groupId}
                    className="input"
                    value={group}
                    onChange={(event) => setUrlState({ group: event.target.value as UrlState["group"] })}
                >
                    <option value="none">nothing</option>
                    <option value="project">project</option>
                    <option value="user">user</option>
                </select>
                <label className="switch" title="Listeners outside the managed range, too">
                    <input type="checkbox" role="switch" checked={all} onChange={(event) => setUrlState({ all: event.target.checked })} />
                    All ports{!all && view.hidden > 0 && <span className="muted"> (+{view.hidden})</span>}
                </label>
            </span>
        </div>
    );
}
