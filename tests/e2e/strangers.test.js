/* What strangers call themselves, and what a stream may say that it should not: shown as text, or passed over. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { until } from "./support/portd.js";
import { cardOf, drawerOf, liveMark, optionsOf, Scene } from "./support/scene.js";

/** Nothing is wider than the window. */
async function assertFits(page) {
    const [wide, window] = await page.evaluate(() => [document.documentElement.scrollWidth, document.documentElement.clientWidth]);
    assert.ok(wide <= window, `${wide} px in a window of ${window}`);
}

const names = [
    ["markup", "<img src=x oner", ["<img src=x onerror=alert(1)>", '"><script>alert(1)</script>']],
    ["escapes", "\u001b[31mred\u001b[0m", ["\u001b]0;owned\u0007", "\u001b[2J"]],
    ["a line of 4 KiB", "long", ["x".repeat(4096)]],
    ["right to left", "\u202etxt.exe", ["\u202egnp.exe", "\u0645\u062e\u0632\u0646"]],
    ["no UTF-8", "", ["\ud800"]],
];

for (const [what, name, words] of names)
    test(`a process whose name is ${what} is shown as text, everywhere`, async (t) => {
        const scene = await Scene.start(t);
        const squatter = await scene.squat(8005, { name, words });
        const { page, faults } = await scene.open({ width: 375 });
        await cardOf(page, 8005).waitFor();
        assert.ok((await cardOf(page, 8005).innerText()).includes(`pid ${squatter.pid}`));
        await assertFits(page);
        await page.goto("http://localhost:3030/?port=8005&all=1&list=1");
        await drawerOf(page, 8005).waitFor();
        await drawerOf(page, 8005).getByText("server.py").first().waitFor();
        await assertFits(page);
        await page.keyboard.press("Control+k");
        await page.keyboard.type("8005");
        await optionsOf(page).first().waitFor();
        assert.equal(await page.locator("img").count(), 0);
        const shown = await page.evaluate(() => document.body.innerText);
        for (const character of ["\u001b", "\u0007", "\u202e"]) assert.ok(!shown.includes(character), JSON.stringify(character));
        assert.deepEqual(faults, []);
    });

test("a service name of 128 bytes, and one of other people's letters, fit", async (t) => {
    const scene = await Scene.start(t);
    await scene.portd.lease("n".repeat(128), 8001);
    await scene.portd.lease("データベース-قاعدة-🐘", 8002);
    const { page, faults } = await scene.open({ width: 375 });
    await page.getByRole("table", { name: "Ports" }).getByText("データベース").first().waitFor();
    await assertFits(page);
    await page.goto("http://localhost:3030/?port=8001");
    await drawerOf(page, 8001).getByText("n".repeat(128)).first().waitFor();
    await assertFits(page);
    assert.deepEqual(faults, []);
});

test("a stream that repeats, skips and talks nonsense leaves the page with the truth", async (t) => {
    const scene = await Scene.start(t);
    const { portd } = scene;
    await portd.lease("true-one", 8001);
    const snapshot = await portd.get("/snapshot");
    const lie = (more) => ({ version: snapshot.version + 1, after: snapshot.version, port: 8001, lease: null, listeners: [], findings: [], ...more });
    const said = [
        `event: stream\ndata: {"last_id": 1, "note": null, "run": "${snapshot.run}", "version": ${snapshot.version}}`,
        "event: port\ndata: no JSON",
        "event: port\ndata: []",
        `event: port\ndata: ${JSON.stringify(lie({ port: 99999 }))}`,
        `event: port\ndata: ${JSON.stringify(lie({ port: 8002, lease: { service_name: 7 } }))}`,
        `event: port\ndata: ${JSON.stringify(lie({ port: 8002, listeners: [null] }))}`,
        'event: lease.granted\ndata: {"id": "x"}',
        "event: what.is.this\ndata: {}",
        `event: port\ndata: ${JSON.stringify(lie({ version: snapshot.version - 1, port: 8001 }))}`,
        `event: port\ndata: ${JSON.stringify(lie({ version: snapshot.version + 9, after: snapshot.version + 8, port: 8003 }))}`,
    ];
    let nTimes = 0;
    const { page, faults } = await scene.open({ path: "/", expected: [/ERR_/] });
    await page.context().route("**/events*", async (route) => {
        nTimes++;
        await route.fulfill({ status: 200, contentType: "text/event-stream", body: said.map((each) => each + "\n\n").join("") });
    });
    await page.reload();
    await until("it to have been told so twice", () => nTimes > 1);
    await page.getByRole("table", { name: "Ports" }).getByText("true-one").waitFor();
    await page.context().unroute("**/events*");
    await liveMark(page).waitFor();
    await scene.squat(8005, { name: "real" });
    await cardOf(page, 8005).waitFor();
    await page.getByRole("table", { name: "Ports" }).getByText("true-one").waitFor();
    assert.deepEqual(faults, []);
});

test("thousands of leases are one scroll", { timeout: 280_000 }, async (t) => {
    const n = process.env.PM_TEST_LONG ? 50_048 : 5_056;
    const scene = await Scene.start(t, ["--range", `10000-${10000 + n + 500}`]);
    const { portd } = scene;
    for (let i = 0; i < n; i += 64) await portd.post("/alloc", { service_name: `many-${i}`, count: 64, ttl_seconds: 86400 });
    const before = Date.now();
    const { page, faults } = await scene.open();
    await page.getByRole("table", { name: "Ports" }).getByText("many-0").first().waitFor();
    t.diagnostic(`${n} leases on the page after ${Date.now() - before} ms`);
    const [frames, longest] = await page.evaluate(async () => {
        const table = document.querySelector("table");
        let box = table;
        while (box && box.scrollHeight <= box.clientHeight) box = box.parentElement;
        box ??= document.documentElement;
        let last = performance.now();
        let slowest = 0;
        let count = 0;
        for (let top = 0; top < 100_000; top += 1000) {
            box.scrollTop = top;
            await new Promise((resolve) => requestAnimationFrame(resolve));
            slowest = Math.max(slowest, performance.now() - last);
            last = performance.now();
            count++;
        }
        return [count, Math.round(slowest)];
    });
    t.diagnostic(`${frames} frames of scrolling, the longest ${longest} ms`);
    const { lease } = await portd.post("/alloc", { service_name: "the-last-one" });
    await page.keyboard.press("/");
    await page.keyboard.type("the-last-one");
    await page.getByRole("table", { name: "Ports" }).getByText(String(lease.port)).first().waitFor();
    assert.deepEqual(faults, []);
});
