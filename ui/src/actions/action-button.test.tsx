import { act, screen, waitFor, within } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { afterEach, describe, expect, it, vi } from "vitest";
import { become, dead, fakePortd, problem } from "../../test/portd.ts";
import { renderWith } from "../../test/render.tsx";
import { lease, listener, squatted, storeWith } from "../../test/samples.ts";
import type { Lease, Snapshot } from "../api/types.ts";
import { Announcer } from "../base/announcer.tsx";
import type { LiveStore, Liveness } from "../live/store.ts";
import { useMeta, useRows } from "../live/use-live.ts";
import { ActionButton, ActionHost, useStartAction } from "./action-button.tsx";
import { actionsFor, leaseAction, type ActionId } from "./actions.ts";

afterEach(() => vi.unstubAllGlobals());

function Actions({ small }: { small?: boolean }) {
    const rows = useRows();
    const caller = useMeta()!.caller;
    return (
        <>
            {rows.flatMap((row) =>
                actionsFor(row, caller).map((action) => (
                    <ActionButton key={`${row.port} ${action.id}`} row={row} action={action} small={small === true} />
                )),
            )}
            <ActionHost />
            <Announcer />
        </>
    );
}

function show(change: Partial<Snapshot>, liveness: Liveness = "live", small = false): LiveStore {
    const store = storeWith(change, liveness);
    renderWith(store, <Actions small={small} />);
    return store;
}

const button = (name: string | RegExp): HTMLElement => screen.getByRole("button", { name });
const released = (of: Lease, listeners: object[] = []) => ({ port: of.port, id: of.id, service_name: of.service_name, released: true, listeners });
const waiting = lease(8001, { tags: ["dev"], ttl_seconds: 600, project: "/home/ann/api" });

