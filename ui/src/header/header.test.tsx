import { act, fireEvent, screen, within } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { afterEach, describe, expect, it } from "vitest";
import type { Snapshot } from "../api/types.ts";
import { Announcer } from "../base/announcer.tsx";
import { getOverlay } from "../base/overlay.ts";
import { setSingleKeys } from "../base/shortcuts.ts";
import { setTheme } from "../base/theme.ts";
import { formatClock } from "../base/time.ts";
import { readUrl, setUrlState } from "../find/url-state.ts";
import type { LiveStore } from "../live/store.ts";
import { stateWords } from "../rows/rows.ts";
import { lease, listener, NOW, squatted, storeWith } from "../../test/samples.ts";
import { renderWith } from "../../test/render.tsx";
import { Header } from "./header.tsx";

const taken = squatted(8001);
const some: Partial<Snapshot> = {
    leases: [taken.lease, lease(8002)],
    listeners: [taken.listener, listener(5432)],
    squatters: [taken.finding],
    conflicts: [taken.finding],
};

function show(change: Partial<Snapshot> = some, liveness?: Parameters<typeof storeWith>[1]): LiveStore {
    const store = storeWith(change, liveness);
    renderWith(
        store,
        <>
            <Header />
            <Announcer />
            <div id="conflicts" tabIndex={-1}>
                <textarea aria-label="somewhere to type" />
            </div>
            <div id="ports" tabIndex={-1}>
                <a href="/x" tabIndex={0} data-tab-stop="">
                    8001
                </a>
            </div>
            <div id="map" tabIndex={-1} />
            <div id="timeline" tabIndex={-1} />
        </>,
    );
    return store;
}

function become(store: LiveStore, change: object): void {
    act(() => (store as unknown as { set(change: object): void }).set(change));
}

const filter = (): HTMLInputElement => screen.getByRole("searchbox", { name: "Filter" });
const press = (key: string, init: object = {}): boolean => fireEvent.keyDown(document.activeElement ?? document.body, { key, ...init });

afterEach(() => {
    setSingleKeys(true);
    setTheme("system");
    localStorage.clear();
});

describe("how live it is", () => {
    it("says Live, and nothing else", () => {
        show();
        expect(screen.getByText("Live")).toBeDefined();
        expect(screen.queryByText(/data from/)).toBeNull();
    });

    it("says reconnecting, and of when the data is", () => {
        show(some, "reconnecting");
        expect(screen.getByText("Reconnecting…").textContent).toContain(`data from ${formatClock(NOW)}`);
    });

    it("says that portd is not running, and how it was started", () => {
        show(some, "down");
        const bar = screen.getByText(/portd is not running, start it with/);
        expect(within(bar).getByText("portd --range 8000-9000").tagName).toBe("CODE");
        expect(within(bar).getByRole("button", { name: "Copy the start command" })).toBeDefined();
        expect(screen.getByText(/actions are off/)).toBeDefined();
    });

    it("says portd where it never knew how it was started", () => {
        const store = show({}, "down");
        become(store, { state: { ...store.get().state, meta: null } });
        expect(within(screen.getByText(/start it with/)).getByText("portd").tagName).toBe("CODE");
    });

    it("says a refusal's reason", () => {
        const store = show(some, "refused");
        become(store, { problem: { problem: { title: "No", detail: "Host is not localhost.", hint: "Open http://localhost:3030/." } } });
        expect(screen.getByText("portd refuses this page")).toBeDefined();
        expect(screen.getByText("Host is not localhost.")).toBeDefined();
        expect(screen.getByText("Open http://localhost:3030/.")).toBeDefined();
    });

    it("tells what portd warns of, and an interrupted reading", () => {
        show({ ...some, warnings: ["The clock jumped."], complete: false });
        const bar = screen.getByRole("list", { name: "Warnings of portd" });
        expect(
            within(bar)
                .getAllByRole("listitem")
                .map((each) => each.textContent),
        ).toEqual(["! The clock jumped.", "! portd could not read all listeners the last time; some may be missing here."]);
    });
});

describe("the counts", () => {
    it("are of leases, of listeners in the range, and of conflicts", async () => {
        show({ ...some, excluded: "8100-8110" });
        expect(screen.getByText(/8000–9000/).textContent).toBe("Range 8000–9000 without 8100-8110");
        expect(screen.getByText("2 leases")).toBeDefined();
        expect(screen.getByText("1 listening")).toBeDefined();
        await userEvent.click(screen.getByRole("button", { name: "1 conflict" }));
        expect(document.activeElement?.id).toBe("conflicts");
    });

    it("do not count what is ignored", () => {
        const finding = { ...taken.finding, ignored: true };
        show({ ...some, squatters: [finding], conflicts: [finding] });
        expect(screen.getByText("no conflicts")).toBeDefined();
    });
});

