import { useRef, type KeyboardEvent } from "react";
import { placeBelow } from "../base/place.ts";
import { goTo } from "../base/shortcuts.ts";
import { useFilter } from "../find/use-filter.ts";
import { setUrlState, useUrlState } from "../find/url-state.ts";
import { FilterKeys } from "./help.tsx";

function onKeyDown(event: KeyboardEvent<HTMLInputElement>): void {
    if (event.nativeEvent.isComposing) return;
    if (event.key === "Escape") {
        event.preventDefault();
        if (event.currentTarget.value === "") event.currentTarget.blur();
        else setUrlState({ q: "" });
    } else if (event.key === "Enter" || event.key === "ArrowDown") {
        event.preventDefault();
        goTo("ports");
    }
}

export function FilterInput() {
    const { q } = useUrlState();
    const { problems } = useFilter();
    const help = useRef<HTMLDivElement>(null);
    const button = useRef<HTMLButtonElement>(null);
    return (
        <span className="filter" role="search">
            <span className="filter-line">
                <label htmlFor="filter" className="visually-hidden">
                    Filter
                </label>
                <input
                    id="filter"
                    type="search"
                    className="input"
                    placeholder="Filter, as state:squatted user:ann"
                    maxLength={500}
                    autoComplete="off"
                    spellCheck={false}
                    aria-keyshortcuts="/"
                    aria-invalid={problems.length > 0 || undefined}
                    aria-describedby={problems.length > 0 ? "filter-problems" : undefined}
                    value={q}
                    onChange={(event) => setUrlState({ q: event.target.value })}
                    onKeyDown={onKeyDown}
                />
                <button ref={button} type="button" className="button" popoverTarget="filter-help" title="What the filter understands">
                    <kbd>/</kbd> Keys
                </button>
            </span>
            {problems.length > 0 && (
                <span id="filter-problems" className="filter-problems">
                    {problems.map((problem) => (
                        <bdi key={problem}>{problem}</bdi>
                    ))}
                </span>
            )}
            <div
                ref={help}
                id="filter-help"
                popover="auto"
                className="filter-help"
                onToggle={(event) => {
                    if (event.newState === "open" && help.current && button.current) placeBelow(help.current, button.current);
                }}
            >
                <h2>The filter</h2>
                <FilterKeys />
            </div>
        </span>
    );
}