describe("ActionButton", () => {
    it("sends the lease's port and id, and reads a snapshot after it", async () => {
        const portd = fakePortd({ "/heartbeat": () => ({ port: 8001, id: 1001, lease: waiting }) });
        show({ leases: [waiting] });
        await userEvent.click(button("Extend 8001"));
        expect(portd.posts()).toEqual([{ path: "/heartbeat", body: { port: 8001, id: 1001 } }]);
        expect(await screen.findByText(/Extended port 8001 \(my-api\); 4m55s left/)).toBeInstanceOf(HTMLElement);
        expect(portd.asked.map((each) => each.path)).toContain("/snapshot");
    });

    it("says an error beside itself, in the problem's words", async () => {
        fakePortd({
            "/heartbeat": () => problem(409, "lease-mismatch", "Port 8001 is not lease 1001: it is lease 1002, of other.", { hint: "look again" }),
        });
        show({ leases: [waiting] });
        await userEvent.click(button("Extend 8001"));
        const alert = await screen.findByRole("alert");
        expect(alert.textContent).toBe("Port 8001 is not lease 1001: it is lease 1002, of other.look again");
        expect(alert.closest(".action-place")).toBe(button("Extend 8001").closest(".action-place"));
        await userEvent.click(button("Dismiss"));
        expect(screen.queryByRole("alert")).toBeNull();
    });

    it("says that nothing is known when portd went away in the middle", async () => {
        fakePortd({ "/heartbeat": dead });
        show({ leases: [waiting] });
        await userEvent.click(button("Extend 8001"));
        expect((await screen.findByRole("alert")).textContent).toMatch(/nothing is known of what became of this.*before you try again/);
    });

    it("keeps an error that has not been read when its row leaves", async () => {
        fakePortd({ "/heartbeat": () => problem(404, "no-such-lease", "Port 8001 is not leased.") });
        const store = show({ leases: [waiting] });
        await userEvent.click(button("Extend 8001"));
        await screen.findByRole("alert");
        become(store, {});
        expect(within(screen.getByRole("region", { name: "What was just done" })).getByRole("alert").textContent).toBe("Port 8001 is not leased.");
    });

    it("tells an error that comes when its row has left already", async () => {
        let refuse: (answer: Response) => void = () => {};
        fakePortd({ "/heartbeat": () => new Promise<Response>((resolve) => (refuse = resolve)) });
        const store = show({ leases: [waiting] });
        await userEvent.click(button("Extend 8001"));
        become(store, {});
        refuse(problem(409, "lease-mismatch", "Port 8001 is another lease's now."));
        const edge = within(await screen.findByRole("region", { name: "What was just done" }));
        expect(edge.getByRole("alert").textContent).toBe("Port 8001 is another lease's now.");
    });

    it("does nothing on stale data, and says why", async () => {
        const portd = fakePortd({});
        show({ leases: [waiting] }, "reconnecting");
        const extend = button("Extend 8001");
        expect(extend.getAttribute("aria-disabled")).toBe("true");
        expect(extend.title).toMatch(/not live/);
        expect(document.getElementById(extend.getAttribute("aria-describedby")!)!.textContent).toMatch(/not live/);
        await userEvent.click(extend);
        expect(portd.posts()).toEqual([]);
        expect(button("Copy port 8001").getAttribute("aria-disabled")).toBeNull();
    });

    it("does not do what the caller may not", async () => {
        const portd = fakePortd({});
        show({ leases: [lease(8001, { uid: 1001, user: "bob" })] });
        await userEvent.click(button("Release… 8001"));
        expect(button("Release… 8001").title).toMatch(/bob's/);
        expect(portd.posts()).toEqual([]);
        expect(screen.queryByRole("dialog")).toBeNull();
    });

    it("asks once, however often it is pressed meanwhile", async () => {
        const portd = fakePortd({ "/heartbeat": () => new Promise<Response>(() => {}) });
        show({ leases: [waiting] });
        await userEvent.dblClick(button("Extend 8001"));
        expect(button("Extend 8001").getAttribute("aria-busy")).toBe("true");
        expect(portd.posts()).toHaveLength(1);
    });

    it("opens a page of its own", () => {
        fakePortd({});
        show({ leases: [lease(8001, { state: "bound", evidence: "confirmed" })], listeners: [listener(8001)] });
        const link = screen.getByRole<HTMLAnchorElement>("link", { name: "Open 8001" });
        expect([link.href, link.target, link.rel]).toEqual(["http://localhost:8001/", "_blank", "noopener noreferrer"]);
    });

    it("confirms and disowns the process and the lease that were shown, ignores and counts again", async () => {
        const portd = fakePortd({ "/claim": () => ({}), "/disown": () => ({}), "/ignore": () => ({}) });
        const plausible = listener(8001, { evidence: { level: "plausible", by: "uid", words: "w" } });
        const squat = squatted(8002);
        show({
            leases: [lease(8001, { state: "bound", evidence: "plausible" }), squat.lease],
            listeners: [plausible, squat.listener],
            squatters: [squat.finding],
        });
        await userEvent.click(button("Confirm 8001"));
        await userEvent.click(button("Disown 8001"));
        await userEvent.click(button("It is my-api's 8002"));
        await userEvent.click(button("Ignore 8002"));
        expect(portd.posts()).toEqual([
            { path: "/claim", body: { port: 8001, id: 1001, service_name: "my-api", pid: 48213 } },
            { path: "/disown", body: { port: 8001, id: 1001, pid: 48213 } },
            { path: "/claim", body: { port: 8002, id: 1002, service_name: "my-api", pid: 48213 } },
            { path: "/ignore", body: { port: 8002, ignored: true } },
        ]);
    });

    it("tells an error in the browser's top layer where there is no room beside it", async () => {
        fakePortd({ "/heartbeat": () => problem(507, "not-stored", "It could not be stored.") });
        show({ leases: [waiting] }, "live", true);
        await userEvent.click(button("Extend 8001"));
        expect((await screen.findByRole("alert")).closest(".floating")).toBeInstanceOf(HTMLElement);
    });
});

describe("release", () => {
    it("is done at once, counts ten seconds, and is taken back by a new lease on the port", async () => {
        const portd = fakePortd({
            "/release": () => released(waiting),
            "/alloc": () => ({ port: 8001, lease: { ...waiting, id: 1002 }, notes: [] }),
        });
        show({ leases: [waiting] });
        await userEvent.click(button("Release 8001"));
        expect(portd.posts()).toEqual([{ path: "/release", body: { port: 8001, id: 1001 } }]);
        const bar = within(await screen.findByRole("group", { name: "Released port 8001" }));
        expect(bar.getByText("10 s")).toBeInstanceOf(HTMLElement);
        expect(bar.getByText("portctl alloc my-api --port 8001 --ttl 600s")).toBeInstanceOf(HTMLElement);
        await userEvent.click(bar.getByRole("button", { name: "Undo the release of 8001" }));
        expect(portd.posts()[1]).toEqual({
            path: "/alloc",
            body: { service_name: "my-api", ttl_seconds: 600, tags: ["dev"], project: "/home/ann/api", port: 8001 },
        });
        await waitFor(() => expect(screen.queryByRole("group", { name: "Released port 8001" })).toBeNull());
    });

    it("gives the new lease to the holder, or to nobody if that has ended", async () => {
        const held = lease(8001, { holder: { pid: 77 }, kept_by: "holder" });
        const portd = fakePortd({
            "/release": () => released(held),
            "/alloc": (body) =>
                body && "pid" in body ? problem(422, "invalid-pid", "There is no living process 77.") : { port: 8001, lease: lease(8001), notes: [] },
        });
        show({ leases: [held] });
        await userEvent.click(button("Release 8001"));
        await userEvent.click(await screen.findByRole("button", { name: "Undo the release of 8001" }));
        expect(
            portd
                .posts()
                .slice(1)
                .map((each) => each.body!["pid"]),
        ).toEqual([77, undefined]);
        expect(await screen.findByText(/is leased to my-api again: its holder \(pid 77\) has ended meanwhile/)).toBeInstanceOf(HTMLElement);
    });

    const serving = lease(8001, { state: "bound", evidence: "confirmed", kept_by: "listener", tags: ["dev"], ttl_seconds: 3600 });
    const server = listener(8001, { evidence: { level: "confirmed", by: "claim", words: "w" } });

    it("says that its server is a squatter now, and is taken back by a claim, since a bound port cannot be granted", async () => {
        const portd = fakePortd({
            "/release": () => released(serving, [server]),
            "/claim": () => ({ port: 8001, lease: lease(8001), created: true, listeners: [server] }),
        });
        show({ leases: [serving], listeners: [server] });
        await userEvent.click(button("Release 8001"));
        const bar = within(await screen.findByRole("group", { name: "Released port 8001" }));
        expect(bar.getByText(/python3 \(pid 48213\) still listens there, and is a squatter now/)).toBeInstanceOf(HTMLElement);
        expect(bar.getByText("portctl claim 8001 my-api --pid 48213")).toBeInstanceOf(HTMLElement);
        await userEvent.click(bar.getByRole("button", { name: "Undo the release of 8001" }));
        expect(portd.posts()[1]).toEqual({ path: "/claim", body: { port: 8001, service_name: "my-api", pid: 48213 } });
        expect((await bar.findByText(/is leased to my-api again/)).textContent).toMatch(/5m00s after its last renewal, not 1h00m; its tags are gone/);
    });

    it("is granted anew if the server has ended since", async () => {
        const portd = fakePortd({
            "/release": () => released(serving, [server]),
            "/claim": () => problem(404, "not-listening", "Nobody listens on port 8001."),
            "/alloc": () => ({ port: 8001, lease: serving, notes: [] }),
        });
        show({ leases: [serving], listeners: [server] });
        await userEvent.click(button("Release 8001"));
        await userEvent.click(await screen.findByRole("button", { name: "Undo the release of 8001" }));
        await waitFor(() => expect(portd.posts().map((each) => each.path)).toEqual(["/release", "/claim", "/alloc"]));
    });

    it("says in the problem's words why it cannot be taken back", async () => {
        fakePortd({ "/release": () => released(waiting), "/alloc": () => problem(409, "port-leased", "Port 8001 is leased to other (bob).") });
        show({ leases: [waiting] });
        await userEvent.click(button("Release 8001"));
        await userEvent.click(await screen.findByRole("button", { name: "Undo the release of 8001" }));
        const bar = within(screen.getByRole("group", { name: "Released port 8001" }));
        expect((await bar.findByRole("alert")).textContent).toBe("Port 8001 is leased to other (bob).");
        expect(bar.queryByRole("button", { name: /Undo/ })).toBeNull();
    });

    it("is taken back by Ctrl+Z, and by no single key", async () => {
        const portd = fakePortd({ "/release": () => released(waiting), "/alloc": () => ({ port: 8001, lease: waiting, notes: [] }) });
        show({ leases: [waiting] });
        await userEvent.click(button("Release 8001"));
        await screen.findByRole("group", { name: "Released port 8001" });
        await userEvent.keyboard("z");
        expect(portd.posts()).toHaveLength(1);
        await userEvent.keyboard("{Control>}z{/Control}");
        expect(portd.posts()[1]!.path).toBe("/alloc");
    });

    it("offers the way back for ten seconds, but waits while the focus is on it", async () => {
        vi.useFakeTimers({ shouldAdvanceTime: true });
        const user = userEvent.setup({ advanceTimers: (ms) => vi.advanceTimersByTime(ms) });
        fakePortd({ "/release": () => released(waiting) });
        show({ leases: [waiting] });
        await user.click(button("Release 8001"));
        const undo = await screen.findByRole("button", { name: "Undo the release of 8001" });
        act(() => undo.focus());
        act(() => vi.advanceTimersByTime(30_000));
        expect(screen.getByText("10 s")).toBeInstanceOf(HTMLElement);
        act(() => undo.blur());
        act(() => vi.advanceTimersByTime(4_000));
        expect(screen.getByText("6 s")).toBeInstanceOf(HTMLElement);
        act(() => vi.advanceTimersByTime(6_000));
        expect(screen.queryByRole("button", { name: /Undo/ })).toBeNull();
    });

    it("does not wait for ever: after a minute the way back is not offered any more, even under pointer and focus", async () => {
        vi.useFakeTimers({ shouldAdvanceTime: true });
        const user = userEvent.setup({ advanceTimers: (ms) => vi.advanceTimersByTime(ms) });
        const portd = fakePortd({ "/release": () => released(waiting) });
        show({ leases: [waiting] });
        await user.click(button("Release 8001"));
        const undo = await screen.findByRole("button", { name: "Undo the release of 8001" });
        await user.hover(undo);
        act(() => undo.focus());
        act(() => vi.advanceTimersByTime(54_000));
        expect(screen.getByText(/^[1-6] s$/)).toBeInstanceOf(HTMLElement);
        act(() => vi.advanceTimersByTime(6_000));
        expect(screen.queryByRole("button", { name: /Undo/ })).toBeNull();
        expect(await screen.findByText(/release of port 8001 can no longer be taken back/)).toBeInstanceOf(HTMLElement);
        await user.keyboard("{Control>}z{/Control}");
        expect(portd.posts()).toHaveLength(1);
    });

    it("hands the focus on to Undo when the button that was pressed leaves", async () => {
        fakePortd({ "/release": () => released(waiting) });
        const store = show({ leases: [waiting] });
        await userEvent.click(button("Release 8001"));
        const undo = await screen.findByRole("button", { name: "Undo the release of 8001" });
        become(store, {});
        await waitFor(() => expect(document.activeElement).toBe(undo));
    });

    it("asks first where it cannot be taken back: root's new lease would not be ann's", async () => {
        const portd = fakePortd({ "/release": () => released(waiting) });
        show({ leases: [waiting], caller: { uid: 0, user: "root", may_change_all: true } });
        await userEvent.click(button("Release… 8001"));
        const dialog = within(screen.getByRole("dialog", { name: "Release port 8001?" }));
        expect(document.activeElement).toBe(dialog.getByRole("button", { name: "Cancel" }));
        expect(portd.posts()).toEqual([]);
        await userEvent.click(dialog.getByRole("button", { name: "Release 8001" }));
        expect(portd.posts()).toEqual([{ path: "/release", body: { port: 8001, id: 1001 } }]);
        await waitFor(() => expect(screen.queryByRole("dialog")).toBeNull());
        expect(screen.queryByRole("button", { name: /Undo/ })).toBeNull();
    });
});

describe("useStartAction", () => {
    function Starter({ id, port }: { id: ActionId; port: number }) {
        const start = useStartAction();
        const rows = useRows();
        const caller = useMeta()!.caller;
        const row = rows.find((each) => each.port === port);
        const action = row ? actionsFor(row, caller).find((each) => each.id === id)! : leaseAction(port);
        return (
            <>
                <button type="button" onClick={() => start(action, port)}>
                    go
                </button>
                <ActionHost />
            </>
        );
    }

    it("leases a free port by its number", async () => {
        const portd = fakePortd({
            "/alloc": () => ({ port: 8003, lease: lease(8003, { service_name: "docs", ttl_seconds: 3600 }), notes: ["port 8003 is odd"] }),
        });
        renderWith(storeWith(), <Starter id="lease" port={8003} />);
        await userEvent.click(button("go"));
        await userEvent.type(screen.getByRole("textbox", { name: "Service" }), "docs");
        await userEvent.selectOptions(screen.getByRole("combobox", { name: /Lives for/ }), "an hour");
        expect(screen.getByText("portctl alloc docs --port 8003 --ttl 1h")).toBeInstanceOf(HTMLElement);
        await userEvent.keyboard("{Enter}");
        await userEvent.click(button("Lease 8003"));
        expect(portd.posts()[0]).toEqual({ path: "/alloc", body: { service_name: "docs", port: 8003, ttl_seconds: 3600 } });
        const dialog = within(await screen.findByRole("dialog", { name: "Port 8003 is leased" }));
        expect(dialog.getByText("PORT=8003")).toBeInstanceOf(HTMLElement);
        expect(dialog.getByText("port 8003 is odd")).toBeInstanceOf(HTMLElement);
    });

    it("says an error at the edge of the page, with what was asked", async () => {
        fakePortd({ "/heartbeat": () => problem(403, "not-yours", "It is not yours to change.") });
        renderWith(storeWith({ leases: [waiting] }), <Starter id="extend" port={8001} />);
        await userEvent.click(button("go"));
        const edge = within(await screen.findByRole("region", { name: "What was just done" }));
        expect(edge.getByText("Extend (port 8001)")).toBeInstanceOf(HTMLElement);
        expect(edge.getByRole("alert").textContent).toBe("It is not yours to change.");
    });

    it("changes nothing on stale data", async () => {
        const portd = fakePortd({});
        renderWith(storeWith({ leases: [waiting] }, "down"), <Starter id="extend" port={8001} />);
        await userEvent.click(button("go"));
        expect((await screen.findByRole("alert")).textContent).toMatch(/not live/);
        expect(portd.posts()).toEqual([]);
    });
});
