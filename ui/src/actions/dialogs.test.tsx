import { screen, waitFor, within } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { afterEach, describe, expect, it, vi } from "vitest";
import { become, dead, fakePortd, problem } from "../../test/portd.ts";
import { renderWith } from "../../test/render.tsx";
import { finding, lease, listener, owner, squatted, storeWith } from "../../test/samples.ts";
import type { Snapshot } from "../api/types.ts";
import type { LiveStore } from "../live/store.ts";
import { useMeta, useRows } from "../live/use-live.ts";
import { ActionButton, ActionHost } from "./action-button.tsx";
import { actionsFor, type ActionId } from "./actions.ts";
import { suggestName } from "./claim-dialog.tsx";

afterEach(() => vi.unstubAllGlobals());

function One({ id, port }: { id: ActionId; port: number }) {
    const row = useRows().find((each) => each.port === port);
    const caller = useMeta()!.caller;
    const action = row && actionsFor(row, caller).find((each) => each.id === id);
    return (
        <>
            {row && action && <ActionButton row={row} action={action} />}
            <ActionHost />
        </>
    );
}

const inside = () => within(screen.getByRole("dialog"));

async function open(id: ActionId, change: Partial<Snapshot>, port = 8001): Promise<{ store: LiveStore; dialog: ReturnType<typeof inside> }> {
    const store = storeWith(change);
    renderWith(store, <One id={id} port={port} />);
    await userEvent.click(screen.getByRole("button", { name: new RegExp(`${port}$`) }));
    return { store, dialog: inside() };
}

const stopped = (change: object = {}) => ({
    port: 8001,
    pid: 48213,
    process: "python3",
    signal: "TERM",
    freed: true,
    ended: true,
    listeners: [],
    ...change,
});

