import { describe, expect, it } from "vitest";
import type { Snapshot } from "../api/types.ts";
import { rowsOf, type PortRow } from "../rows/rows.ts";
import { finding, lease, listener, NOW, owner, squatted, stateWith } from "../../test/samples.ts";
import { filterKeys, parseFilter } from "./filter.ts";
import { nearest } from "./nearest.ts";
import { quoteValue, readTerms } from "./terms.ts";

const taken = squatted(8001, { lease: { service_name: "my-api", user: "ann", uid: 1000 } });
const theirs = owner({ pid: 500, process: "node", command: "node server.js --mode=dev", user: "bob", uid: 1001 });

const world: Partial<Snapshot> = {
    leases: [
        taken.lease,
        lease(8002, { state: "bound", service_name: "web shop", project: "Shop", tags: ["team=red", "test"] }),
        lease(8003, { state: "bound", evidence: "plausible", service_name: "db", user: "bob", uid: 1001, holder: { pid: 77 } }),
        lease(8050, { state: "pending", service_name: "soon", expires_in_seconds: 70 }),
        lease(8100, { state: "elsewhere", elsewhere_port: 5173, service_name: "vite" }),
    ],
    listeners: [
        taken.listener,
        listener(8002, { owners: [owner({ pid: 300, process: "Shopd", command: "shopd" })] }),
        listener(8003, { owners: [theirs], user: "bob", uid: 1001 }),
        listener(8080, { owners: [theirs], user: "bob", uid: 1001 }),
        listener(22, { owners: [], user: "root", uid: 0, hidden: { reason: "other-user", why: "", remedy: "" } }),
    ],
    squatters: [taken.finding, finding(8080, { ignored: true, listeners: [listener(8080, { owners: [theirs], user: "bob", uid: 1001 })] })],
    conflicts: [taken.finding],
};

function rowsWith(change: Partial<Snapshot> = world): readonly PortRow[] {
    const state = stateWith(change);
    return rowsOf(state.ports, state.meta);
}

function found(text: string, now = NOW, me: number | null = 1000): number[] {
    const filter = parseFilter(text, me);
    return rowsWith()
        .filter((row) => filter.matches(row, now))
        .map((row) => row.port);
}

const everything = [22, 8001, 8002, 8003, 8050, 8080, 8100];

describe("terms", () => {
    it("are parted by blanks, negated by a minus, kept together by quotes", () => {
        expect(readTerms(`  port:8001 -User:"ann b"  text -"a: \\"b\\" " un"clo sed`)).toEqual([
            { negated: false, key: "port", value: "8001", quoted: false },
            { negated: true, key: "user", value: "ann b", quoted: true },
            { negated: false, key: null, value: "text", quoted: false },
            { negated: true, key: null, value: 'a: "b" ', quoted: true },
            { negated: false, key: null, value: "unclo sed", quoted: true },
        ]);
    });
    it("take an address for its port", () => {
        for (const text of ["http://localhost:8001/x?y", "127.0.0.1:8001", "[::1]:8001", "*:8001"])
            expect(readTerms(text)).toEqual([{ negated: false, key: "port", value: "8001", quoted: false }]);
    });
    it("read a quoted value back as it was", () => {
        for (const value of ["plain", "two words", 'a "quote"', "back\\slash", "-minus", "co:lon", ""])
            expect(readTerms(`tag:${quoteValue(value)}`)[0]).toMatchObject({ key: "tag", value, negated: false });
    });
});

