import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { fakeBrowser } from "../../test/fakes.ts";
import { joinTabs, type Tabs } from "./tabs.ts";

let tabs: { name: string; tab: Tabs<string> }[] = [];
let leaders: string[] = [];
let heard: string[] = [];

function join(name: string): Tabs<string> {
    const tab = joinTabs<string>({ onMessage: (message) => heard.push(`${name} hears ${message}`), onLead: () => leaders.push(name) });
    tabs.push({ name, tab });
    return tab;
}

const settled = (): Promise<void> => new Promise((resolve) => setTimeout(resolve));

beforeEach(() => {
    fakeBrowser();
    tabs = [];
    leaders = [];
    heard = [];
});
afterEach(() => {
    tabs.forEach(({ tab }) => tab.close());
    vi.unstubAllGlobals();
});

describe("tabs", () => {
    it("have one leader, and another when it closes", async () => {
        const first = join("a");
        const second = join("b");
        join("c");
        await settled();
        expect(leaders).toEqual(["a"]);
        first.close();
        await settled();
        expect(leaders).toEqual(["a", "b"]);
        second.close();
        await settled();
        expect(leaders).toEqual(["a", "b", "c"]);
    });

    it("that close while they wait never lead", async () => {
        const first = join("a");
        join("b").close();
        join("c");
        first.close();
        await settled();
        expect(leaders).toEqual(["a", "c"]);
    });

    it("hear each other, not themselves, and nothing when closed", () => {
        const a = join("a");
        const b = join("b");
        join("c");
        a.send("x");
        expect(heard).toEqual(["b hears x", "c hears x"]);
        b.close();
        b.send("y");
        a.send("z");
        expect(heard).toEqual(["b hears x", "c hears x", "c hears z"]);
    });

    it.each<[string, unknown, boolean]>([
        ["there are no locks", null, true],
        ["locks are denied", { request: () => Promise.reject(new DOMException("no", "SecurityError")) }, true],
        [
            "locks throw",
            {
                request: () => {
                    throw new DOMException("no", "SecurityError");
                },
            },
            true,
        ],
        ["there are no channels", { request: () => new Promise(() => {}) }, false],
    ])("lead each for itself where %s", async (_what, locks, channels) => {
        fakeBrowser(locks, channels);
        join("a");
        join("b").send("x");
        await settled();
        expect(leaders.sort()).toEqual(["a", "b"]);
    });
});
