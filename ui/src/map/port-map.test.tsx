import { act, fireEvent, screen, within } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { beforeEach, describe, expect, test, vi } from "vitest";
import { renderWith } from "../../test/render.tsx";
import { lease, listener, NOW, record, squatted, storeWith } from "../../test/samples.ts";
import { readUrl, setUrlState } from "../find/url-state.ts";
import { fold } from "../live/state.ts";
import type { Live, LiveStore } from "../live/store.ts";
import { PortMap } from "./port-map.tsx";

// A busy machine takes its time to draw hundreds of cells.
vi.setConfig({ testTimeout: 60_000 });

const start = vi.fn();
vi.mock("../actions/action-button.tsx", () => ({ useStartAction: () => start }));

const bad = squatted(8001);
const some = {
    leases: [bad.lease, lease(8003)],
    listeners: [bad.listener, listener(9500)],
    squatters: [bad.finding],
    excluded: "8100-8110,8200",
    range: { min: 8000, max: 8249 },
};

/* What arrives while the page is open. */
function arrive(store: LiveStore, change: Partial<Live>): void {
    const inside = store as unknown as { set(change: Partial<Live>): void };
    act(() => inside.set(change));
}

function cell(name: string): HTMLElement {
    const found = screen.getByLabelText(name);
    // By role and name at once takes long among a thousand.
    expect(found.getAttribute("role")).toBe("gridcell");
    return found;
}

function nCells(): number {
    return document.querySelectorAll("[role=gridcell]").length;
}

beforeEach(() => {
    vi.useFakeTimers({ toFake: ["Date"], now: NOW });
    start.mockClear();
});