describe("the stop dialog", () => {
    const squat = squatted(8001);
    const scene: Partial<Snapshot> = { leases: [squat.lease], listeners: [squat.listener], squatters: [squat.finding] };
    const sent = { port: 8001, pid: 48213, start_time: 123456, inode: 708001, signal: "TERM" };

    it("names process, pid, user, start, command, port and what it will do", async () => {
        fakePortd({});
        const { dialog } = await open("stop", scene);
        expect(screen.getByRole("dialog").getAttribute("aria-labelledby")).toBe(
            dialog.getByRole("heading", { name: "Stop python3 on port 8001?" }).id,
        );
        const facts = dialog.getAllByRole("term").map((term) => `${term.textContent}: ${term.nextElementSibling!.textContent}`);
        expect(facts.filter((fact) => !fact.startsWith("Started"))).toEqual([
            "Process: python3",
            "Pid: 48213",
            "User: ann",
            "Command: python3 -m http.server 8001",
            "Port: 8001, on 127.0.0.1:8001",
        ]);
        expect(facts.find((fact) => fact.startsWith("Started"))).toMatch(/ago$/);
        expect(dialog.getByRole("radio", { name: /TERM: asks python3 to end/ })).toHaveProperty("checked", true);
        expect(dialog.getByText("portctl stop 8001")).toBeInstanceOf(HTMLElement);
    });

    it("begins with the focus on Cancel, and Enter alone stops nobody", async () => {
        const portd = fakePortd({});
        const { dialog } = await open("stop", scene);
        expect(document.activeElement).toBe(dialog.getByRole("button", { name: "Cancel" }));
        await userEvent.keyboard("{Enter}");
        expect(screen.queryByRole("dialog")).toBeNull();
        await userEvent.click(screen.getByRole("button", { name: /^Stop/ }));
        screen.getByRole("radio", { name: /KILL/ }).focus();
        await userEvent.keyboard("{Enter}");
        expect(portd.posts()).toEqual([]);
    });

    it("sends what it showed, and closes when the port is free", async () => {
        const portd = fakePortd({ "/stop": () => stopped() });
        const { dialog } = await open("stop", scene);
        await userEvent.click(dialog.getByRole("button", { name: "Send TERM" }));
        expect(portd.posts()).toEqual([{ path: "/stop", body: sent }]);
        await waitFor(() => expect(screen.queryByRole("dialog")).toBeNull());
    });

    it("sends what it showed when it was opened even when another process has the port since: portd refuses, and nothing is signalled", async () => {
        const portd = fakePortd({ "/stop": () => problem(409, "stale-process", "The process 48213 that was seen on port 8001 has ended.") });
        const { store, dialog } = await open("stop", scene);
        const other = squatted(8001, { listener: { inode: 5, owners: [owner({ pid: 60000, process: "nginx" })] } });
        become(store, { leases: [other.lease], listeners: [other.listener], squatters: [other.finding] });
        expect(dialog.getByRole("status").textContent).toMatch(/has changed since this was opened: it is nginx \(pid 60000\) now/);
        expect(dialog.getByText("48213")).toBeInstanceOf(HTMLElement);
        await userEvent.click(dialog.getByRole("button", { name: "Send TERM" }));
        expect(portd.posts()).toEqual([{ path: "/stop", body: sent }]);
        expect((await dialog.findByRole("alert")).textContent).toMatch(/has ended/);
        expect(dialog.getByText(/Nothing was signalled/)).toBeInstanceOf(HTMLElement);
        await userEvent.click(dialog.getByRole("button", { name: "Show what is there now" }));
        const again = within(screen.getByRole("dialog"));
        expect(again.getByText("60000")).toBeInstanceOf(HTMLElement);
        expect(again.queryByRole("alert")).toBeNull();
    });

    it("notices another process of the same pid", async () => {
        fakePortd({});
        const { store, dialog } = await open("stop", scene);
        const other = squatted(8001, { listener: { owners: [owner({ pidfd_inode: 9999 })] } });
        become(store, { leases: [other.lease], listeners: [other.listener], squatters: [other.finding] });
        expect(dialog.getByRole("status").textContent).toMatch(/has changed/);
    });

    it("says nothing of a change that does not touch what it shows", async () => {
        fakePortd({});
        const { store, dialog } = await open("stop", scene);
        become(store, { ...scene, leases: [{ ...squat.lease, last_heartbeat: "2026-01-02T03:05:00.000Z" }] });
        expect(dialog.queryByRole("status")).toBeNull();
    });

    it("stays open when the process has not ended, and can then send KILL", async () => {
        const portd = fakePortd({
            "/stop": (body) => (body!["signal"] === "TERM" ? stopped({ freed: false, ended: false }) : stopped({ signal: "KILL" })),
        });
        const { dialog } = await open("stop", scene);
        await userEvent.click(dialog.getByRole("button", { name: "Send TERM" }));
        expect((await dialog.findByRole("alert")).textContent).toMatch(/got TERM a second ago and has not ended/);
        await userEvent.click(dialog.getByRole("radio", { name: /KILL/ }));
        expect(dialog.getByText("portctl stop 8001 --signal KILL")).toBeInstanceOf(HTMLElement);
        await userEvent.click(dialog.getByRole("button", { name: "Send KILL" }));
        expect(portd.posts()[1]!.body!["signal"]).toBe("KILL");
        await waitFor(() => expect(screen.queryByRole("dialog")).toBeNull());
    });

    it("says who else is there when the process has ended and the port is not free", async () => {
        fakePortd({ "/stop": () => stopped({ freed: false, listeners: [listener(8001, { owners: [owner({ pid: 9, process: "nginx" })] })] }) });
        const { dialog } = await open("stop", scene);
        await userEvent.click(dialog.getByRole("button", { name: "Send TERM" }));
        expect((await dialog.findByRole("alert")).textContent).toMatch(/has ended, but port 8001 is not free: nginx \(pid 9\) listens on it/);
    });

    it("says that it is not known what became of it when portd went away", async () => {
        fakePortd({ "/stop": dead });
        const { dialog } = await open("stop", scene);
        await userEvent.click(dialog.getByRole("button", { name: "Send TERM" }));
        expect((await dialog.findByRole("alert")).textContent).toMatch(/nothing is known of what became of this/);
    });

    it("sends nothing while the data is stale", async () => {
        const portd = fakePortd({});
        const { store, dialog } = await open("stop", scene);
        become(store, scene, "reconnecting");
        const send = dialog.getByRole("button", { name: "Send TERM" });
        expect(send.getAttribute("aria-disabled")).toBe("true");
        await userEvent.click(send);
        expect(portd.posts()).toEqual([]);
    });

    it("begins with the process that the button named though it is another user's, and lets choose one's own by hand", async () => {
        const portd = fakePortd({ "/stop": () => stopped() });
        const shared = listener(8001, {
            inode: 2,
            owners: [
                owner({ pid: 1, process: "bobs", uid: 1001, user: "bob" }),
                owner({ pid: 2, process: "alpha" }),
                owner({ pid: 3, process: "beta", start_time: 77 }),
            ],
        });
        const { dialog } = await open("stop", { listeners: [shared], squatters: [finding(8001, { listeners: [shared] })] });
        const bobs = dialog.getByRole<HTMLInputElement>("radio", { name: /^bobs / });
        expect([bobs.disabled, bobs.checked]).toEqual([true, true]);
        expect(dialog.getByText("It is bob's: only that user and root may stop it.")).toBeInstanceOf(HTMLElement);
        await userEvent.click(dialog.getByRole("button", { name: "Send TERM" }));
        expect(portd.posts()).toEqual([]);
        await userEvent.click(dialog.getByRole("radio", { name: /^beta / }));
        await userEvent.click(dialog.getByRole("button", { name: "Send TERM" }));
        expect(portd.posts()[0]!.body).toEqual({ port: 8001, pid: 3, start_time: 77, inode: 2, signal: "TERM" });
    });
});

