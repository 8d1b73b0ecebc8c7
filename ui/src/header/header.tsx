/* The page's head: how live it is, what is managed, how much there is, and the ways to find something. */
import { CircleHelp, Search } from "lucide-react";
import { useEffect } from "react";
import { setOverlay } from "../base/overlay.ts";
import { usePageCommand } from "../base/page-commands.ts";
import { goTo, paletteKeys, useShortcuts } from "../base/shortcuts.ts";
import { setTheme, themes, useTheme, type Theme } from "../base/theme.ts";
import { setUrlState, useUrlState } from "../find/url-state.ts";
import { Counts } from "./counts.tsx";
import { FilterInput } from "./filter-input.tsx";
import "./header.css";
import { Help } from "./help.tsx";
import { LiveBar, LiveMark } from "./live-mark.tsx";
import { Warnings } from "./warnings.tsx";

function useCommands(): void {
    const { q } = useUrlState();
    usePageCommand("go-filter", "Go to the filter", () => goTo("filter"), "/");
    usePageCommand("go-conflicts", "Go to conflicts", () => goTo("conflicts"), "c");
    usePageCommand("go-table", "Go to the table", () => goTo("ports"), "t");
    usePageCommand("go-map", "Go to the map", () => goTo("map"), "m");
    usePageCommand("go-timeline", "Go to the timeline", () => goTo("timeline"), "l");
    usePageCommand("help", "Help: shortcuts, states, filter", () => setOverlay("help"), "?");
    usePageCommand("theme-light", "Theme: light", () => setTheme("light"));
    usePageCommand("theme-dark", "Theme: dark", () => setTheme("dark"));
    usePageCommand("theme-system", "Theme: as the system", () => setTheme("system"));
    usePageCommand("clear-filter", q === "" ? null : "Clear the filter", () => setUrlState({ q: "" }));
}

function ThemeSwitch() {
    const theme = useTheme();
    return (
        <select className="input" aria-label="Theme" title="Theme" value={theme} onChange={(event) => setTheme(event.target.value as Theme)}>
            {themes.map((each) => (
                <option key={each} value={each}>
                    {each}
                </option>
            ))}
        </select>
    );
}

export function Header() {
    useShortcuts();
    useCommands();
    useEffect(() => () => setOverlay(null), []);
    return (
        <header className="header">
            <a
                className="skip-link"
                href="#ports"
                onClick={(event) => {
                    event.preventDefault();
                    goTo("ports");
                }}
            >
                Skip to the table
            </a>
            <div className="header-line">
                <h1>PortManager</h1>
                <LiveMark />
                <Counts />
                <div className="header-tools">
                    <FilterInput />
                    <button type="button" className="button" aria-keyshortcuts="Control+K Meta+K" onClick={() => setOverlay("palette")}>
                        <Search size={14} aria-hidden="true" />
                        Find or do <kbd>{paletteKeys}</kbd>
                    </button>
                    <ThemeSwitch />
                    <button type="button" className="button" onClick={() => setOverlay("help")}>
                        <CircleHelp size={14} aria-hidden="true" />
                        Help
                    </button>
                </div>
            </div>
            <LiveBar />
            <Warnings />
            <Help />
        </header>
    );
}
