import { act, fireEvent, screen, waitFor, within } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { describe, expect, it, vi } from "vitest";
import type { PortRecord, Snapshot } from "../api/types.ts";
import { readUrl, setUrlState } from "../find/url-state.ts";
import { fold } from "../live/state.ts";
import type { LiveStore } from "../live/store.ts";
import { finding, lease, listener, NOW, owner, record, squatted, storeWith } from "../../test/samples.ts";
import { renderWith } from "../../test/render.tsx";
import { PortTable } from "./port-table.tsx";
import { indexesOf, windowOf } from "./use-window.ts";

const taken = squatted(8001);
const other = owner({ pid: 500, process: "node", user: "bob", uid: 1001 });
const few: Partial<Snapshot> = {
    leases: [
        taken.lease,
        lease(8002, { state: "bound", service_name: "web", project: "shop", kept_by: "listener", expires_at: null, expires_in_seconds: null }),
        lease(8003, { service_name: "db", user: "bob", uid: 1001, project: "shop", expires_in_seconds: 100 }),
    ],
    listeners: [taken.listener, listener(8002), listener(5432, { owners: [other], user: "bob", uid: 1001 })],
    squatters: [taken.finding],
    conflicts: [taken.finding],
};

/* Everything that the store tells goes through here, as it would from the stream. */
function tell(store: LiveStore, records: PortRecord[]): void {
    const inner = store as unknown as { live: { state: ReturnType<typeof fold> }; set(change: object): void };
    act(() =>
        inner.set({
            state: fold(
                inner.live.state,
                records.map((each) => ({ type: "port" as const, record: each, receivedAt: NOW })),
            ),
        }),
    );
}

function atNow(): void {
    vi.useFakeTimers({ shouldAdvanceTime: true, now: NOW });
}

function show(change: Partial<Snapshot> = few, liveness?: Parameters<typeof storeWith>[1]): LiveStore {
    const store = storeWith(change, liveness);
    renderWith(store, <PortTable />);
    return store;
}

/* By the row's heading; by role and name it is sought below (that takes jsdom a second in a large table). */
const links = (): HTMLAnchorElement[] => [...document.querySelectorAll<HTMLAnchorElement>("tbody th[scope=row] a")];
const link = (port: number): HTMLAnchorElement => links().find((each) => each.textContent === String(port))!;
const row = (port: number): HTMLElement => link(port).closest("tr")!;
const ports = (): number[] => links().map((each) => Number(each.textContent));

