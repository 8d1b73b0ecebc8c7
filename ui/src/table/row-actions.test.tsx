import { act, fireEvent, screen, within } from "@testing-library/react";
import { describe, expect, it, vi } from "vitest";
import { readUrl } from "../find/url-state.ts";
import { fold } from "../live/state.ts";
import type { LiveStore } from "../live/store.ts";
import { lease, NOW, record, storeWith } from "../../test/samples.ts";
import { renderWith } from "../../test/render.tsx";
import { PortTable } from "./port-table.tsx";

vi.mock("../actions/action-button.tsx", () => ({
    ActionButton: ({ row, action }: { row: { port: number }; action: { label: string } }) => (
        <button type="button">
            {action.label} {row.port}
        </button>
    ),
}));
vi.mock("../actions/actions.ts", () => ({
    actionsFor: () => [
        { id: "release", label: "Release", command: "x", tone: "plain", refused: null },
        { id: "extend", label: "Extend", command: "x", tone: "plain", refused: null },
    ],
}));

function show(): LiveStore {
    const store = storeWith({ leases: [lease(8001), lease(8002)] });
    renderWith(store, <PortTable />);
    return store;
}

/* jsdom shows no popover, and what is hidden has no name for it. */
const menu = (): HTMLElement | null => document.querySelector('[role="group"][aria-label="Port 8002: what can be done"]');

describe("a row's actions", () => {
    it("are the first as a button, and all behind More", () => {
        show();
        expect(screen.getByRole("button", { name: "Release 8002" })).toBeDefined();
        expect(screen.queryByRole("button", { name: "Extend 8002" })).toBeNull();
        fireEvent.click(screen.getByRole("button", { name: "More for port 8002" }));
        expect(
            within(menu()!)
                .getAllByRole("button", { hidden: true })
                .map((each) => each.textContent),
        ).toEqual(["Release 8002", "Extend 8002"]);
        expect(readUrl(location.search).port).toBeNull();
    });

    it("are walked through by the arrow keys, without moving in the table", () => {
        show();
        fireEvent.click(screen.getByRole("button", { name: "More for port 8002" }));
        expect(document.activeElement?.textContent).toBe("Release 8002");
        fireEvent.keyDown(document.activeElement!, { key: "ArrowDown" });
        expect(document.activeElement?.textContent).toBe("Extend 8002");
        expect(menu()?.contains(document.activeElement)).toBe(true);
        fireEvent.keyDown(document.activeElement!, { key: "ArrowDown" });
        expect(document.activeElement?.textContent).toBe("Release 8002");
    });

    it("close and give the focus back", () => {
        show();
        const more = screen.getByRole("button", { name: "More for port 8002" });
        fireEvent.click(more);
        const toggle = Object.assign(new Event("toggle"), { newState: "closed" });
        act(() => void menu()!.dispatchEvent(toggle));
        expect(menu()).toBeNull();
        expect(document.activeElement).toBe(more);
    });

    it("go with their row", () => {
        const store = show();
        fireEvent.click(screen.getByRole("button", { name: "More for port 8002" }));
        expect(menu()).not.toBeNull();
        const state = fold(store.get().state, [{ type: "port", record: record(11, 8002), receivedAt: NOW }]);
        act(() => (store as unknown as { set(change: object): void }).set({ state }));
        expect(menu()).toBeNull();
    });

    it("can be tabbed to in the row with the tab stop only", () => {
        show();
        const stops = (): string[] =>
            [...document.querySelectorAll<HTMLElement>("tbody a, tbody button")]
                .filter((each) => each.tabIndex === 0)
                .map((each) => each.textContent ?? "");
        expect(stops()).toEqual(["8001", "Release 8001", "More"]);
        act(() => document.querySelectorAll<HTMLElement>("tbody a")[1]!.focus());
        expect(stops()).toEqual(["8002", "Release 8002", "More"]);
    });
});
