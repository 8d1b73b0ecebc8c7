import { describe, expect, it } from "vitest";
import { finding, lease, listener, owner, squatted, stateWith } from "../../test/samples.ts";
import type { Caller, Snapshot } from "../api/types.ts";
import { rowsOf, shownAt, type PortRow } from "../rows/rows.ts";
import { actionsFor, leaseAction, type ActionId } from "./actions.ts";
import { named } from "./parties.ts";
import { portctl, quoteWord } from "./shell.ts";

const ann: Caller = { uid: 1000, user: "ann", may_change_all: false };
const bob: Caller = { uid: 1001, user: "bob", may_change_all: false };
const root: Caller = { uid: 0, user: "root", may_change_all: true };

function rowOf(change: Partial<Snapshot>, port = 8001): PortRow {
    const state = stateWith(change);
    return rowsOf(state.ports, state.meta).find((row) => row.port === port)!;
}

const plausible = { level: "plausible", by: "uid", words: "it is of the lease's user, and nothing better is known" } as const;
const foreign = { level: "foreign", by: "older", words: "it was there before the lease was granted" } as const;
const own = { level: "confirmed", by: "holder", words: "it is the lease's holder" } as const;

const squat = squatted(8001);
const squattedRow = rowOf({ leases: [squat.lease], listeners: [squat.listener], squatters: [squat.finding] });
const unleasedRow = rowOf({ listeners: [listener(8001)], squatters: [finding(8001)] });
const boundRow = rowOf({
    leases: [lease(8001, { state: "bound", evidence: "confirmed", kept_by: "listener" })],
    listeners: [listener(8001, { evidence: own })],
});
const unconfirmedRow = rowOf({
    leases: [lease(8001, { state: "bound", evidence: "plausible", kept_by: "listener" })],
    listeners: [listener(8001, { evidence: plausible })],
});

function ids(row: PortRow, caller = ann): ActionId[] {
    return actionsFor(row, caller).map((action) => action.id);
}

function the(id: ActionId, row: PortRow, caller = ann) {
    return actionsFor(row, caller).find((action) => action.id === id)!;
}