describe("the table", () => {
    it("is a table with a heading for each column, and tells each port's facts", () => {
        atNow();
        show();
        const table = screen.getByRole("table", { name: "Ports" });
        expect(
            within(table)
                .getAllByRole("columnheader")
                .map((each) => each.textContent),
        ).toEqual(["State", "Port↑", "Service", "Process", "PID", "User", "Time left", "Age", "Actions"]);
        expect(table).toHaveProperty("tagName", "TABLE");
        expect(
            within(row(8001))
                .getAllByRole("cell")
                .slice(0, 7)
                .map((cell) => cell.textContent),
        ).toEqual(["✕squatted", "my-apipython3 · ann", "python3", "48213", "ann", "4m55s", "12m00s"]);
        expect(within(row(8002)).getByText("kept").title).toBe("kept while its server listens");
        expect(table.getAttribute("aria-rowcount")).toBe("4");
        expect(row(8002).getAttribute("aria-rowindex")).toBe("3");
    });

    it("counts down, and says expiring, without rendering its rows", async () => {
        atNow();
        show();
        const before = row(8003);
        expect(before.textContent).toContain("waiting");
        expect(before.textContent).toContain("1m40s");
        await act(() => vi.advanceTimersByTimeAsync(41_000));
        expect(row(8003)).toBe(before);
        expect(before.textContent).toContain("59s");
        expect(before.textContent).toContain("expiring");
    });

    it("lists a state that comes with the time alone", async () => {
        atNow();
        history.replaceState(null, "", "/?q=state:expiring");
        show();
        expect(ports()).toEqual([]);
        await act(() => vi.advanceTimersByTimeAsync(45_000));
        expect(ports()).toEqual([8003]);
    });

    it("sorts by a heading, upwards and downwards, and says so", async () => {
        show();
        const user = userEvent.setup();
        await user.click(screen.getByRole("button", { name: "Service" }));
        expect(ports()).toEqual([8003, 8001, 8002]);
        expect(screen.getByRole("columnheader", { name: /Service/ }).getAttribute("aria-sort")).toBe("ascending");
        await user.click(screen.getByRole("button", { name: /Service/ }));
        expect(ports()).toEqual([8002, 8001, 8003]);
        expect(screen.getByRole("columnheader", { name: /Service/ }).getAttribute("aria-sort")).toBe("descending");
        expect(screen.getByRole("columnheader", { name: /Port/ }).getAttribute("aria-sort")).toBeNull();
        expect(readUrl(location.search).sort).toBe("-service");
        await user.click(screen.getByRole("button", { name: /State/ }));
        expect(ports()[0]).toBe(8001);
        // What is not known is last, whichever way.
        await user.click(screen.getByRole("button", { name: /Time left/ }));
        expect(ports()).toEqual([8003, 8001, 8002]);
        await user.click(screen.getByRole("button", { name: /Time left/ }));
        expect(ports()).toEqual([8001, 8003, 8002]);
    });

    it("filters by the address, and counts", () => {
        history.replaceState(null, "", "/?q=user:bob");
        show();
        expect(ports()).toEqual([8003]);
        expect(screen.getByText("1 of 3 ports")).toBeDefined();
        act(() => setUrlState({ q: "" }));
        expect(screen.getByText("3 ports")).toBeDefined();
    });

    it("shows what listens outside the range when it is asked to", async () => {
        show();
        expect(ports()).not.toContain(5432);
        await userEvent.click(screen.getByRole("switch", { name: /All ports/ }));
        expect(ports()).toEqual([5432, 8001, 8002, 8003]);
        expect(readUrl(location.search).all).toBe(true);
    });

    it("groups by project and by user, with counts, and folds a group", async () => {
        show();
        const user = userEvent.setup();
        await user.selectOptions(screen.getByRole("combobox", { name: "Group by" }), "project");
        const groups = (): string[] => screen.getAllByRole("button", { name: /ports?$/ }).map((each) => each.textContent ?? "");
        expect(groups()).toEqual(["▾shop2 ports", "▾no project1 port"]);
        expect(ports()).toEqual([8002, 8003, 8001]);
        await user.click(screen.getByRole("button", { name: /shop/ }));
        expect(screen.getByRole("button", { name: /shop/ }).getAttribute("aria-expanded")).toBe("false");
        expect(ports()).toEqual([8001]);
        await user.selectOptions(screen.getByRole("combobox", { name: "Group by" }), "user");
        expect(groups()).toEqual(["▾ann2 ports", "▾bob1 port"]);
    });

    it("opens a port's details by its link, by Enter and by a click on its row, and marks it", async () => {
        show();
        const user = userEvent.setup();
        await user.click(screen.getByRole("link", { name: "8002" }));
        expect(readUrl(location.search).port).toBe(8002);
        expect(row(8002).getAttribute("aria-current")).toBe("true");
        expect(row(8001).getAttribute("aria-current")).toBeNull();
        await user.keyboard("{ArrowDown}{Enter}");
        expect(readUrl(location.search).port).toBe(8003);
        await user.click(within(row(8001)).getByText("squatted"));
        expect(readUrl(location.search).port).toBe(8001);
    });

    it("has one tab stop, which the arrow keys move", async () => {
        show();
        const user = userEvent.setup();
        expect(links().map((each) => each.tabIndex)).toEqual([0, -1, -1]);
        link(8001).focus();
        await user.keyboard("{ArrowDown}");
        expect(document.activeElement?.textContent).toBe("8002");
        await user.keyboard("{End}");
        expect(document.activeElement?.textContent).toBe("8003");
        await user.keyboard("{ArrowDown}");
        expect(document.activeElement?.textContent).toBe("8003");
        await user.keyboard("{Home}");
        expect(document.activeElement?.textContent).toBe("8001");
        expect(links().map((each) => each.tabIndex)).toEqual([0, -1, -1]);
    });

    it("keeps the focus with its port when others come, and hands it on when its port goes", async () => {
        const store = show();
        const user = userEvent.setup();
        link(8001).focus();
        await user.keyboard("{ArrowDown}");
        tell(store, [record(11, 8000, { listeners: [listener(8000)], findings: [finding(8000)] })]);
        expect(ports()).toEqual([8000, 8001, 8002, 8003]);
        expect(document.activeElement?.textContent).toBe("8002");
        tell(store, [record(12, 8002)]);
        await waitFor(() => expect(document.activeElement?.textContent).toBe("8003"));
    });

    it("takes no focus when a port goes and nobody is there", async () => {
        const store = show();
        tell(store, [record(11, 8001)]);
        await new Promise((resolve) => setTimeout(resolve, 20));
        expect(document.activeElement).toBe(document.body);
    });

    it("has in the page what is seen of many rows, and the row with the focus", async () => {
        const leases = Array.from({ length: 1000 }, (_, i) => lease(8000 + i, { service_name: `svc-${i}` }));
        show({ leases });
        expect(ports().length).toBeLessThan(80);
        expect(screen.getByRole("table").getAttribute("aria-rowcount")).toBe("1001");
        link(8000).focus();
        await userEvent.keyboard("{End}");
        expect(document.activeElement?.textContent).toBe("8999");
        const scroller = document.querySelector(".table-scroll")!;
        scroller.scrollTop = 0;
        fireEvent.scroll(scroller);
        expect(ports()[0]).toBe(8000);
        expect(ports().at(-1)).toBe(8999);
        expect(document.activeElement?.textContent).toBe("8999");
    });

    it("shows somebody else's bytes as text", () => {
        const evil = "<img src=x onerror=alert(1)>";
        const long = "\u202e" + "x".repeat(4096);
        show({ listeners: [listener(8010, { owners: [owner({ process: evil })] }), listener(8011, { owners: [owner({ process: long })] })] });
        expect(within(row(8010)).getByText(evil).tagName).toBe("BDI");
        expect(document.querySelector("img")).toBeNull();
        expect(row(8011).textContent!.length).toBeLessThan(400);
    });
});