describe("the port map", () => {
    test("is a grid with a cell for each port, and the use in words", () => {
        renderWith(storeWith(some), <PortMap />);
        expect(within(screen.getByRole("grid", { name: "Ports 8000 to 8249" })).getAllByRole("gridcell")).toHaveLength(250);
        expect(screen.getByText("2 of 250 ports leased, 1 squatted")).toBeTruthy();
        expect(cell("8001, squatted, my-api, python3").dataset["mark"]).toBe("✕");
        expect(cell("8200, excluded").dataset["mark"]).toBe("–");
        const legend = within(screen.getByRole("list", { name: "Legend" }));
        expect(legend.getAllByRole("listitem").map((item) => item.textContent)).toEqual(["waiting 1", "squatted 1", "free 236", "excluded 12"]);
    });
    test("says that nothing is known yet", () => {
        const store = storeWith({}, "loading");
        arrive(store, { state: { ...store.get().state, meta: null } });
        renderWith(store, <PortMap />);
        expect(screen.getByText("Nothing is known of the ports yet.")).toBeTruthy();
    });
    test("a click opens a used port, and leases a free one", async () => {
        renderWith(storeWith(some), <PortMap />);
        await userEvent.click(cell("8003, waiting, my-api"));
        expect(readUrl(location.search).port).toBe(8003);
        expect(cell("8003, waiting, my-api").getAttribute("aria-selected")).toBe("true");
        await userEvent.click(cell("8004, free"));
        expect(start).toHaveBeenCalledExactlyOnceWith(expect.objectContaining({ id: "lease", label: "Lease 8004…" }), 8004);
    });
    test("leases nothing while the data is stale, and says so", async () => {
        renderWith(storeWith(some, "reconnecting"), <PortMap />);
        await userEvent.click(cell("8004, free"));
        expect(start).not.toHaveBeenCalled();
        expect(screen.getByText(/not live, so nothing can be leased/)).toBeTruthy();
    });
    test("by keyboard: one tab stop, arrows, Enter, and the words of what has the focus", async () => {
        const user = userEvent.setup();
        renderWith(storeWith(some), <PortMap />);
        const map = screen.getByRole("grid");
        expect(map.querySelectorAll('[tabindex="0"]')).toHaveLength(1);
        await user.tab();
        expect(document.activeElement).toBe(screen.getByRole("switch", { name: "Large cells" }));
        await user.tab();
        expect(document.activeElement).toBe(cell("8000, free"));
        await user.keyboard("{ArrowRight}");
        expect(document.activeElement).toBe(cell("8001, squatted, my-api, python3"));
        expect(screen.getByText("8001, squatted, my-api, python3")).toBeTruthy();
        await user.keyboard("{Enter}");
        expect(readUrl(location.search).port).toBe(8001);
        await user.keyboard("{ArrowDown}{ArrowLeft}{End}{Enter}");
        // 344 px: fifteen columns of at least 17 px beside the numbers.
        expect(start).toHaveBeenCalledExactlyOnceWith(expect.objectContaining({ id: "lease" }), 8029);
        await user.keyboard("{Control>}{End}{/Control}");
        expect(document.activeElement).toBe(cell("8249, free"));
        expect(map.querySelectorAll('[tabindex="0"]')).toHaveLength(1);
    });
    test("the focus stays where it is when ports change", async () => {
        const store = storeWith(some);
        renderWith(store, <PortMap />);
        act(() => cell("8003, waiting, my-api").focus());
        const focused = document.activeElement;
        const message = { type: "port" as const, record: record(11, 8003), receivedAt: Date.now() };
        const more = { type: "port" as const, record: record(12, 8002, { lease: lease(8002, { service_name: "new" }) }), receivedAt: Date.now() };
        arrive(store, { state: fold(store.get().state, [message, more]) });
        expect(document.activeElement).toBe(focused);
        expect(cell("8003, free")).toBe(focused);
        expect(cell("8002, waiting, new")).toBeTruthy();
    });
    test("only the cells of what changed are touched", async () => {
        const store = storeWith(some);
        renderWith(store, <PortMap />);
        const touched = new Set<string>();
        const watch = new MutationObserver((changes) => changes.forEach((each) => touched.add((each.target as HTMLElement).dataset["port"] ?? "")));
        watch.observe(screen.getByRole("grid"), { subtree: true, attributes: true, childList: true });
        const message = { type: "port" as const, record: record(11, 8003), receivedAt: Date.now() };
        arrive(store, { state: fold(store.get().state, [message]) });
        await Promise.resolve();
        watch.disconnect();
        expect([...touched]).toEqual(["8003"]);
    });
    test("what begins to expire says so", () => {
        const store = storeWith(some);
        vi.useFakeTimers({ now: NOW });
        renderWith(store, <PortMap />);
        const port = cell("8003, waiting, my-api");
        act(() => vi.advanceTimersByTime(236_000));
        expect(port.getAttribute("aria-label")).toBe("8003, expiring, my-api");
    });
    test("a filter dims what does not match", () => {
        history.replaceState(null, "", "/");
        setUrlState({ q: "state:squatted" });
        renderWith(storeWith(some), <PortMap />);
        expect(cell("8001, squatted, my-api, python3").className).not.toContain("is-dim");
        expect(cell("8003, waiting, my-api").className).toContain("is-dim");
        expect(cell("8004, free").className).toContain("is-dim");
    });
    test("large cells are remembered", async () => {
        localStorage.clear();
        const first = renderWith(storeWith(some), <PortMap />);
        const columns = (): string => screen.getByRole("grid").style.getPropertyValue("--columns");
        expect(columns()).toBe("15");
        await userEvent.click(screen.getByRole("switch", { name: "Large cells" }));
        expect(columns()).toBe("10");
        first.unmount();
        renderWith(storeWith(some), <PortMap />);
        expect(columns()).toBe("10");
        localStorage.clear();
    });
});

describe("the map of a large range", () => {
    const large = { ...some, range: { min: 1024, max: 65535 }, excluded: "" };
    test("a cell is a span of ports, which opens and closes by keyboard", async () => {
        const user = userEvent.setup();
        renderWith(storeWith(large), <PortMap />);
        expect(nCells()).toBe(646);
        const span = cell("7924 to 8023, 2 of 100 used, worst: squatted");
        expect(span.dataset["mark"]).toBe("✕2");
        act(() => span.focus());
        await user.keyboard("{Enter}");
        expect(screen.getByRole("grid", { name: "Ports 7924 to 8023" })).toBeTruthy();
        expect(nCells()).toBe(100);
        expect(document.activeElement).toBe(cell("7924, free"));
        await user.keyboard("{Escape}");
        expect(document.activeElement).toBe(cell("7924 to 8023, 2 of 100 used, worst: squatted"));
        await user.keyboard("{Enter}{Backspace}");
        expect(nCells()).toBe(646);
    });
    test("the way back is a button, too", async () => {
        renderWith(storeWith(large), <PortMap />);
        fireEvent.click(cell("7924 to 8023, 2 of 100 used, worst: squatted"));
        await userEvent.click(screen.getByRole("button", { name: "Back to 1024 to 65535" }));
        expect(nCells()).toBe(646);
    });
});