describe("a filter", () => {
    it.each([
        ["", everything],
        ["port:8001", [8001]],
        ["port:8000-8003", [8001, 8002, 8003]],
        ["port:8080-", [8080, 8100]],
        ["state:squatted", [8001]],

        ["state:SQUAT", [8001]],
        ['state:"in use"', [8002]],
        ['state:"in use?"', [8003]],
        ["state:unconfirmed", [8003]],
        ["state:in-use,-but", [8100]],
        ["state:stopped", []],
        ["user:ann", [8001, 8002, 8050, 8100]],
        ["user:bob", [8003, 8080]],
        ["user:1001", [8003, 8080]],
        ["-user:ann", [22, 8003, 8080]],
        ["service:API", [8001]],
        ['service:"web shop"', [8002]],
        ["process:shopd", [8002]],
        ["pid:500", [8003, 8080]],
        ["pid:77", [8003]],
        ["pid:50", []],
        ["project:shop", [8002]],
        ["tag:team=red", [8002]],
        ["tag:tea", [8002]],
        ["tag:red", []],
        ["is:conflict", [8001]],
        ["is:leased", [8001, 8002, 8003, 8050, 8100]],
        ["is:ignored", [8080]],
        ["is:mine", [8001, 8002, 8050, 8100]],
        ["800", [8001, 8002, 8003]],
        ["050", []],
        ["SERVER.js", [8003, 8080]],
        ['"--mode=dev"', [8003, 8080]],
        ["http.server", [8001]],
        ["root", [22]],
        ["node db", [8003]],
        ["node -db", [8080]],
        ["is:leased -state:squatted user:ann port:8002-8060", [8002, 8050]],
    ])("%s", (text, ports) => {
        expect(found(text)).toEqual(ports);
    });

    it("knows by the time that a lease is expiring", () => {
        expect(found("state:expiring", NOW)).toEqual([]);
        expect(found("state:waiting", NOW)).toEqual([8050]);
        expect(found("state:expiring", NOW + 30_000)).toEqual([8050]);
        expect(found("state:waiting", NOW + 30_000)).toEqual([]);
        expect(parseFilter("state:expiring", null).timed).toBe(true);
        expect(parseFilter("port:8001", null).timed).toBe(false);
    });

    it("does not know what is mine before it knows who I am", () => {
        expect(found("is:mine", NOW, null)).toEqual([]);
    });

    it.each([
        ["stat:squatted", 'No filter key "stat"; did you mean state:?'],
        ["usr:ann", 'No filter key "usr"; did you mean user:?'],
        ["prot:tcp", 'No filter key "prot"; did you mean port:?'],
        ["xyzzy:1", 'No filter key "xyzzy"; for text with a colon, put it in quotes.'],
        ["constructor:1", 'No filter key "constructor"; for text with a colon, put it in quotes.'],
        ["state:sqatted", 'No state "sqatted"; did you mean state:squatted?'],
        ["state:conflict", 'No state "conflict"; did you mean is:conflict?'],
        ["state:qqqqqq", 'No state "qqqqqq", as state:squatted.'],
        ["is:lesed", "No filter is:lesed; did you mean is:leased?"],
        ["is:squatted", "No filter is:squatted; did you mean state:squatted?"],
        ["is:xyzzy", "No filter is:xyzzy; there are is:conflict, is:leased, is:ignored and is:mine."],
        ["port:http", 'port: takes a number or a range, as port:8001 or port:8000-8100; "http" is neither.'],
        ["port:9-8", "port:9-8 is empty; did you mean port:8-9?"],
        ["pid:x", 'pid: takes a number, as pid:4711; "x" is none.'],
    ])("says what is wrong with %s, and leaves it out", (text, sentence) => {
        expect(parseFilter(text, 1000).problems).toEqual([sentence]);
        expect(found(text)).toEqual(everything);
        expect(found(`${text} port:8001`)).toEqual([8001]);
    });

    it.each(["state:", "port:", "is:con", '"', "-", "user:", '-"', "port:8000-"])("says nothing wrong of %s, which is still being typed", (text) => {
        expect(parseFilter(text, 1000).problems).toEqual([]);
        expect(found(text).length).toBeGreaterThan(0);
    });

    it("never throws, and hides nothing behind a problem, whatever is typed", () => {
        let seed = 7;
        const random = (n: number): number => (seed = (seed * 1103515245 + 12345) % 2147483648) % n;
        const pieces = [
            ...Object.keys(filterKeys),
            "stat",
            "__proto__",
            ":",
            "-",
            '"',
            "\\",
            " ",
            "8001",
            "8000-",
            "é",
            "‮",
            "\u{1f600}",
            "(",
            "[",
            "*",
            "\n",
        ];
        const rows = rowsWith();
        for (let round = 0; round < 5000; round++) {
            const text = Array.from({ length: random(9) }, () => pieces[random(pieces.length)]!).join("");
            const filter = parseFilter(text, 1000);
            const shown = rows.filter((row) => filter.matches(row, NOW)).length;
            if (filter.empty) expect(shown).toBe(rows.length);
        }
    });
});

describe("the nearest word", () => {
    it("is the one with the fewest changes, or none", () => {
        expect(nearest("squtated", ["shared", "squatted"])).toBe("squatted");
        expect(nearest("pord", ["port", "pid"])).toBe("port");
        expect(nearest("zzz", ["port", "pid"])).toBeNull();
        expect(nearest("", ["port"])).toBeNull();
    });
});