describe("the filter's input", () => {
    it("is the address's, cleared by Escape, left by another", async () => {
        history.replaceState(null, "", "/?q=state:squatted");
        show();
        expect(filter().value).toBe("state:squatted");
        const user = userEvent.setup();
        await user.clear(filter());
        await user.type(filter(), "user:ann");
        expect(readUrl(location.search).q).toBe("user:ann");
        await user.keyboard("{Escape}");
        expect(filter().value).toBe("");
        expect(document.activeElement).toBe(filter());
        await user.keyboard("{Escape}");
        expect(document.activeElement).not.toBe(filter());
    });

    it("says what it does not understand, as its description", () => {
        show();
        expect(filter().getAttribute("aria-invalid")).toBeNull();
        act(() => setUrlState({ q: "stat:x" }));
        const words = document.getElementById(filter().getAttribute("aria-describedby")!);
        expect(words?.textContent).toBe('No filter key "stat"; did you mean state:?');
        expect(filter().getAttribute("aria-invalid")).toBe("true");
    });

    it("goes on to the table by Enter", async () => {
        show();
        filter().focus();
        press("Enter");
        expect(document.activeElement?.textContent).toBe("8001");
    });

    it("explains its keys", () => {
        show();
        const button = screen.getByRole("button", { name: "/ Keys" });
        const help = document.getElementById(button.getAttribute("popovertarget")!)!;
        expect(within(help).getByText("state:squatted")).toBeDefined();
        expect(within(help).getByText(/conflict, leased, ignored or mine/)).toBeDefined();
    });
});

describe("the shortcuts", () => {
    it("go to the parts of the page", () => {
        show();
        for (const [key, id] of [
            ["/", "filter"],
            ["c", "conflicts"],
            ["m", "map"],
            ["l", "timeline"],
        ] as const) {
            (document.activeElement as HTMLElement).blur();
            expect(press(key)).toBe(false);
            expect(document.activeElement?.id).toBe(id);
        }
        (document.activeElement as HTMLElement).blur();
        press("t");
        expect(document.activeElement?.textContent).toBe("8001");
    });

    it("are letters while typing, and nothing with modifiers", () => {
        show();
        const text = screen.getByRole("textbox", { name: "somewhere to type" });
        text.focus();
        for (const key of ["/", "c", "?", "t"]) expect(press(key)).toBe(true);
        expect(document.activeElement).toBe(text);
        text.blur();
        for (const init of [{ ctrlKey: true }, { altKey: true }, { metaKey: true }]) expect(press("c", init)).toBe(true);
        expect(press("c", { repeat: true })).toBe(true);
        expect(document.activeElement).toBe(document.body);
    });

    it("open the help, in which they do nothing, and which tells them", () => {
        show();
        press("?");
        const help = screen.getByRole("dialog", { name: "Help" });
        expect(within(help).getByText("to the filter")).toBeDefined();
        for (const { meaning } of Object.values(stateWords)) expect(within(help).getByText(meaning)).toBeDefined();
        expect(within(help).getByText("port:8000-8100")).toBeDefined();
        expect(press("/")).toBe(true);
        expect(getOverlay()).toBe("help");
        fireEvent.click(within(help).getByRole("button", { name: "Close" }));
        expect(screen.queryByRole("dialog")).toBeNull();
    });

    it("of a single key can be switched off, which is remembered; Ctrl-K and Escape stay", () => {
        show();
        fireEvent.click(screen.getByRole("button", { name: "Help" }));
        fireEvent.click(screen.getByRole("switch", { name: "Shortcuts of a single key" }));
        fireEvent.click(screen.getByRole("button", { name: "Close" }));
        expect(localStorage.getItem("portmanager-single-keys")).toBe("off");
        expect(press("c")).toBe(true);
        expect(document.activeElement?.id).not.toBe("conflicts");
        act(() => setUrlState({ port: 8001 }));
        press("Escape");
        expect(readUrl(location.search).port).toBeNull();
        expect(press("k", { ctrlKey: true })).toBe(false);
        expect(getOverlay()).toBe("palette");
    });

    it("leave Escape to who has taken it", () => {
        show();
        act(() => setUrlState({ port: 8001 }));
        const take = (event: Event): void => event.preventDefault();
        document.body.addEventListener("keydown", take);
        press("Escape");
        document.body.removeEventListener("keydown", take);
        expect(readUrl(location.search).port).toBe(8001);
    });

    it("have a link to skip to the table", () => {
        show();
        fireEvent.click(screen.getByRole("link", { name: "Skip to the table" }));
        expect(document.activeElement?.textContent).toBe("8001");
        expect(location.hash).toBe("");
    });
});

describe("the theme", () => {
    it("is chosen, applied and remembered", async () => {
        show();
        const theme = screen.getByRole("combobox", { name: "Theme" });
        await userEvent.selectOptions(theme, "dark");
        expect(document.documentElement.dataset["theme"]).toBe("dark");
        expect(localStorage.getItem("portmanager-theme")).toBe("dark");
        await userEvent.selectOptions(theme, "system");
        expect(document.documentElement.dataset["theme"]).toBeUndefined();
    });

    it("of another tab is taken over", () => {
        show();
        localStorage.setItem("portmanager-theme", "light");
        act(() => void window.dispatchEvent(new Event("storage")));
        expect(document.documentElement.dataset["theme"]).toBe("light");
    });
});
