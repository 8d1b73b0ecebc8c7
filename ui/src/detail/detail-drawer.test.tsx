import { act, screen, waitFor, within } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { afterEach, describe, expect, it, vi } from "vitest";
import { become, fakePortd, problem } from "../../test/portd.ts";
import { renderWith } from "../../test/render.tsx";
import { finding, lease, listener, owner, squatted, storeWith } from "../../test/samples.ts";
import { ActionHost } from "../actions/action-button.tsx";
import type { Event, Hidden, Snapshot, Who } from "../api/types.ts";
import { setUrlState } from "../find/url-state.ts";
import type { LiveStore, Liveness } from "../live/store.ts";
import { DetailDrawer } from "./detail-drawer.tsx";
import { flagFor } from "./elsewhere-help.tsx";
import { eventSentence, eventWord, mergeEvents } from "./event-words.ts";

afterEach(() => {
    vi.unstubAllGlobals();
    act(() => setUrlState({ port: null }));
});

function show(address: string, change: Partial<Snapshot>, liveness: Liveness = "live"): LiveStore {
    history.replaceState(null, "", address);
    const store = storeWith(change, liveness);
    renderWith(
        store,
        <>
            <button type="button" onClick={() => setUrlState({ port: 8001 })}>
                a row
            </button>
            <DetailDrawer />
            <ActionHost />
        </>,
    );
    return store;
}

const drawer = (port = 8001) => within(screen.getByRole("complementary", { name: `Port ${port}` }));

function event(id: number, change: object = {}): Event {
    return {
        id,
        at: "2026-01-02T03:00:00.000Z",
        kind: "lease.granted",
        port: 8001,
        service_name: "my-api",
        lease_id: 1001,
        uid: 1000,
        user: "ann",
        reason: null,
        ...change,
    } as Event;
}

function who(change: Partial<Who> = {}): Who {
    return { port: 8001, state: "conflict", verdict: "What /who says.", lease: null, listeners: [], findings: [], next: [], ...change };
}

const squat = squatted(8001, { lease: { tags: ["dev", "x"], project: "/home/ann/api" } });
const scene: Partial<Snapshot> = { leases: [squat.lease], listeners: [squat.listener], squatters: [squat.finding] };