describe("the table without rows", () => {
    it("shows three commands to begin with", () => {
        show({});
        expect(screen.getByRole("heading", { name: "No port is leased yet" })).toBeDefined();
        for (const command of ["portctl alloc my-db", "portctl run web -- npm start", "portctl list"])
            expect(screen.getByRole("button", { name: `Copy ${command}` })).toBeDefined();
    });

    it("says that nothing matches, clears the filter, and offers all ports where the match is", async () => {
        history.replaceState(null, "", "/?q=node");
        show();
        const user = userEvent.setup();
        expect(screen.getByText("node").closest("p")?.textContent).toBe("None of 3 ports matches node.");
        await user.click(screen.getByRole("button", { name: "Show 1 outside the range" }));
        expect(ports()).toEqual([5432]);
        act(() => setUrlState({ q: "zzz" }));
        expect(screen.queryByRole("button", { name: /outside the range/ })).toBeNull();
        await user.click(screen.getByRole("button", { name: "Clear the filter" }));
        expect(ports()).toHaveLength(4);
        expect(readUrl(location.search).q).toBe("");
    });

    function showUnknown(liveness: "loading" | "down" | "refused", problem: unknown = null): void {
        const store = storeWith({}, liveness);
        const inner = store as unknown as { live: { state: { meta: unknown; ports: unknown }; problem: unknown } };
        inner.live = { ...inner.live, state: { ...inner.live.state, meta: null }, problem };
        renderWith(store, <PortTable />);
    }

    it("says that it is reading", () => {
        showUnknown("loading");
        expect(screen.getByText("Reading the ports…")).toBeDefined();
    });

    it("says that portd does not answer", () => {
        showUnknown("down");
        expect(screen.getByText(/portd does not answer/)).toBeDefined();
    });

    it("shows a refusal in the problem's words", () => {
        showUnknown("refused", { problem: { title: "Not allowed", detail: "Your uid is not known.", hint: "Ask root." } });
        expect(screen.getByText("Not allowed")).toBeDefined();
        expect(screen.getByText("Your uid is not known.")).toBeDefined();
        expect(screen.getByText("Ask root.")).toBeDefined();
    });

    it("keeps what it has when the data is stale", () => {
        show(few, "down");
        expect(ports()).toEqual([8001, 8002, 8003]);
    });
});

describe("the window of rows", () => {
    it("has what is seen, and some around it, within the list", () => {
        for (let top = 0; top < 1000 * 32; top += 77) {
            const { first, end } = windowOf(top, 600, 32, 1000);
            expect(first).toBeGreaterThanOrEqual(0);
            expect(end).toBeLessThanOrEqual(1000);
            expect(first).toBeLessThanOrEqual(Math.max(0, Math.floor(top / 32) - 8));
            expect(end).toBeGreaterThanOrEqual(Math.min(1000, Math.ceil((top + 600) / 32) + 8));
            expect(end - first).toBeLessThan(70);
        }
        expect(windowOf(90_000, 600, 32, 10)).toEqual({ first: 0, end: 10 });
        expect(windowOf(0, 600, 32, 0)).toEqual({ first: 0, end: 0 });
    });

    it("keeps one more, in its place", () => {
        expect(indexesOf({ first: 5, end: 8 }, 2, 20)).toEqual([2, 5, 6, 7]);
        expect(indexesOf({ first: 5, end: 8 }, 6, 20)).toEqual([5, 6, 7]);
        expect(indexesOf({ first: 5, end: 8 }, 11, 20)).toEqual([5, 6, 7, 11]);
        expect(indexesOf({ first: 0, end: 0 }, 0, 0)).toEqual([]);
    });
});
