/* Squatters come and go on the page as they do in the kernel. Times are printed, not asserted. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { until } from "./support/portd.js";
import { cardOf, GONE, liveMark, Scene } from "./support/scene.js";

test("a conflict appears after listen(), is counted in the title, and leaves after the close", async (t) => {
    const scene = await Scene.start(t);
    const early = await scene.squat(8001);
    await scene.portd.lease("their-api", 8002);
    const { page, faults } = await scene.open();
    await until("the title to count the first", async () => (await page.title()) === "(1) PortManager");

    const squatter = await scene.squat(8005, { name: "squatter" });
    await cardOf(page, 8005).waitFor();
    t.diagnostic(`on the page ${Math.round(Date.now() - squatter.listensAt)} ms after listen()`);
    assert.equal(await page.title(), "(2) PortManager");
    const card = cardOf(page, 8005);
    await card.getByText(`squatter (pid ${squatter.pid}`, { exact: false }).first().waitFor();
    assert.match(await card.innerText(), /without a lease/);
    assert.match(await card.innerText(), /127\.0\.0\.1:8005/);

    const closedAt = Date.now();
    await squatter.stop();
    await card.waitFor({ state: "detached" });
    t.diagnostic(`gone ${Date.now() - closedAt} ms after the close`);
    assert.equal(await page.title(), "(1) PortManager");
    await early.stop();
    await page.getByText("No conflicts.").waitFor();
    assert.equal(await page.title(), "PortManager");
    assert.deepEqual(faults, []);
});

test("the lease's side stands beside the socket's side, and another port is one dialog away", async (t) => {
    const scene = await Scene.start(t);
    const { portd } = scene;
    // Theirs: a server that was disowned is a squatter, whoever started it.
    const { lease } = await portd.lease("my-api", 8001, { tags: ["http"] });
    const squatter = await scene.squat(8001, { name: "wrong-one" });
    await until("portd to see it", async () => (await portd.get("/who?port=8001")).lease.state === "bound");
    await portd.post("/disown", { port: 8001 });
    const { page, faults } = await scene.open();
    const card = cardOf(page, 8001);
    await card.waitFor();
    const words = await card.innerText();
    assert.match(words, /squatted/);
    assert.match(words, /my-api/);
    assert.match(words, /wrong-one/);
    assert.ok(words.includes(`pid ${squatter.pid}`), words);
    assert.ok(words.includes(squatter.folder), "the squatter's directory");

    await card.getByRole("button", { name: /another port/i }).click();
    const dialog = page.getByRole("dialog");
    await dialog.getByRole("button", { name: /lease/i }).last().click();
    await until("a second lease", async () => (await portd.get("/lookup?service=my-api")).all_ports.length === 2);
    const { leases } = await portd.get("/lookup?service=my-api");
    assert.ok(
        leases.some((each) => each.id === lease.id),
        "the old lease stays until it is released",
    );
    assert.deepEqual(leases.find((each) => each.id !== lease.id).tags, ["http"]);
    assert.deepEqual(faults, []);
});

test("a squatter is claimed, and one is ignored and counted again, also after a restart of portd", async (t) => {
    const scene = await Scene.start(t);
    const { portd } = scene;
    await scene.squat(8003, { name: "docs" });
    await scene.squat(8004, { name: "noise" });
    const { page, faults } = await scene.open({ expected: GONE });

    await cardOf(page, 8003).getByRole("button", { name: "Claim…" }).click();
    const dialog = page.getByRole("dialog");
    await dialog.getByRole("textbox").fill("docs");
    await dialog.getByRole("textbox").press("Enter");
    await cardOf(page, 8003).waitFor({ state: "detached" });
    assert.equal((await portd.get("/lookup?service=docs")).port, 8003);
    if (await page.getByRole("dialog").isVisible()) await page.keyboard.press("Escape");

    await cardOf(page, 8004).getByRole("button", { name: "Ignore" }).click();
    await cardOf(page, 8004).waitFor({ state: "detached" });
    assert.equal(await page.title(), "PortManager");
    assert.equal((await portd.get("/squatters")).squatters[0].ignored, true);

    await portd.kill();
    await portd.start();
    await liveMark(page).waitFor();
    await page.getByText("1 ignored").click();
    await page.getByRole("button", { name: "Count again" }).click();
    await cardOf(page, 8004).waitFor();
    assert.equal(await page.title(), "(1) PortManager");
    assert.deepEqual(faults, []);
});

test("a plausible owner is confirmed, and another is disowned", async (t) => {
    const scene = await Scene.start(t);
    const { portd } = scene;
    await portd.lease("one", 8001);
    await portd.lease("two", 8002);
    await scene.squat(8001);
    await scene.squat(8002);
    const { page, faults } = await scene.open({ path: "/?port=8001" });
    await page.getByText("2 unconfirmed").waitFor();
    await page.getByRole("complementary").getByRole("button", { name: "Confirm 8001", exact: true }).click();
    await until("it to be confirmed", async () => (await portd.get("/who?port=8001")).lease.evidence === "confirmed");
    await page.getByText("1 unconfirmed").waitFor();
    await page.getByRole("button", { name: /^8002 two/ }).click();
    await page.getByRole("complementary", { name: "Port 8002" }).getByRole("button", { name: "Disown 8002", exact: true }).click();
    await cardOf(page, 8002).waitFor();
    assert.match(await cardOf(page, 8002).innerText(), /squatted/);
    assert.deepEqual(faults, []);
});
