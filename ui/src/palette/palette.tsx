/* Ctrl-K: find a port, a service, a process, or do something. It starts actions as a button does: those that ask first ask first here, too. */
import { useDeferredValue, useEffect, useId, useMemo, useRef, useState, type KeyboardEvent } from "react";
import { useStartAction } from "../actions/action-button.tsx";
import { Dialog } from "../base/dialog.tsx";
import { setOverlay, useOverlay } from "../base/overlay.ts";
import { usePageCommands } from "../base/page-commands.ts";
import { setUrlState } from "../find/url-state.ts";
import { useIsLive, useMeta, useRows } from "../live/use-live.ts";
import { entriesFor, type Entry } from "./entries.ts";
import { EntryLine } from "./entry-line.tsx";
import "./palette.css";

export function Palette() {
    return useOverlay() === "palette" ? <OpenPalette /> : null;
}

function useEntries(query: string): readonly Entry[] {
    const rows = useDeferredValue(useRows());
    const meta = useMeta();
    const commands = usePageCommands();
    const deferred = useDeferredValue(query);
    return useMemo(() => entriesFor(deferred, { rows, meta, commands }), [deferred, rows, meta, commands]);
}

const HARMLESS = new Set(["open", "copy", "explain"]);

/** Why it cannot be done now; null: it can. */
function refusalOf(entry: Entry, live: boolean): string | null {
    if (entry.kind !== "action" && entry.kind !== "lease") return null;
    if (entry.action.refused !== null) return entry.action.refused;
    return live || HARMLESS.has(entry.action.id) ? null : "not while the data is old";
}

/* Where a key goes from a place in the list; round at its ends. */
function moved(key: string, at: number, length: number): number | null {
    const to = { ArrowDown: at + 1, ArrowUp: at - 1, PageDown: Math.min(at + 8, length - 1), PageUp: Math.max(at - 8, 0) }[key];
    return to === undefined || length === 0 ? null : (to + length) % length;
}

function OpenPalette() {
    const [query, setQuery] = useState("");
    const [chosen, setChosen] = useState<string | null>(null);
    const entries = useEntries(query);
    const live = useIsLive();
    const start = useStartAction();
    const listId = useId();
    const list = useRef<HTMLUListElement>(null);
    const index = Math.max(
        0,
        entries.findIndex((entry) => entry.id === chosen),
    );

    useEffect(() => {
        list.current?.querySelector('[aria-selected="true"]')?.scrollIntoView({ block: "nearest" });
    }, [index, entries]);

    const run = (entry: Entry | undefined): void => {
        if (!entry || refusalOf(entry, live) !== null) return;
        setOverlay(null);
        // After the palette has gone and the focus is back: what is started may want it.
        setTimeout(() => {
            if (entry.kind === "port") setUrlState({ port: entry.row.port });
            else if (entry.kind === "page") entry.command.run();
            else start(entry.action, entry.kind === "lease" ? entry.port : entry.row);
        });
    };
    const onKeyDown = (event: KeyboardEvent): void => {
        if (event.nativeEvent.isComposing) return;
        const to = moved(event.key, index, entries.length);
        if (to !== null) setChosen(entries[to]!.id);
        else if (event.key === "Enter") run(entries[index]);
        else return;
        event.preventDefault();
    };
    const said = entries.length === 0 ? "Nothing found" : `${entries.length} found`;

    return (
        <Dialog title="Find or do" className="palette" onClose={() => setOverlay(null)}>
            <input
                type="text"
                role="combobox"
                className="input"
                aria-label="Find a port, service or process, or an action"
                aria-expanded={entries.length > 0}
                aria-controls={listId}
                aria-autocomplete="list"
                aria-activedescendant={entries[index] ? `${listId}-${entries[index].id}` : undefined}
                placeholder="8001, my-api, release my-api, theme…"
                autoComplete="off"
                spellCheck={false}
                maxLength={200}
                autoFocus
                value={query}
                onChange={(event) => {
                    setQuery(event.target.value);
                    setChosen(null);
                }}
                onKeyDown={onKeyDown}
            />
            <ul ref={list} id={listId} role="listbox" aria-label="Found" className="palette-list">
                {entries.map((entry, i) => (
                    <EntryLine
                        key={entry.id}
                        id={`${listId}-${entry.id}`}
                        entry={entry}
                        selected={i === index}
                        refusal={refusalOf(entry, live)}
                        onChoose={() => run(entry)}
                    />
                ))}
            </ul>
            {entries.length === 0 && (
                <p className="muted">
                    Nothing is called so.{" "}
                    <button
                        type="button"
                        className="button small"
                        onClick={() => {
                            setOverlay(null);
                            setUrlState({ q: query });
                        }}
                    >
                        Filter the table by it
                    </button>
                </p>
            )}
            <p role="status" className="visually-hidden">
                {said}
            </p>
        </Dialog>
    );
}
