import { act, fireEvent, screen, waitFor } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { Snapshot } from "../api/types.ts";
import { setOverlay } from "../base/overlay.ts";
import { usePageCommand, type PageCommand } from "../base/page-commands.ts";
import { readUrl } from "../find/url-state.ts";
import { rowsOf } from "../rows/rows.ts";
import { lease, listener, owner, squatted, stateWith, storeWith } from "../../test/samples.ts";
import { renderWith } from "../../test/render.tsx";
import { entriesFor, fit, isListed, type Entry } from "./entries.ts";
import { Palette } from "./palette.tsx";

const started = vi.hoisted(() => vi.fn());
vi.mock("../actions/action-button.tsx", () => ({ useStartAction: () => started }));
vi.mock("../actions/actions.ts", () => ({
    actionsFor: (row: { process: string | null; lease: unknown }) => [
        ...(row.lease ? [{ id: "release", label: "Release", command: "x", tone: "plain", refused: null }] : []),
        { id: "copy", label: "Copy address", command: null, tone: "plain", refused: null },
        { id: "stop", label: `Stop ${row.process ?? "it"}…`, command: "x", tone: "danger", refused: row.process === "sshd" ? "It is root's." : null },
    ],
    leaseAction: (port: number) => ({ id: "lease", label: `Lease ${port}…`, command: "x", tone: "plain", refused: null }),
}));

const taken = squatted(8001);
const some: Partial<Snapshot> = {
    excluded: "8100-8110",
    leases: [
        taken.lease,
        lease(8002, { service_name: "postgres-main" }),
        lease(8010, { service_name: "api" }),
        lease(8011, { service_name: "old api" }),
    ],
    listeners: [
        taken.listener,
        listener(8002, { owners: [owner({ process: "postgres", pid: 9 })] }),
        listener(2200, { owners: [owner({ process: "sshd", user: "root", uid: 0 })] }),
        listener(5173, { owners: [owner({ process: "api-server" })] }),
    ],
    squatters: [taken.finding],
    conflicts: [taken.finding],
};

const command: PageCommand = { id: "pause", label: "Pause the timeline", run: () => {} };

function words(entry: Entry): string {
    if (entry.kind === "port") return String(entry.row.port);
    if (entry.kind === "page") return entry.command.label;
    return entry.kind === "lease" ? entry.action.label : `${entry.action.label} ${entry.row.port}`;
}

function list(query: string, change: Partial<Snapshot> = some): string[] {
    const state = stateWith(change);
    return entriesFor(query, { rows: rowsOf(state.ports, state.meta), meta: state.meta, commands: [command] }).map(words);
}

describe("what is found", () => {
    it.each([
        ["8001", ["8001", "Release 8001", "Copy address 8001", "Stop python3… 8001"]],
        ["801", ["8010", "8011"]],
        ["api", ["8010", "5173", "8001", "8011"]],
        ["old api", ["8011", "Release 8011", "Copy address 8011", "Stop it… 8011"]],
        ["pgm", ["8002", "Release 8002", "Copy address 8002", "Stop postgres… 8002"]],
        ["release my-api", ["Release 8001"]],
        ["rel 80", ["Release 8001", "Release 8002", "Release 8010", "Release 8011"]],
        ["stop postgres", ["Stop postgres… 8002"]],
        ["pause", ["Pause the timeline"]],
        ["timeline", ["Pause the timeline"]],
        ["8123", ["Lease 8123…"]],
        ["lease 8123", ["Lease 8123…"]],
        ["8105", []],
        ["9500", []],
        ["zzzz", []],
        ["", ["8001", "Pause the timeline"]],
    ])("for %j", (query, expected) => {
        expect(list(query)).toEqual(expected);
    });

    it("fits the same before the beginning, a word's beginning, a part, and scattered letters", () => {
        const fits = ["api", "api-x", "my-api", "rapid", "a-pretty-idea", "xapxi"].map((text) => fit("api", text));
        expect(fits).toEqual([...fits].sort((a, b) => b - a));
        expect(fits.map((each) => each > 0)).toEqual([true, true, true, true, true, false]);
        expect(new Set(fits).size).toBe(6);
    });

    it("reads a list of ranges as portd tells it", () => {
        expect([8099, 8100, 8110, 8111, 8200].map((port) => isListed(port, "8100-8110, 8200"))).toEqual([false, true, true, false, true]);
        expect(isListed(8000, "")).toBe(false);
    });
});

