/* Finding: the filter and its address, the palette, and the whole way by keyboard. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { until } from "./support/portd.js";
import { cardOf, drawerOf, liveMark, optionsOf, Scene } from "./support/scene.js";

const rowsOf = (page) => page.getByRole("table", { name: "Ports" }).getByRole("row");

/** Presses Tab until the element with the focus has this name. */
async function tabTo(page, name) {
    for (let i = 0; i < 60; i++) {
        const focused = await page.evaluate(() => {
            const element = document.activeElement;
            return element?.getAttribute("aria-label") ?? element?.textContent ?? "";
        });
        if (name.test(focused)) return;
        await page.keyboard.press("Tab");
    }
    throw new Error(`sixty times Tab have not led to ${name}`);
}

test("the filter is in the address, and survives a reload", async (t) => {
    const scene = await Scene.start(t);
    await scene.portd.lease("my-api", 8001);
    await scene.portd.lease("my-db", 8002);
    await scene.squat(8005, { name: "stranger" });
    const { page, faults } = await scene.open();
    await rowsOf(page).nth(3).waitFor();
    await page.keyboard.press("/");
    await page.keyboard.type("state:waiting my-d");
    await until("one row", async () => (await rowsOf(page).count()) === 2);
    assert.match(page.url(), /q=state:waiting\+my-d/);
    await page.reload();
    await liveMark(page).waitFor();
    await rowsOf(page).nth(1).waitFor();
    assert.equal(await rowsOf(page).count(), 2);
    assert.match(await rowsOf(page).nth(1).innerText(), /my-db/);
    assert.equal(await page.getByRole("searchbox").or(page.getByRole("search").getByRole("textbox")).first().inputValue(), "state:waiting my-d");
    assert.deepEqual(faults, []);
});

test("a filter that matches nothing says so, and is cleared by a button", async (t) => {
    const scene = await Scene.start(t);
    await scene.portd.lease("my-api", 8001);
    const { page, faults } = await scene.open({ path: "/?q=nobody-is-called-this" });
    await page
        .getByText(/None of/)
        .first()
        .waitFor();
    await page.getByRole("button", { name: /clear/i }).first().click();
    await rowsOf(page).nth(1).waitFor();
    assert.doesNotMatch(page.url(), /q=/);
    assert.deepEqual(faults, []);
});

test("the address of a port opens its details, and Back closes them", async (t) => {
    const scene = await Scene.start(t);
    await scene.portd.lease("my-api", 8001);
    const { page, faults } = await scene.open();
    await rowsOf(page).nth(1).click();
    await drawerOf(page, 8001).waitFor();
    assert.match(page.url(), /port=8001/);
    await page.reload();
    await drawerOf(page, 8001).waitFor();
    await page.goBack();
    await drawerOf(page, 8001).waitFor({ state: "detached" });
    assert.deepEqual(faults, []);
});

test("all ports of the machine are shown on demand", async (t) => {
    const scene = await Scene.start(t);
    await scene.squat(9500, { name: "outside" });
    const { page, faults } = await scene.open();
    await page.getByRole("switch", { name: /All ports/ }).check();
    await page.getByRole("table", { name: "Ports" }).getByText("outside", { exact: true }).waitFor();
    await page.getByRole("table", { name: "Ports" }).getByText("portd").first().waitFor();
    assert.match(page.url(), /all=1/);
    assert.deepEqual(faults, []);
});

test("by keyboard only: find the squatter, read who it is, stop it, lease the port, release it and undo", async (t) => {
    const scene = await Scene.start(t);
    const { portd } = scene;
    const squatter = await scene.squat(8005, { name: "stranger" });
    const { page, faults } = await scene.open();
    await cardOf(page, 8005).waitFor();
    const press = (key) => page.keyboard.press(key);

    await press("/");
    await page.keyboard.type("stranger");
    await press("Enter"); // into the table
    await press("Enter");
    await drawerOf(page, 8005).waitFor();
    await tabTo(page, /^Stop stranger.* 8005/);
    await press("Enter");
    await page.getByRole("dialog", { name: "Stop stranger on port 8005?" }).waitFor();
    await tabTo(page, /^Send TERM/);
    await press("Enter");
    await until("it to have ended", () => !squatter.isRunning);
    await page.getByRole("dialog").waitFor({ state: "detached" });

    await press("Control+k");
    await page.getByRole("combobox", { name: /Find/ }).waitFor();
    await page.keyboard.type("8005");
    await optionsOf(page, { name: /Lease 8005/ }).waitFor();
    for (
        let i = 0;
        i < 20 &&
        !(await optionsOf(page, { name: /Lease 8005/ })
            .getAttribute("aria-selected")
            .then((selected) => selected === "true"));
        i++
    )
        await press("ArrowDown");
    await press("Enter");
    await page.getByRole("dialog", { name: "Lease port 8005" }).waitFor();
    await tabTo(page, /^$/);
    await page.keyboard.type("by-keyboard");
    await press("Enter");
    await until("the lease", async () => (await portd.get("/lookup?service=by-keyboard")).port === 8005);
    await page.getByRole("dialog", { name: "Port 8005 is leased" }).waitFor();
    await press("Escape");

    await drawerOf(page, 8005).getByRole("button", { name: "Release 8005", exact: true }).waitFor();
    await tabTo(page, /^Release 8005/);
    await press("Enter");
    await until("it to be released", async () => (await portd.get("/list")).length === 0);
    // portd knows it before the page does, which has nothing to take back until then.
    await page.getByRole("button", { name: "Undo the release of 8005" }).waitFor();
    await press("Control+z");
    await until("it to be leased again", async () => (await portd.get("/list")).length === 1);
    assert.deepEqual(faults, []);
});

test("no single key stops or changes anything", async (t) => {
    const scene = await Scene.start(t);
    const { portd } = scene;
    const squatter = await scene.squat(8005, { name: "stranger" });
    const { lease } = await portd.lease("mine", 8001);
    const { page, faults } = await scene.open();
    await cardOf(page, 8005).waitFor();
    for (const key of "abcdefghijklmnopqrstuvwxyz0123456789/?.,;-=[]ABCDEFGHIJKLMNOPQRSTUVWXYZ".split("")) {
        await page.keyboard.press(key);
        await page.keyboard.press("Escape");
        await page.evaluate(() => document.activeElement?.blur?.());
    }
    assert.ok(squatter.isRunning);
    assert.deepEqual(
        (await portd.get("/list")).map((each) => each.id),
        [lease.id],
    );
    assert.equal((await portd.get("/squatters")).squatters.length, 1);
    assert.deepEqual(faults, []);
});