describe("DetailDrawer", () => {
    it("is not there without a port in the address", () => {
        fakePortd({});
        show("/", scene);
        expect(screen.queryByRole("complementary")).toBeNull();
    });

    it("shows at once what is live, and then all that /who tells", async () => {
        let answer: (response: Response) => void = () => {};
        const portd = fakePortd({ "/who": () => new Promise<Response>((resolve) => (answer = resolve)) });
        show("/?port=8001", scene);
        expect(drawer().getByText(squat.finding.verdict)).toBeInstanceOf(HTMLElement);
        expect(drawer().getByText("/usr/bin/python3.11")).toBeInstanceOf(HTMLElement);
        await waitFor(() => expect(portd.asked.map((each) => each.path)).toContain("/who?port=8001"));
        const next = [{ command: "portctl stop 8001", why: "stops python3" }];
        await act(async () => answer(Response.json(who({ lease: squat.lease, listeners: [squat.listener], next }))));
        expect(await drawer().findByText("What /who says.")).toBeInstanceOf(HTMLElement);
        expect(drawer().getByText("portctl stop 8001")).toBeInstanceOf(HTMLElement);
        expect(drawer().getByText("stops python3")).toBeInstanceOf(HTMLElement);
    });

    it("has all of the lease and of the listener", () => {
        fakePortd({});
        show("/?port=8001", scene);
        const terms = drawer()
            .getAllByRole("term")
            .map((term) => `${term.textContent}: ${term.nextElementSibling!.textContent}`);
        for (const fact of [
            "Tags: dev, x",
            "Project: /home/ann/api",
            "Lease: 1001",
            "State: conflict, taken",
            "Lives for: 5m00s after its last renewal",
        ])
            expect(terms).toContain(fact);
        for (const fact of ["Session: 48101", "Control group: /user.slice/user-1000.slice", "Address: 127.0.0.1:8001 inode 708001"])
            expect(terms).toContain(fact);
        expect(
            drawer()
                .getAllByRole("heading", { level: 3 })
                .map((each) => each.textContent),
        ).toEqual(["Lease", "On the port", "History"]);
    });

    it("asks /who anew when the port has changed, and not before", async () => {
        const portd = fakePortd({ "/who": () => who() });
        const store = show("/?port=8001", scene);
        const times = () => portd.asked.filter((each) => each.path.startsWith("/who")).length;
        await waitFor(() => expect(times()).toBe(1));
        become(store, { ...scene, seq: 6 });
        await drawer().findByText("What /who says.");
        expect(times()).toBe(1);
        become(store, { ...scene, version: 11 });
        await waitFor(() => expect(times()).toBe(2));
    });

    it("says an error of /who in its words, keeps what is live, and asks again", async () => {
        let times = 0;
        fakePortd({ "/who": () => (times++ === 0 ? problem(500, "internal", "portd could not ask the kernel.") : who()) });
        show("/?port=8001", scene);
        expect((await drawer().findByRole("alert")).textContent).toBe("portd could not ask the kernel.");
        expect(drawer().getByText(squat.finding.verdict)).toBeInstanceOf(HTMLElement);
        await userEvent.click(drawer().getByRole("button", { name: "Ask again" }));
        expect(await drawer().findByText("What /who says.")).toBeInstanceOf(HTMLElement);
    });

    it("asks nobody while portd is down, and shows what was live", () => {
        const portd = fakePortd({});
        show("/?port=8001", scene, "down");
        expect(drawer().getByText(squat.finding.verdict)).toBeInstanceOf(HTMLElement);
        expect(portd.asked.filter((each) => each.path.startsWith("/who"))).toEqual([]);
    });

    it("offers the lease of a free port", async () => {
        fakePortd({});
        show("/?port=8003", scene);
        expect(drawer(8003).getByText("Nobody listens on port 8003, and nobody has it leased.")).toBeInstanceOf(HTMLElement);
        await userEvent.click(drawer(8003).getByRole("button", { name: "Lease 8003…" }));
        expect(screen.getByRole("dialog", { name: "Lease port 8003" })).toBeInstanceOf(HTMLElement);
    });

    it("says that a port is outside the range", () => {
        fakePortd({});
        show("/?port=5000", { listeners: [listener(5000)] });
        expect(drawer(5000).getByText(/Outside the managed range 8000-9000/)).toBeInstanceOf(HTMLElement);
        expect(drawer(5000).getByText("Port 5000: somebody listens outside the managed range.")).toBeInstanceOf(HTMLElement);
    });

    it("says why an owner is hidden, and what would show it", () => {
        fakePortd({});
        const hidden: Hidden = { reason: "other-user", why: "portd may not look", remedy: "run portd as root" };
        const root = listener(8001, { owners: [], uid: 0, user: "root", hidden });
        show("/?port=8001", { listeners: [root], squatters: [finding(8001, { listeners: [root] })] });
        expect(drawer().getByText("hidden: portd may not look")).toBeInstanceOf(HTMLElement);
        expect(drawer().getByText("run portd as root")).toBeInstanceOf(HTMLElement);
    });

    it("tells what to tell a program that listens elsewhere", () => {
        fakePortd({});
        show("/?port=8001", {
            leases: [lease(8001, { state: "elsewhere", elsewhere_port: 5173, kept_by: "holder", holder: { pid: 9 } })],
            listeners: [listener(5173, { owners: [owner({ command: "node node_modules/.bin/vite" })] })],
        });
        expect(drawer().getByText("--port 8001")).toBeInstanceOf(HTMLElement);
        expect(drawer().getByText("portctl run my-api --remap 5173 -- PROGRAM")).toBeInstanceOf(HTMLElement);
        expect(flagFor("/usr/bin/python3 /usr/bin/gunicorn app", 8001)).toBe("--bind 127.0.0.1:8001");
        expect(flagFor(null, 8001)).toBe("--port 8001");
    });
});

