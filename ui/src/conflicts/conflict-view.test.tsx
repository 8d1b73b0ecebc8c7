import { fireEvent, screen, within } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { afterEach, describe, expect, it, vi } from "vitest";
import { become, fakePortd } from "../../test/portd.ts";
import { renderWith } from "../../test/render.tsx";
import { finding, lease, listener, owner, squatted, storeWith } from "../../test/samples.ts";
import type { Hidden, Snapshot } from "../api/types.ts";
import { Announcer } from "../base/announcer.tsx";
import { formatClock } from "../base/time.ts";
import { NOW } from "../../test/samples.ts";
import type { LiveStore, Liveness } from "../live/store.ts";
import { ConflictView } from "./conflict-view.tsx";

afterEach(() => vi.unstubAllGlobals());

function show(change: Partial<Snapshot>, liveness: Liveness = "live"): LiveStore {
    const store = storeWith(change, liveness);
    renderWith(
        store,
        <>
            <ConflictView />
            <Announcer />
        </>,
    );
    return store;
}

const card = (port: number) => within(screen.getByRole("article", { name: new RegExp(`^${port} `) }));

function facts(side: HTMLElement): Record<string, string> {
    return Object.fromEntries(
        within(side)
            .getAllByRole("term")
            .map((term) => [term.textContent, term.nextElementSibling!.textContent]),
    );
}

const squat = squatted(8001, { lease: { holder: { pid: 47001 }, expires_in_seconds: 200 } });
const unleased = listener(8005, { unit: "docs.service", address: "0.0.0.0" });
const two: Partial<Snapshot> = {
    leases: [squat.lease],
    listeners: [squat.listener, unleased],
    squatters: [finding(8005, { listeners: [unleased] }), squat.finding],
};