describe("the claim dialog", () => {
    const scene: Partial<Snapshot> = { listeners: [listener(8005)], squatters: [finding(8005)] };

    it("suggests a name, and claims by Enter", async () => {
        const portd = fakePortd({ "/claim": () => ({ port: 8005, lease: lease(8005, { service_name: "docs" }), created: true, listeners: [] }) });
        const { dialog } = await open("claim", scene, 8005);
        const name = dialog.getByRole<HTMLInputElement>("textbox", { name: "Service" });
        expect(name.value).toBe("demo");
        expect(document.activeElement).toBe(name);
        await userEvent.clear(name);
        await userEvent.type(name, "docs");
        expect(dialog.getByText("portctl claim 8005 docs --pid 48213")).toBeInstanceOf(HTMLElement);
        await userEvent.keyboard("{Enter}");
        expect(portd.posts()).toEqual([{ path: "/claim", body: { port: 8005, service_name: "docs", pid: 48213 } }]);
        await waitFor(() => expect(screen.queryByRole("dialog")).toBeNull());
    });

    it("wants a name, and keeps what was typed when portd refuses it", async () => {
        const portd = fakePortd({ "/claim": () => problem(409, "port-leased", "Port 8005 is leased to other (bob).") });
        const { dialog } = await open("claim", scene, 8005);
        const name = dialog.getByRole<HTMLInputElement>("textbox", { name: "Service" });
        await userEvent.clear(name);
        await userEvent.keyboard("{Enter}");
        expect(dialog.getByRole("alert").textContent).toMatch(/needs a name/);
        expect(portd.posts()).toEqual([]);
        await userEvent.type(name, "docs{Enter}");
        expect((await dialog.findByText("Port 8005 is leased to other (bob).")).closest("[role=alert]")).toBeInstanceOf(HTMLElement);
        expect(name.value).toBe("docs");
    });

    it("can mean one of two parties", async () => {
        const portd = fakePortd({ "/claim": () => ({ port: 8005, lease: lease(8005), created: true, listeners: [] }) });
        const two = [listener(8005), listener(8005, { inode: 9, family: "ipv6", address: "::1", owners: [owner({ pid: 7, process: "node" })] })];
        const { dialog } = await open("claim", { listeners: two, squatters: [finding(8005, { listeners: two })] }, 8005);
        await userEvent.selectOptions(dialog.getByRole("combobox", { name: "Whose listeners" }), "node (pid 7)");
        await userEvent.click(dialog.getByRole("button", { name: "Claim 8005" }));
        expect(portd.posts()[0]!.body).toEqual({ port: 8005, service_name: "demo", pid: 7 });
    });

    it("claims the process that it showed and no other, and says that another listens there now", async () => {
        const portd = fakePortd({ "/claim": () => problem(404, "not-listening", "Process 48213 does not listen on port 8005.") });
        const { store, dialog } = await open("claim", scene, 8005);
        expect(dialog.queryByRole("status")).toBeNull();
        const other = listener(8005, { inode: 5, owners: [owner({ pid: 60000, process: "nginx", directory: "/srv/shop" })] });
        become(store, { listeners: [other], squatters: [finding(8005, { listeners: [other] })] });
        expect(dialog.getByRole("status").textContent).toMatch(/has changed since this was opened: nginx \(pid 60000\) listens there now/);
        await userEvent.click(dialog.getByRole("button", { name: "Claim 8005" }));
        expect(portd.posts()).toEqual([{ path: "/claim", body: { port: 8005, service_name: "demo", pid: 48213 } }]);
        expect((await dialog.findByRole("alert")).textContent).toMatch(/does not listen on port 8005/);
        await userEvent.click(dialog.getByRole("button", { name: "Show what is there now" }));
        const again = inside();
        expect(again.getByText(/nginx \(pid 60000\) of ann listens/)).toBeInstanceOf(HTMLElement);
        expect(again.getByRole<HTMLInputElement>("textbox").value).toBe("shop");
        expect(again.queryByRole("alert")).toBeNull();
    });

    it("notices that nobody listens any more, and another process of the same pid", async () => {
        fakePortd({});
        const { store, dialog } = await open("claim", scene, 8005);
        const other = listener(8005, { owners: [owner({ start_time: 9 })] });
        become(store, { listeners: [other], squatters: [finding(8005, { listeners: [other] })] });
        expect(dialog.getByRole("status").textContent).toMatch(/has changed/);
        become(store, {});
        expect(dialog.getByRole("status").textContent).toMatch(/python3 \(pid 48213\) does not listen on port 8005 any more/);
    });

    it("claims no more than it showed where it means all that listen", async () => {
        const portd = fakePortd({});
        const two = [listener(8005), listener(8005, { inode: 9, family: "ipv6", address: "::1", owners: [owner({ pid: 7, process: "node" })] })];
        const { store, dialog } = await open("claim", { listeners: two, squatters: [finding(8005, { listeners: two })] }, 8005);
        const three = [...two, listener(8005, { inode: 10, owners: [owner({ pid: 8, process: "late" })] })];
        become(store, { listeners: three, squatters: [finding(8005, { listeners: three })] });
        expect(dialog.getByRole("status").textContent).toMatch(/late \(pid 8\) listens there now/);
        await userEvent.type(dialog.getByRole("textbox"), "{Enter}");
        await userEvent.click(dialog.getByRole("button", { name: "Claim 8005" }));
        expect(portd.posts()).toEqual([]);
        await userEvent.selectOptions(dialog.getByRole("combobox", { name: "Whose listeners" }), "node (pid 7)");
        expect(dialog.queryByRole("status")).toBeNull();
    });

    it("suggests no home, no shared directory, and nothing that portd would not take", () => {
        const at = (directory: string | null, process = "node") => suggestName(listener(1, { owners: [owner({ directory, process })] }));
        expect([at("/home/ann"), at("/root"), at("/tmp"), at("/"), at(null)]).toEqual(["node", "node", "node", "node", "node"]);
        expect(at("/srv/shop")).toBe("shop");
        expect(at(`/srv/${"é".repeat(100)}`)).toBe("é".repeat(64));
        expect(at(null, "a\u001b[31mb")).toBe("a[31mb");
        expect(suggestName(undefined)).toBe("");
    });
});