describe("the drawer's focus", () => {
    it("is left alone by a page that opens with it", () => {
        fakePortd({});
        show("/?port=8001", scene);
        expect(document.activeElement).toBe(document.body);
    });

    it("goes to the drawer that a person opens, and back when Escape closes it", async () => {
        fakePortd({});
        show("/", scene);
        await userEvent.click(screen.getByRole("button", { name: "a row" }));
        expect(document.activeElement).toBe(screen.getByRole("complementary"));
        expect(location.search).toBe("?port=8001");
        await userEvent.keyboard("{Escape}");
        expect(screen.queryByRole("complementary")).toBeNull();
        expect(document.activeElement).toBe(screen.getByRole("button", { name: "a row" }));
        expect(location.search).toBe("");
    });

    it("is not taken by an event", async () => {
        fakePortd({});
        const store = show("/?port=8001", scene);
        const row = screen.getByRole("button", { name: "a row" });
        row.focus();
        become(store, { ...scene, version: 12 });
        expect(document.activeElement).toBe(row);
    });

    it("stays in a dialog that Escape closes first", async () => {
        fakePortd({});
        show("/?port=8001", scene);
        await userEvent.click(drawer().getByRole("button", { name: "Stop python3… 8001" }));
        await userEvent.keyboard("{Escape}");
        expect(screen.getByRole("complementary")).toBeInstanceOf(HTMLElement);
    });

    it("closes by its button", async () => {
        fakePortd({});
        show("/?port=8001", scene);
        await userEvent.click(drawer().getByRole("button", { name: "Close" }));
        expect(screen.queryByRole("complementary")).toBeNull();
    });
});

describe("the port's history", () => {
    it("is read with the newest first, in words, and goes on with what comes", async () => {
        const events = [
            event(1),
            event(2, { kind: "squatter.appeared", finding: "taken", pid: 48213, process: "python3", address: "127.0.0.1:8001" }),
            event(3, { kind: "conflict.appeared", finding: "taken", pid: 48213, process: "python3" }),
        ];
        const portd = fakePortd({ "/history": () => ({ events, first_id: 1, last_id: 3 }) });
        const store = show("/?port=8001", scene);
        const lines = async () =>
            (await drawer().findByRole("list", { name: "" })) &&
            drawer()
                .getAllByRole("listitem")
                .map((item) => item.textContent!.replace(/^.*\d\d:\d\d:\d\d/, ""));
        await waitFor(async () =>
            expect(await lines()).toEqual(["✕ squattedmy-api: python3 (pid 48213) of ann on 127.0.0.1:8001", "○ grantedmy-api: to ann"]),
        );
        expect(portd.asked.map((each) => each.path)).toContain("/history?port=8001&limit=50");
        const live = store.get();
        act(() =>
            (store as unknown as { set(change: object): void }).set({
                state: { ...live.state, events: [event(2), event(4, { kind: "lease.released" }), event(5, { port: 8002 })] },
            }),
        );
        expect((await lines())[0]).toBe("◌ releasedmy-api: of ann");
        expect(await lines()).toHaveLength(3);
    });

    it("shows older ones on demand", async () => {
        const portd = fakePortd({
            "/history": (_body, url) => ({ events: Array.from({ length: Number(url.searchParams.get("limit")) }, (_, i) => event(i + 1)) }),
        });
        show("/?port=8001", scene);
        await userEvent.click(await drawer().findByRole("button", { name: "Show older" }));
        await waitFor(() => expect(portd.asked.map((each) => each.path)).toContain("/history?port=8001&limit=200"));
    });

    it("says that there is nothing, or why it cannot be read", async () => {
        fakePortd({ "/history": () => ({ events: [] }) });
        show("/?port=8001", scene);
        expect(await drawer().findByText("Nothing in the last seven days.")).toBeInstanceOf(HTMLElement);
    });

    it("keeps each event once, the newest first, and a squatter on a leased port as one", () => {
        const merged = mergeEvents(
            [event(1), event(3)],
            [event(3), event(2), event(4, { port: 1 }), event(5, { kind: "conflict.left", finding: "taken" })],
            8001,
        );
        expect(merged.map((each) => each.id)).toEqual([3, 2, 1]);
    });

    it("has portd's own sentence where there is one, and the kind where there is no word", () => {
        expect(eventSentence(event(1, { reason: "It was claimed." }))).toBe("It was claimed.");
        expect(eventSentence(event(1, { kind: "listener.opened", uid: null, user: null, pid: 5, process: "node" }))).toBe("node (pid 5)");
        expect(eventWord(event(1, { kind: "lease.strange" }))).toEqual(["·", "lease.strange"]);
        expect(eventWord(event(1, { kind: "conflict.appeared", finding: "split" }))).toEqual(["⇄", "split"]);
    });
});
