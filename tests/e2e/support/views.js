/*
 * Each view in one theme and four widths: a picture of it in build/screenshots/, and what axe finds wrong with it, which must be nothing. The pictures are
 * for people.
 */
import assert from "node:assert/strict";
import { mkdirSync } from "node:fs";
import { test } from "node:test";
import { axe, SCREENSHOTS } from "./browser.js";
import { until } from "./portd.js";
import { cardOf, drawerOf, liveMark, optionsOf, Scene } from "./scene.js";

export const WIDTHS = [375, 768, 1440, 2560];

mkdirSync(SCREENSHOTS, { recursive: true });

/** A machine on which everything happens at once. */
async function busyMachine(scene) {
    const { portd } = scene;
    await portd.lease("docs", 8001);
    await portd.lease("my-api", 8002, { tags: ["http"] });
    await portd.lease("web", 8003);
    await portd.lease("shop-db", 8004);
    await portd.lease("worker", 8010);
    const vite = await scene.squat(9501, { name: "vite" });
    await portd.lease("admin", 8011, { pid: vite.pid });
    await scene.squat(8002, { name: "python3" });
    await scene.squat(8003, { name: "node" });
    await scene.squat(8004, { name: "postgres" });
    await scene.squat(8004, { address: "::1", name: "rootlessport", uid: 65534 });
    await scene.squat(8005, { name: "old-demo" });
    await scene.squat(8007, { name: "printer" });
    await scene.squat(8008, { name: "half-started", words: ["inactive"] });
    const brief = await scene.squat(8010, { name: "brief" });
    await scene.squat(9500, { name: "metrics" });
    await until("portd to see them", async () => (await portd.get("/snapshot")).listeners.length >= 8);
    await until("the server that stops to be seen", async () => (await portd.get("/who?port=8010")).lease.state === "bound");
    await brief.stop();
    await portd.post("/disown", { port: 8002 });
    await portd.post("/ignore", { port: 8007 });
    await until("it to be seen that it has stopped", async () => (await portd.get("/who?port=8010")).lease.state === "silent");
}

const views = [
    { name: "page", path: "/", ready: (page) => cardOf(page, 8002).waitFor(), fullPage: true },
    {
        name: "all-ports-by-user",
        path: "/?all=1&group=user",
        ready: (page) => page.getByRole("table", { name: "Ports" }).getByText("9500").waitFor(),
        fullPage: true,
    },
    { name: "details", path: "/?port=8002", ready: (page) => drawerOf(page, 8002).getByText("server.py").first().waitFor() },
    { name: "details-of-a-free-port", path: "/?port=8050", ready: (page) => drawerOf(page, 8050).waitFor() },
    { name: "timeline-list", path: "/?list=1&span=1h", ready: (page) => page.getByRole("table").nth(1).waitFor(), fullPage: true },
    {
        name: "nothing-matches",
        path: "/?q=nobody-is-called-this",
        ready: (page) =>
            page
                .getByText(/None of/)
                .first()
                .waitFor(),
    },
    {
        name: "wrong-filter",
        path: "/?q=stat:squatted",
        ready: (page) =>
            page
                .getByText(/did you mean/i)
                .first()
                .waitFor(),
    },
    {
        name: "palette",
        path: "/",
        ready: async (page) => {
            await cardOf(page, 8002).waitFor();
            await page.keyboard.press("Control+k");
            await page.keyboard.type("my");
            await optionsOf(page).first().waitFor();
        },
    },
    {
        name: "help",
        path: "/",
        ready: async (page) => {
            await cardOf(page, 8002).waitFor();
            await page.keyboard.press("?");
            await page.getByRole("dialog").waitFor();
        },
    },
    {
        name: "stop",
        path: "/",
        ready: async (page) => {
            await cardOf(page, 8005).getByRole("button", { name: /^Stop/ }).click();
            await page.getByRole("dialog").waitFor();
        },
    },
    {
        name: "another-port",
        path: "/",
        ready: async (page) => {
            await cardOf(page, 8002)
                .getByRole("button", { name: /another port/i })
                .click();
            await page.getByRole("dialog").waitFor();
        },
    },
    {
        name: "lease",
        path: "/",
        ready: async (page) => {
            await page.getByRole("gridcell", { name: /^8050\b/ }).click();
            await page.getByRole("dialog").waitFor();
        },
    },
    {
        name: "more-actions",
        path: "/",
        ready: async (page) => {
            await cardOf(page, 8002).waitFor();
            await page.getByRole("button", { name: "More for port 8001" }).click();
        },
    },
];

/** What is wrong at 768 px is at 375, and at 2560 at 1440: one column, or two. */
const AXE_WIDTHS = [375, 1440];

/** A picture, and nothing that axe finds wrong. */
export async function look(page, name, fullPage = false) {
    await page.screenshot({ path: `${SCREENSHOTS}${name}.png`, fullPage });
    if (AXE_WIDTHS.includes(page.viewportSize().width)) assert.deepEqual(await axe(page), [], name);
}

export function testViews(theme) {
    test(`each view, ${theme}`, { timeout: 280_000 }, async (t) => {
        const scene = await Scene.start(t);
        await busyMachine(scene);
        for (const width of WIDTHS) {
            const { context, page, faults } = await scene.open({ theme, width, height: width < 900 ? 812 : 1000 });
            for (const view of views)
                await t.test(`${view.name}, ${width} px`, async () => {
                    await page.goto(`http://localhost:3030${view.path}`);
                    await liveMark(page).waitFor();
                    await view.ready(page);
                    await look(page, `${view.name}-${theme}-${width}`, view.fullPage);
                });
            assert.deepEqual(faults, []);
            await context.close();
        }
    });
}