function Commands() {
    usePageCommand("pause", "Pause the timeline", command.run);
    return null;
}

function show(liveness?: Parameters<typeof storeWith>[1]): HTMLElement {
    renderWith(
        storeWith(some, liveness),
        <>
            <button type="button">before</button>
            <Commands />
            <Palette />
        </>,
    );
    screen.getByRole("button", { name: "before" }).focus();
    act(() => setOverlay("palette"));
    return screen.getByRole("combobox");
}

const chosen = (): string => {
    const id = screen.getByRole("combobox").getAttribute("aria-activedescendant");
    return document.getElementById(id!)?.textContent ?? "";
};

describe("the palette", () => {
    beforeEach(() => started.mockClear());
    afterEach(() => act(() => setOverlay(null)));

    it("is a combobox with a list, and opens the port that is chosen", async () => {
        const input = show();
        const user = userEvent.setup();
        await user.type(input, "api");
        expect(input.getAttribute("aria-controls")).toBe(screen.getByRole("listbox").id);
        expect(screen.getByRole("option", { selected: true }).textContent).toBe(chosen());
        expect(chosen()).toContain("8010");
        await user.keyboard("{ArrowDown}");
        expect(chosen()).toContain("5173");
        await user.keyboard("{ArrowUp}{ArrowUp}");
        expect(chosen()).toContain("8011");
        await user.keyboard("{Enter}");
        await waitFor(() => expect(readUrl(location.search).port).toBe(8011));
        expect(screen.queryByRole("combobox")).toBeNull();
        expect(document.activeElement?.textContent).toBe("before");
    });

    it("hands an action to where its dialog is, and does nothing itself", async () => {
        const asked = vi.fn();
        vi.stubGlobal("fetch", asked);
        await userEvent.type(show(), "stop postgres{Enter}");
        await waitFor(() => expect(started).toHaveBeenCalledTimes(1));
        expect(started.mock.calls[0]).toMatchObject([{ id: "stop" }, { port: 8002 }]);
        expect(asked).not.toHaveBeenCalled();
        vi.unstubAllGlobals();
    });

    it("leases a free port of the range, by its number", async () => {
        await userEvent.type(show(), "8123{Enter}");
        await waitFor(() => expect(started).toHaveBeenCalledTimes(1));
        expect(started.mock.calls[0]).toMatchObject([{ id: "lease" }, 8123]);
    });

    it("does not do what may not be done, and says why", async () => {
        await userEvent.type(show(), "stop sshd");
        const option = screen.getByRole("option", { name: /Stop sshd/ });
        expect(option.getAttribute("aria-disabled")).toBe("true");
        expect(option.textContent).toContain("It is root's.");
        await userEvent.keyboard("{Enter}");
        fireEvent.click(option);
        await new Promise((resolve) => setTimeout(resolve, 10));
        expect(started).not.toHaveBeenCalled();
        expect(screen.getByRole("combobox")).toBeDefined();
    });

    it("changes nothing on stale data, but opens and copies", async () => {
        await userEvent.type(show("down"), "8002");
        expect(screen.getByRole("option", { name: /Release/ }).getAttribute("aria-disabled")).toBe("true");
        expect(screen.getByRole("option", { name: /Copy/ }).getAttribute("aria-disabled")).toBeNull();
    });

    it("runs a command of the page", async () => {
        const run = vi.spyOn(command, "run");
        await userEvent.type(show(), "pause{Enter}");
        await waitFor(() => expect(run).toHaveBeenCalledTimes(1));
        expect(started).not.toHaveBeenCalled();
    });

    it("closes by the dialog's Escape, and says how much was found", async () => {
        const input = show();
        await userEvent.type(input, "zzzz");
        expect(screen.getByRole("status").textContent).toBe("Nothing found");
        expect(input.getAttribute("aria-expanded")).toBe("false");
        fireEvent.click(screen.getByRole("button", { name: "Filter the table by it" }));
        expect(readUrl(location.search).q).toBe("zzzz");
        act(() => setOverlay("palette"));
        fireEvent(screen.getByRole("dialog"), new Event("cancel", { cancelable: true }));
        expect(screen.queryByRole("dialog")).toBeNull();
    });
});
