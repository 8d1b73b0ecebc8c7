/*
 * All shortcuts of the page. The single keys can be switched off (who speaks to his computer, or whose keyboard types by itself, presses them by accident),
 * and none of them changes anything at portd: they only go somewhere.
 */
import { useEffect, useSyncExternalStore } from "react";
import { setUrlState } from "../find/url-state.ts";
import { getOverlay, setOverlay } from "./overlay.ts";
import { recall, remember } from "./storage.ts";

/** The parts of the page that one can go to; app.tsx has an element of that id around each. */
export type Landing = "filter" | "conflicts" | "ports" | "map" | "timeline";

interface Shortcut {
    key: string;
    does: string;
    run(): void;
}

/** Where the keys of a part begin: its tab stop if it has one of its own, else the part itself. */
export function goTo(landing: Landing): void {
    const part = document.getElementById(landing);
    if (!part) return;
    const stop =
        landing === "ports" || landing === "map"
            ? part.querySelector<HTMLElement>('[data-tab-stop][tabindex="0"], [role="grid"] [tabindex="0"]')
            : null;
    part.scrollIntoView({ block: "nearest" });
    (stop ?? part).focus();
    if (part instanceof HTMLInputElement) part.select();
}

export const shortcuts: readonly Shortcut[] = [
    { key: "/", does: "to the filter", run: () => goTo("filter") },
    { key: "c", does: "to the conflicts", run: () => goTo("conflicts") },
    { key: "t", does: "to the table", run: () => goTo("ports") },
    { key: "m", does: "to the map", run: () => goTo("map") },
    { key: "l", does: "to the timeline", run: () => goTo("timeline") },
    { key: "?", does: "this help", run: () => setOverlay("help") },
];

export const isMac = /mac|iphone|ipad/i.test(navigator.userAgent);
export const paletteKeys = isMac ? "⌘ K" : "Ctrl K";

const changed = new Set<() => void>();
let singleKeys = recall("single-keys") !== "off";

export function setSingleKeys(on: boolean): void {
    singleKeys = on;
    remember("single-keys", on ? "on" : "off");
    changed.forEach((listener) => listener());
}

export function useSingleKeys(): boolean {
    return useSyncExternalStore(
        (listener) => {
            changed.add(listener);
            return () => changed.delete(listener);
        },
        () => singleKeys,
    );
}

/* A browser that does not know the selector has nothing of the kind. */
function isThere(selector: string): boolean {
    try {
        return document.querySelector(selector) !== null;
    } catch {
        return false;
    }
}

function isTyping(target: EventTarget | null): boolean {
    return (
        target instanceof HTMLElement &&
        (target.isContentEditable || target.closest("input:not([type=checkbox], [type=radio]), textarea, select") !== null)
    );
}

/** The page's own keys; false: it was none of them. */
export function pressed(event: KeyboardEvent): boolean {
    const modal = isThere("dialog:modal") || isThere("dialog.dialog[open]");
    if ((event.ctrlKey || event.metaKey) && !event.altKey && !event.shiftKey && event.key.toLowerCase() === "k") {
        if (modal && getOverlay() !== "palette") return false;
        setOverlay(getOverlay() === "palette" ? null : "palette");
        return true;
    }
    if (event.ctrlKey || event.metaKey || event.altKey || modal || event.isComposing || isTyping(event.target)) return false;
    if (event.key === "Escape") {
        if (!isThere(":popover-open")) setUrlState({ port: null });
        return false;
    }
    const shortcut = singleKeys && !event.repeat ? shortcuts.find((each) => each.key === event.key) : undefined;
    shortcut?.run();
    return shortcut !== undefined;
}

export function useShortcuts(): void {
    useEffect(() => {
        const onKeyDown = (event: KeyboardEvent): void => {
            if (!event.defaultPrevented && pressed(event)) event.preventDefault();
        };
        document.addEventListener("keydown", onKeyDown);
        return () => document.removeEventListener("keydown", onKeyDown);
    }, []);
}