describe("actionsFor", () => {
    const waiting = rowOf({ leases: [lease(8001)] });
    const cases: [string, PortRow, ActionId[]][] = [
        ["waiting", waiting, ["copy"]],
        ["in use", boundRow, ["open", "copy", "release"]],
        ["expiring", shownAt(waiting, waiting.expiringFrom!), ["extend"]],
        ["on another port", rowOf({ leases: [lease(8001, { state: "elsewhere", elsewhere_port: 5173, kept_by: "holder" })] }), ["explain"]],
        ["squatted", squattedRow, ["explain", "move", "stop"]],
        [
            "shared",
            rowOf({
                leases: [lease(8001, { state: "conflict", conflict: "shared" })],
                listeners: [listener(8001, { evidence: foreign }), listener(8001, { inode: 2, evidence: own })],
            }),
            ["explain"],
        ],
        ["stopped", rowOf({ leases: [lease(8001, { state: "silent" })] }), ["release", "extend"]],
        ["in use?", unconfirmedRow, ["confirm", "disown"]],
        ["unleased", unleasedRow, ["claim"]],
        [
            "hidden",
            rowOf({ listeners: [listener(5000, { owners: [], hidden: { reason: "other-user", why: "w", remedy: "r" } })] }, 5000),
            ["explain"],
        ],
    ];
    it.each(cases)("begins with what %s asks for", (_state, row, first) => {
        expect(ids(row).slice(0, first.length)).toEqual(first);
    });

    it("offers to ignore a squatter, and to count it again", () => {
        expect(ids(squattedRow)).toContain("ignore");
        const ignored = rowOf({ listeners: [listener(8001)], squatters: [finding(8001, { ignored: true })] });
        expect(ids(ignored)).toContain("unignore");
        expect(ids(ignored)).not.toContain("ignore");
        expect(the("unignore", ignored).command).toBe("portctl ignore 8001 --undo");
    });

    it("extends only what its time keeps", () => {
        expect(ids(waiting)).toContain("extend");
        expect(ids(rowOf({ leases: [lease(8001, { kept_by: "holder" })] }))).not.toContain("extend");
    });

    it("says why the caller may not", () => {
        expect(the("release", waiting, bob).refused).toMatch(/lease is ann's/);
        expect(the("claim", unleasedRow, bob).refused).toMatch(/python3 \(pid 48213\) is ann's/);
        expect(the("stop", unleasedRow, bob).refused).toMatch(/only that user and root may stop it/);
        expect(actionsFor(squattedRow, ann).every((action) => action.refused === null)).toBe(true);
    });

    it("lets portd's own user change all leases, but stop no other user's process", () => {
        const operator: Caller = { ...bob, may_change_all: true };
        expect(the("release", waiting, operator).refused).toBeNull();
        expect(the("claim", unleasedRow, operator).refused).toBeNull();
        expect(the("stop", unleasedRow, operator).refused).not.toBeNull();
        expect(the("stop", unleasedRow, root).refused).toBeNull();
    });

    it("judges a stop by the process that it names, not by the caller's own server beside it", () => {
        const squatter = listener(8001, {
            inode: 1,
            uid: 0,
            user: "root",
            evidence: foreign,
            owners: [owner({ pid: 7, process: "rooted", uid: 0, user: "root" })],
        });
        const change = { leases: [squat.lease], squatters: [finding(8001, { kind: "shared" as const, listeners: [squatter] })] };
        const split = rowOf({ ...change, listeners: [listener(8001, { inode: 2, evidence: own }), squatter] });
        expect(the("stop", split).label).toBe("Stop rooted…");
        expect(the("stop", split).refused).toBe("rooted (pid 7) is root's: only that user and root may stop it.");
        expect(the("stop", split, root).refused).toBeNull();
    });

    it("stops one's own process of a socket that another user's has open, too", () => {
        const both = listener(8001, { owners: [owner({ pid: 7, uid: 0, user: "root" }), owner({ pid: 8 })] });
        const row = rowOf({ listeners: [both], squatters: [finding(8001, { listeners: [both] })] });
        expect(the("stop", row).refused).toBeNull();
        expect(the("stop", row, bob).refused).toMatch(/is root's/);
    });

    it("gives no service of another user a port of the caller's", () => {
        expect(the("move", squattedRow, root).refused).toMatch(/would be yours/);
    });

    it("stops nobody who is hidden, and tells what would show him", () => {
        const hidden = listener(8001, { owners: [], hidden: { reason: "other-user", why: "portd may not look", remedy: "run portd as root" } });
        const row = rowOf({ listeners: [hidden], squatters: [finding(8001, { listeners: [hidden] })] });
        expect(the("stop", row).refused).toBe("The process is hidden: portd may not look. To see it: run portd as root.");
    });

    it("stops nobody who does not listen", () => {
        const bound = listener(8001, { state: "bound" });
        const row = rowOf({ listeners: [bound], squatters: [finding(8001, { kind: "inactive", listeners: [bound] })] });
        expect(the("stop", row).refused).toMatch(/only bound/);
        expect(ids(row)).not.toContain("claim");
    });

    it("disowns no holder", () => {
        expect(ids(boundRow)).not.toContain("disown");
    });

    it("means the squatter's process where two parties have the port", () => {
        const stranger = listener(8001, { inode: 1, owners: [owner({ pid: 7 })], evidence: foreign });
        const row = rowOf({
            leases: [lease(8001, { state: "conflict", conflict: "shared" })],
            listeners: [listener(8001, { inode: 2, evidence: plausible }), stranger],
            squatters: [finding(8001, { kind: "shared", listeners: [stranger] })],
        });
        expect(the("confirm", row).command).toBe("portctl claim 8001 --pid 7");
        expect(the("disown", row).command).toBe("portctl disown 8001 --pid 48213");
        expect(the("stop", row).command).toBe("portctl stop 8001 --pid 7");
    });

    it("names the process also where it is alone on the port, unless it is hidden or several are meant", () => {
        expect(the("confirm", squattedRow).command).toBe("portctl claim 8001 --pid 48213");
        const claimOf = (change: Parameters<typeof squatted>[1], more: Snapshot["listeners"] = []) => {
            const other = squatted(8001, change);
            const both = { ...other.finding, listeners: [other.listener, ...more] };
            return the("confirm", rowOf({ leases: [other.lease], listeners: both.listeners, squatters: [both] }), root).command;
        };
        expect(claimOf({}, [listener(8001, { inode: 2, address: "::1", family: "ipv6", evidence: foreign })])).toBe("portctl claim 8001 --pid 48213");
        expect(claimOf({ listener: { owners: [] } })).toBe("portctl claim 8001");
        expect(claimOf({}, [listener(8001, { inode: 2, owners: [owner({ pid: 7 })], evidence: foreign })])).toBe("portctl claim 8001");
    });

    it("asks before a release that cannot be taken back", () => {
        expect(the("release", waiting, ann).label).toBe("Release");
        expect(the("release", waiting, root).label).toBe("Release…");
    });

    it("shortens a process's name, and isolates one that runs from right to left", () => {
        const row = rowOf({ listeners: [listener(8001, { owners: [owner({ process: "x".repeat(4096) })] })], squatters: [finding(8001)] });
        const squatter = { ...row, findings: [] };
        expect(the("stop", squatter).label).toBe(`Stop ${"x".repeat(23)}…`);
        expect(named("שלום")).toBe("\u2068שלום\u2069");
    });
});

describe("the lines of portctl", () => {
    it("are those that do the same", () => {
        expect(the("extend", rowOf({ leases: [lease(8001)] })).command).toBe("portctl renew 8001");
        expect(the("release", squattedRow).command).toBe("portctl release 8001");
        expect(the("move", squattedRow).command).toBe("portctl alloc my-api --prefer 8002");
        expect(the("stop", squattedRow).command).toBe("portctl stop 8001");
        expect(the("ignore", squattedRow).command).toBe("portctl ignore 8001");
        expect(the("disown", unconfirmedRow).command).toBe("portctl disown 8001 --pid 48213");
        expect(leaseAction(8003).command).toBe("portctl alloc NAME --port 8003");
        expect(portctl.claim(8005, "docs")).toBe("portctl claim 8005 docs");
        expect(portctl.stop(8001, 7, "KILL")).toBe("portctl stop 8001 --pid 7 --signal KILL");
    });

    it("quote what a shell would take apart", () => {
        expect(quoteWord("my-api")).toBe("my-api");
        expect(quoteWord("it's $(rm -rf ~)")).toBe("'it'\\''s $(rm -rf ~)'");
        expect(quoteWord("")).toBe("''");
    });

    it("keep a name that begins with a dash from being an option", () => {
        expect(portctl.allocAnother("-x", 8002)).toBe("portctl alloc --prefer 8002 -- -x");
        expect(portctl.claim(8001, "-x", 7)).toBe("portctl claim --pid 7 -- 8001 -x");
    });
});
