/* Actions that are safe: at once with Undo, or with a dialog; and what each says when it cannot be. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { until } from "./support/portd.js";
import { cardOf, drawerOf, liveMark, Scene } from "./support/scene.js";

const REFUSED = [/status of 409/, /status of 404/];

test("a release is done at once, and undone by a new lease on the same port", async (t) => {
    const scene = await Scene.start(t);
    const { portd } = scene;
    const { lease } = await portd.lease("my-db", 8010, { tags: ["db"], ttl_seconds: 900 });
    const { page, faults } = await scene.open({ path: "/?port=8010" });
    await drawerOf(page, 8010).getByRole("button", { name: "Release 8010", exact: true }).click();
    await until("it to be gone", async () => (await portd.get("/list")).length === 0);
    await page.getByRole("button", { name: "Undo the release of 8010" }).click();
    const again = await until("a new lease", async () => (await portd.get("/list"))[0]);
    assert.notEqual(again.id, lease.id);
    assert.deepEqual([again.port, again.service_name, again.tags, again.ttl_seconds], [8010, "my-db", ["db"], 900]);
    assert.deepEqual(faults, []);
});

test("an Undo that comes too late says who has the port now", async (t) => {
    const scene = await Scene.start(t);
    const { portd } = scene;
    await portd.lease("my-db", 8010);
    const { page, faults } = await scene.open({ path: "/?port=8010", expected: REFUSED });
    await drawerOf(page, 8010).getByRole("button", { name: "Release 8010", exact: true }).click();
    const undo = page.getByRole("button", { name: "Undo the release of 8010" });
    await undo.hover(); // which holds its countdown
    await portd.lease("quicker", 8010);
    await undo.click();
    await page
        .getByRole("alert")
        .getByText(/leased to quicker/)
        .waitFor();
    assert.equal((await portd.get("/list"))[0].service_name, "quicker");
    assert.deepEqual(faults, []);
});

test("the release of a lease that has changed under the page is refused, and says so", async (t) => {
    const scene = await Scene.start(t);
    const { portd } = scene;
    const { lease } = await portd.lease("mine", 8010);
    const { page, faults } = await scene.open({ path: "/?port=8010", expected: REFUSED });
    const release = drawerOf(page, 8010).getByRole("button", { name: "Release 8010", exact: true });
    await release.waitFor();
    // The page's next request meets another lease on the port, as if it had come a moment before.
    await page.route("**/release", async (route) => {
        await portd.post("/release", { port: 8010, id: lease.id });
        await portd.lease("another", 8010);
        await route.continue();
    });
    await release.click();
    await page.getByRole("alert").first().waitFor();
    assert.match(await page.getByRole("alert").first().innerText(), /8010/);
    assert.equal((await portd.get("/list"))[0].service_name, "another", "the other's lease is untouched");
    assert.deepEqual(faults, []);
});

test("stop names the process, and ends it", async (t) => {
    const scene = await Scene.start(t);
    const squatter = await scene.squat(8005, { name: "victim" });
    const { page, faults } = await scene.open();
    await cardOf(page, 8005)
        .getByRole("button", { name: /^Stop victim/ })
        .click();
    const dialog = page.getByRole("dialog", { name: "Stop victim on port 8005?" });
    const words = await dialog.innerText();
    for (const part of ["victim", String(squatter.pid), "root", "Started", "server.py", "127.0.0.1:8005"])
        assert.ok(words.includes(part), `${part} in ${words}`);
    // The focus is on Cancel: Enter stops nobody.
    await page.keyboard.press("Enter");
    await dialog.waitFor({ state: "detached" });
    assert.ok(squatter.isRunning);
    await cardOf(page, 8005)
        .getByRole("button", { name: /^Stop victim/ })
        .click();
    await dialog.getByRole("button", { name: "Send TERM" }).click();
    await until("it to have ended", () => !squatter.isRunning);
    await cardOf(page, 8005).waitFor({ state: "detached" });
    assert.deepEqual(faults, []);
});

test("a process that was replaced while the dialog was open is not stopped: 409, nothing is killed", async (t) => {
    const scene = await Scene.start(t);
    const first = await scene.squat(8005, { name: "first" });
    const { page, faults } = await scene.open({ expected: REFUSED });
    await cardOf(page, 8005)
        .getByRole("button", { name: /^Stop first/ })
        .click();
    const dialog = page.getByRole("dialog", { name: "Stop first on port 8005?" });
    await dialog.waitFor();
    await first.stop();
    const second = await scene.squat(8005, { name: "second" });
    await dialog.getByText(/has changed since this was opened/).waitFor();
    const answered = page.waitForResponse("**/stop");
    await dialog.getByRole("button", { name: "Send TERM" }).click();
    assert.equal((await answered).status(), 409);
    await dialog.getByRole("alert").waitFor();
    assert.ok(second.isRunning);
    await dialog.getByRole("button", { name: "Show what is there now" }).click();
    await page.getByRole("dialog", { name: "Stop second on port 8005?" }).waitFor();
    assert.ok(second.isRunning);
    assert.deepEqual(faults, []);
});

test("a free port is leased from the map", async (t) => {
    const scene = await Scene.start(t);
    const { page, faults } = await scene.open();
    await page.getByRole("gridcell", { name: /^8042\b/ }).click();
    const dialog = page.getByRole("dialog", { name: "Lease port 8042" });
    await dialog.getByLabel("Service").fill("from-the-map");
    await dialog.getByRole("button", { name: "Lease 8042" }).click();
    await page.getByRole("dialog", { name: "Port 8042 is leased" }).waitFor();
    assert.equal((await scene.portd.get("/lookup?service=from-the-map")).port, 8042);
    await page.keyboard.press("Escape");
    await page.getByRole("gridcell", { name: "8042, waiting, from-the-map" }).waitFor();
    assert.deepEqual(faults, []);
});

test("a lease that cannot be had is refused in its dialog, in portd's words", async (t) => {
    const scene = await Scene.start(t);
    const { page, faults } = await scene.open({ expected: REFUSED });
    await page.getByRole("gridcell", { name: /^8042\b/ }).click();
    const dialog = page.getByRole("dialog", { name: "Lease port 8042" });
    await dialog.getByLabel("Service").fill("too-late");
    const squatter = await scene.squat(8042, { name: "quicker" });
    await dialog.getByRole("button", { name: "Lease 8042" }).click();
    await dialog.getByRole("alert").waitFor();
    assert.match(await dialog.getByRole("alert").innerText(), new RegExp(`Port 8042 is taken: quicker \\(pid ${squatter.pid}`));
    assert.deepEqual(faults, []);
});

test("portd killed in the middle of an action: it is not known what became of it, and the page says so", async (t) => {
    const scene = await Scene.start(t);
    const { portd } = scene;
    await portd.lease("mine", 8010);
    const { page } = await scene.open({ path: "/?port=8010" });
    const release = drawerOf(page, 8010).getByRole("button", { name: "Release 8010", exact: true });
    await release.waitFor();
    portd.signal("SIGSTOP");
    const sent = page.waitForRequest("**/release");
    await release.click();
    await sent;
    await portd.kill();
    await page
        .getByRole("alert")
        .getByText(/not known|nothing is known/)
        .first()
        .waitFor();
    await portd.start();
    await liveMark(page).waitFor();
    assert.equal((await portd.get("/list")).length, 1, "a request that was never read changed nothing");
});
