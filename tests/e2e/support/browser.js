/* Chromium, driven by Playwright's core; a fresh profile for each context. */
import { createRequire } from "node:module";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { URL_OF_PORTD } from "./portd.js";

// The packages are installed where the dashboard is built.
const require = createRequire(new URL("../../../ui/package.json", import.meta.url));
const { chromium } = require("playwright-core");
const axeSource = readFileSync(require.resolve("axe-core/axe.min.js"), "utf8");

export const SCREENSHOTS = fileURLToPath(new URL("../../../build/screenshots/", import.meta.url));

export function launch() {
    return chromium.launch({
        executablePath: process.env.PM_TEST_CHROMIUM ?? "/usr/bin/chromium",
        args: [
            "--no-sandbox",
            "--disable-gpu",
            "--disable-quic",
            "--no-first-run",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
        ],
    });
}

/** What the page must never do: errors on its console, requests to elsewhere, what the Content-Security-Policy had to stop. Told by `faults`. */
function watch(page, faults, expected) {
    page.on("pageerror", (error) => faults.push(`error: ${error.message}`));
    page.on("console", (message) => {
        const text = message.text();
        if (message.type() === "error" && !expected.some((each) => each.test(text))) faults.push(`console: ${text}`);
    });
    page.on("dialog", (dialog) => {
        faults.push(`dialog: ${dialog.message()}`);
        void dialog.dismiss();
    });
    page.on("request", (request) => {
        if (!request.url().startsWith(URL_OF_PORTD) && !request.url().startsWith("data:")) faults.push(`request: ${request.url()}`);
    });
}

/** A page of portd's in a context of its own. `expected`: what its console may say (a refused request is an error there, too). */
export async function openPage(browser, { path = "/", width = 1440, height = 900, theme = "light", expected = [], init } = {}) {
    const context = await browser.newContext({ viewport: { width, height }, colorScheme: theme, reducedMotion: "reduce" });
    await context.grantPermissions(["clipboard-read", "clipboard-write"], { origin: URL_OF_PORTD });
    context.setDefaultTimeout(10_000);
    if (init) await context.addInitScript(init);
    const page = await context.newPage();
    const faults = [];
    watch(page, faults, expected);
    await page.goto(URL_OF_PORTD + path);
    return { context, page, faults };
}

/** What axe finds wrong, as lines. */
export async function axe(page) {
    // Evaluated by the driver, as the page's own policy forbids scripts from elsewhere.
    await page.evaluate(axeSource);
    const { violations } = await page.evaluate(() =>
        axe.run(document, { runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"] }),
    );
    return violations.flatMap(({ id, help, nodes }) => nodes.map((node) => `${id}: ${help}: ${node.target.join(" ")} ${node.html.slice(0, 160)}`));
}
