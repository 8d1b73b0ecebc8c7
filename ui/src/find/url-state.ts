/*
 * The page's own state in the address: what is open, searched for, sorted and grouped. So a reload shows the same, and an address can be sent to
 * somebody. Opening and closing a port are steps to go back to; typing in the filter is not.
 */
import { useSyncExternalStore } from "react";

export interface UrlState {
    /** The port whose details are open. */
    port: number | null;
    /** The filter, as typed. */
    q: string;
    /** "port", "-age", …: the table's column, with a minus downwards. */
    sort: string;
    group: "none" | "project" | "user";
    /** Listeners outside the managed range, too. */
    all: boolean;
    /** The timeline's length. */
    span: "15m" | "1h" | "1d";
    /** The timeline as a list. */
    list: boolean;
}

export const defaults: UrlState = { port: null, q: "", sort: "port", group: "none", all: false, span: "15m", list: false };

function oneOf<T extends string>(value: string | null, choices: readonly T[], fallback: T): T {
    return choices.find((choice) => choice === value) ?? fallback;
}

export function readUrl(search: string): UrlState {
    const query = new URLSearchParams(search);
    const port = /^\d{1,5}$/.test(query.get("port") ?? "") ? Number(query.get("port")) : 0;
    return {
        port: port > 0 && port < 65536 ? port : null,
        q: (query.get("q") ?? "").slice(0, 500),
        sort: /^-?[a-z]{1,12}$/.test(query.get("sort") ?? "") ? query.get("sort")! : defaults.sort,
        group: oneOf(query.get("group"), ["none", "project", "user"], defaults.group),
        all: query.get("all") === "1",
        span: oneOf(query.get("span"), ["15m", "1h", "1d"], defaults.span),
        list: query.get("list") === "1",
    };
}

export function writeUrl(state: UrlState): string {
    const query = new URLSearchParams();
    if (state.port !== null) query.set("port", String(state.port));
    if (state.q !== "") query.set("q", state.q);
    if (state.sort !== defaults.sort) query.set("sort", state.sort);
    if (state.group !== defaults.group) query.set("group", state.group);
    if (state.all) query.set("all", "1");
    if (state.span !== defaults.span) query.set("span", state.span);
    if (state.list) query.set("list", "1");
    const text = query.toString().replaceAll("%3A", ":");
    return text === "" ? "/" : `/?${text}`;
}

const changed = new Set<() => void>();
let current: { search: string; state: UrlState } | null = null;

function read(): UrlState {
    if (current?.search !== location.search) current = { search: location.search, state: readUrl(location.search) };
    return current.state;
}

function subscribe(listener: () => void): () => void {
    changed.add(listener);
    window.addEventListener("popstate", listener);
    return () => {
        changed.delete(listener);
        window.removeEventListener("popstate", listener);
    };
}

export function setUrlState(change: Partial<UrlState>): void {
    const before = read();
    const after = { ...before, ...change };
    if (writeUrl(after) === writeUrl(before)) return;
    if (after.port !== before.port) history.pushState(null, "", writeUrl(after));
    else history.replaceState(null, "", writeUrl(after));
    changed.forEach((listener) => listener());
}

export function useUrlState(): UrlState {
    return useSyncExternalStore(subscribe, read);
}