describe("the dialog for another port", () => {
    const squat = squatted(8001, { lease: { tags: ["dev"], ttl_seconds: 900 } });
    const taken = lease(8002, { service_name: "other" });
    const scene: Partial<Snapshot> = { leases: [squat.lease, taken], listeners: [squat.listener], squatters: [squat.finding] };
    const granted = { port: 8003, lease: lease(8003, { ttl_seconds: 900 }), notes: ["port 8003 was preferred, but is leased"] };

    it("asks for the next port that nobody has, tells what the service has to be told, and offers to release the old lease", async () => {
        const portd = fakePortd({
            "/alloc": () => granted,
            "/release": () => ({ port: 8001, id: 1001, service_name: "my-api", released: true, listeners: [squat.listener] }),
        });
        const { dialog } = await open("move", scene);
        expect(dialog.getByText("portctl alloc my-api --prefer 8003")).toBeInstanceOf(HTMLElement);
        await userEvent.click(dialog.getByRole("button", { name: "Lease another port" }));
        expect(portd.posts()[0]).toEqual({ path: "/alloc", body: { service_name: "my-api", ttl_seconds: 900, tags: ["dev"], prefer: 8003 } });
        const after = within(await screen.findByRole("dialog", { name: "Port 8003 is leased" }));
        expect(after.getByText("PORT=8003")).toBeInstanceOf(HTMLElement);
        expect(after.getByText(granted.notes[0]!)).toBeInstanceOf(HTMLElement);
        await userEvent.click(after.getByRole("button", { name: "Release 8001" }));
        expect(portd.posts()[1]).toEqual({ path: "/release", body: { port: 8001, id: 1001 } });
        expect(await screen.findByRole("group", { name: "Released port 8001" })).toBeInstanceOf(HTMLElement);
    });

    it("says in the dialog that the old lease has changed under it", async () => {
        fakePortd({
            "/alloc": () => granted,
            "/release": () => problem(409, "lease-mismatch", "Port 8001 is not lease 1001: it is lease 1009, of other."),
        });
        const { dialog } = await open("move", scene);
        await userEvent.click(dialog.getByRole("button", { name: "Lease another port" }));
        const after = within(await screen.findByRole("dialog", { name: "Port 8003 is leased" }));
        await userEvent.click(after.getByRole("button", { name: "Release 8001" }));
        expect((await after.findByRole("alert")).textContent).toMatch(/is not lease 1001/);
    });

    it("takes any port, and refuses what is none", async () => {
        const portd = fakePortd({ "/alloc": () => granted });
        const { dialog } = await open("move", scene);
        const port = dialog.getByRole("textbox", { name: /This port, if it can be had/ });
        await userEvent.clear(port);
        await userEvent.type(port, "70000{Enter}");
        expect(dialog.getByRole("alert").textContent).toMatch(/"70000" is no port/);
        expect(portd.posts()).toEqual([]);
        await userEvent.clear(port);
        expect(dialog.getByText("portctl alloc my-api")).toBeInstanceOf(HTMLElement);
        await userEvent.keyboard("{Enter}");
        expect(portd.posts()[0]!.body).not.toHaveProperty("prefer");
    });
});
