/* How live the page is, and that it says so. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { until } from "./support/portd.js";
import { cardOf, drawerOf, GONE, liveMark, Scene } from "./support/scene.js";

test("kill -9 of portd: the data stays, says that it is old, disables actions; and all comes back", async (t) => {
    const scene = await Scene.start(t);
    const { portd } = scene;
    await portd.lease("mine", 8010);
    const { page, faults } = await scene.open({ path: "/?port=8010", expected: GONE });
    const release = drawerOf(page, 8010).getByRole("button", { name: "Release 8010", exact: true });
    await release.waitFor();
    await portd.kill();
    await page
        .getByText(/portd is not running/)
        .first()
        .waitFor();
    assert.match(await page.getByRole("banner").innerText(), /--range 8000-8100/, "the command that starts it as it was");
    assert.equal(await release.getAttribute("aria-disabled"), "true");
    assert.match(await page.getByRole("table").first().innerText(), /mine/);

    const killedAt = Date.now();
    await portd.start();
    const { lease } = await portd.lease("while-away", 8011);
    await liveMark(page).waitFor();
    t.diagnostic(`live again ${Date.now() - killedAt} ms after the start`);
    await page.getByRole("gridcell", { name: "8011, waiting, while-away" }).waitFor();
    assert.equal(await release.getAttribute("aria-disabled"), null);
    await release.click();
    await until("it to be released", async () => (await portd.get("/list")).every((each) => each.id === lease.id));
    assert.deepEqual(faults, []);
});

test("a pause of portd: reconnecting or late, but nothing is lost", async (t) => {
    const scene = await Scene.start(t);
    const { page, faults } = await scene.open({ expected: GONE });
    scene.portd.signal("SIGSTOP");
    const squatter = await scene.squat(8007, { name: "meanwhile" });
    const gone = await scene.squat(8008, { name: "brief" });
    await gone.stop();
    scene.portd.signal("SIGCONT");
    await cardOf(page, 8007).waitFor();
    assert.equal(await cardOf(page, 8008).count(), 0);
    await squatter.stop();
    await cardOf(page, 8007).waitFor({ state: "detached" });
    assert.deepEqual(faults, []);
});

test("ten tabs have one stream; when its tab closes another takes over", async (t) => {
    const scene = await Scene.start(t);
    const { page: first, context } = await scene.open();
    const streams = new Map();
    const pages = [first];
    // What portd itself counts: connections of streams are those that stay.
    context.on("request", (request) => {
        if (new URL(request.url()).pathname === "/events") streams.set(request, request.frame().page());
    });
    context.on("requestfinished", (request) => streams.delete(request));
    context.on("requestfailed", (request) => streams.delete(request));
    for (let i = 1; i < 10; i++) {
        const page = await context.newPage();
        await page.goto("http://localhost:3030/");
        await liveMark(page).waitFor();
        pages.push(page);
    }
    assert.equal(streams.size, 0, "nine tabs that came later have opened no stream");
    await scene.squat(8005, { name: "seen-by-all" });
    await Promise.all(pages.map((page) => cardOf(page, 8005).waitFor()));

    await first.close();
    await until("another tab to have the stream", () => streams.size > 0);
    assert.equal(streams.size, 1);
    await scene.squat(8006, { name: "seen-again" });
    await Promise.all(pages.slice(1).map((page) => cardOf(page, 8006).waitFor()));
    assert.equal(streams.size, 1);
});

test("the page works where the browser denies storage, locks and channels", async (t) => {
    const scene = await Scene.start(t);
    await scene.squat(8005);
    const { page, faults } = await scene.open({
        init: () => {
            const deny = () => {
                throw new DOMException("denied", "SecurityError");
            };
            Object.defineProperty(window, "localStorage", { get: deny });
            Object.defineProperty(window, "BroadcastChannel", { get: deny });
            Object.defineProperty(navigator, "locks", { get: deny });
        },
    });
    await cardOf(page, 8005).waitFor();
    await page.getByLabel("Theme").selectOption("dark");
    await until("the page to be dark", async () => (await page.evaluate(() => document.documentElement.dataset.theme)) === "dark");
    assert.deepEqual(faults, []);
});

test("a full localStorage changes nothing", async (t) => {
    const scene = await Scene.start(t);
    const { page, faults } = await scene.open({
        init: () => {
            try {
                localStorage.setItem("full", "x".repeat(5 * 1024 * 1024 - 8));
                localStorage.setItem("fuller", "x".repeat(64));
            } catch {
                // It is full now.
            }
        },
    });
    await page.getByLabel("Theme").selectOption("dark");
    await until("the page to be dark", async () => (await page.evaluate(() => document.documentElement.dataset.theme)) === "dark");
    assert.deepEqual(faults, []);
});