describe("ConflictView", () => {
    it("counts in the title, worst first, with the verdict in words", () => {
        show(two);
        expect(document.title).toBe("(2) PortManager");
        expect(screen.getByRole("heading", { level: 2 }).textContent).toBe("Conflicts 2");
        expect(screen.getAllByRole("article").map((each) => within(each).getByRole("heading", { level: 3 }).textContent)).toEqual([
            "8001 ✕squatted",
            "8005 !unleased",
        ]);
        expect(card(8001).getByText(squat.finding.verdict)).toBeInstanceOf(HTMLElement);
    });

    it("shows the lease's side beside the socket's", () => {
        vi.useFakeTimers({ now: NOW + 10_000 });
        show(two);
        const [left, right] = ["Leased to", "On the port"].map((name) => card(8001).getByRole("heading", { name }).parentElement!);
        expect(facts(left!)).toEqual({
            Service: "my-api",
            User: "ann",
            Holder: "pid 47001",
            "Time left": "3m10s",
            Granted: expect.stringMatching(/12m10s ago$/) as string,
        });
        expect(facts(right!)).toEqual({
            Process: "python3 (pid 48213)",
            User: "ann",
            Command: "python3 -m http.server 8001",
            Directory: "/home/ann/demo",
            "Started by": "systemd(1) > gnome-terminal(2211) > bash(48101) > python3(48213)",
            Since: expect.stringMatching(/4m10s ago$/) as string,
            Address: "127.0.0.1:8001",
            Whose: "foreign: it was there before the lease",
        });
    });

    it("says that there is no lease, and shows the unit", () => {
        show(two);
        expect(card(8005).getByText("no lease")).toBeInstanceOf(HTMLElement);
        expect(card(8005).getByText("docs.service")).toBeInstanceOf(HTMLElement);
        expect(card(8005).getByText("0.0.0.0:8005")).toBeInstanceOf(HTMLElement);
    });

    it("has the actions, and the lines of portctl on demand", async () => {
        show(two);
        const names = card(8001)
            .getAllByRole("button")
            .map((each) => each.textContent);
        expect(names.slice(0, 3)).toEqual(["Explain", "Another port…", "Stop python3…"]);
        expect(card(8001).queryByText("portctl stop 8001")).toBeNull();
        await userEvent.click(card(8001).getByRole("button", { name: "portctl lines for 8001" }));
        expect(card(8001).getByText("portctl stop 8001")).toBeInstanceOf(HTMLElement);
        expect(card(8001).getByText("portctl alloc my-api --prefer 8002")).toBeInstanceOf(HTMLElement);
    });

    it("explains in the drawer", async () => {
        show(two);
        await userEvent.click(card(8001).getByRole("button", { name: "Explain 8001" }));
        expect(location.search).toBe("?port=8001");
    });

    it("shows both parties of a shared port, each with its sockets together", () => {
        const a = listener(8008, { owners: [owner({ pid: 5, process: "nginx" })] });
        const a6 = listener(8008, { inode: 3, family: "ipv6", address: "::1", owners: a.owners });
        const b = listener(8008, { inode: 2, owners: [owner({ pid: 6, process: "node" }), owner({ pid: 7, process: "node" })] });
        const shared = lease(8008, { state: "conflict", conflict: "shared" });
        show({ leases: [shared], listeners: [a, a6, b], squatters: [finding(8008, { kind: "shared", lease: shared, listeners: [a, a6, b] })] });
        expect(card(8008).getByText("nginx").parentElement!.textContent).toBe("nginx (pid 5)");
        expect(card(8008).getAllByText("127.0.0.1:8008")).toHaveLength(2);
        expect(card(8008).getByText("[::1]:8008")).toBeInstanceOf(HTMLElement);
        expect(card(8008).getByText("node (pid 7)").parentElement!.textContent).toBe("1 more with the same socket: node (pid 7)");
    });

    it("says why an owner is hidden, and what would show it", () => {
        const hidden: Hidden = { reason: "other-user", why: "portd may not look into processes of other users", remedy: "run portd as root" };
        const root = listener(8006, { owners: [], uid: 0, user: "root", hidden });
        show({ listeners: [root], squatters: [finding(8006, { listeners: [root] })] });
        expect(card(8006).getByText(`hidden: ${hidden.why}`)).toBeInstanceOf(HTMLElement);
        expect(card(8006).getByText("run portd as root")).toBeInstanceOf(HTMLElement);
        expect(card(8006).getByRole("button", { name: "Stop… 8006" }).getAttribute("aria-disabled")).toBe("true");
        expect(screen.getByText(/The owners of 1 port are hidden: .* To see them: run portd as root\./)).toBeInstanceOf(HTMLElement);
    });

    it("folds away what is ignored, and does not count it", async () => {
        const portd = fakePortd({ "/ignore": () => ({}) });
        show({ listeners: [unleased], squatters: [finding(8005, { ignored: true, listeners: [unleased] })] });
        expect(document.title).toBe("PortManager");
        expect(screen.queryByRole("article")).toBeNull();
        expect(screen.getByText("1 ignored").closest("details")).toHaveProperty("open", false);
        await userEvent.click(screen.getByText("1 ignored"));
        await userEvent.click(screen.getByRole("button", { name: "Count again 8005" }));
        expect(portd.posts()).toEqual([{ path: "/ignore", body: { port: 8005, ignored: false } }]);
    });

    it("says quietly that there is none, and when that was seen", () => {
        show({ leases: [lease(8001)], listeners: [listener(5000), listener(5001)] });
        expect(screen.getByText(/No conflicts\./).textContent).toBe(`✓ No conflicts. 1 lease, 2 listeners, kernel read ${formatClock(NOW)}.`);
        expect(document.title).toBe("PortManager");
    });

    it("leads to those that nobody has confirmed", async () => {
        show({ leases: [lease(8010, { service_name: "web", state: "bound", evidence: "plausible" })], listeners: [listener(8010)] });
        expect(screen.getByText(/1 unconfirmed:/)).toBeInstanceOf(HTMLElement);
        await userEvent.click(screen.getByRole("button", { name: "8010 web: confirm or disown" }));
        expect(location.search).toBe("?port=8010");
    });

    it("shows the first twenty of many, and all on demand", () => {
        const many = Array.from({ length: 23 }, (_, i) => squatted(8100 + i));
        show({ leases: many.map((each) => each.lease), listeners: many.map((each) => each.listener), squatters: many.map((each) => each.finding) });
        expect(document.querySelectorAll("article")).toHaveLength(20);
        expect(document.title).toBe("(23) PortManager");
        fireEvent.click(screen.getByText("Show all 23"));
        expect(document.querySelectorAll("article")).toHaveLength(23);
    });

    it("says a new one once, but not those that were there", () => {
        const store = show(two);
        expect(screen.getByRole("status").textContent).not.toMatch(/squatted|lease/);
        const third = squatted(8002);
        become(store, {
            ...two,
            leases: [squat.lease, third.lease],
            listeners: [...two.listeners!, third.listener],
            squatters: [...two.squatters!, third.finding],
        });
        expect(screen.getByRole("status").textContent).toBe(third.finding.verdict);
        expect(document.title).toBe("(3) PortManager");
    });

    it("stays readable on stale data, and changes nothing by it", () => {
        show(two, "down");
        expect(card(8001).getByText(squat.finding.verdict)).toBeInstanceOf(HTMLElement);
        expect(card(8001).getByRole("button", { name: "Ignore 8001" }).getAttribute("aria-disabled")).toBe("true");
    });

    it("shows somebody else's bytes as text, and not 4 KiB of them at once", async () => {
        const evil = `<img src=x onerror=alert(1)>\u001b[31m${"א".repeat(4096)}`;
        const theirs = squatted(8001, {
            lease: { service_name: "W".repeat(128) },
            listener: { owners: [owner({ process: evil, command: evil, directory: `/${evil}` })] },
        });
        show({ leases: [theirs.lease], listeners: [theirs.listener], squatters: [theirs.finding] });
        expect(document.querySelector("img")).toBeNull();
        const command = card(8001).getByText("Command").nextElementSibling!;
        expect(command.textContent!.length).toBeLessThan(220);
        await userEvent.click(within(command as HTMLElement).getByRole("button", { name: /Show all 41\d\d letters/ }));
        expect(command.querySelector("bdi")!.textContent).toBe(evil);
    });
});
