/* The states of the whole page that are not the usual one: empty, not live, refused. */
import { test } from "node:test";
import { drawerOf, Scene } from "./support/scene.js";
import { look, WIDTHS } from "./support/views.js";

const THEMES = ["light", "dark"];

test("the empty states and those that are not live", { timeout: 280_000 }, async (t) => {
    const scene = await Scene.start(t);
    for (const theme of THEMES)
        for (const width of WIDTHS) {
            const { context, page } = await scene.open({ theme, width, expected: [/./] });
            await page.getByText("portctl alloc my-db").first().waitFor();
            await look(page, `first-run-${theme}-${width}`);
            await context.close();
        }
    await scene.portd.lease("mine", 8001);
    const open = [];
    for (const theme of THEMES)
        for (const width of WIDTHS) open.push({ theme, width, ...(await scene.open({ theme, width, path: "/?port=8001", expected: [/./] })) });
    for (const { page } of open) await drawerOf(page, 8001).waitFor();
    await scene.portd.kill();
    for (const { page, theme, width } of open) {
        await page
            .getByText(/portd is not running/)
            .first()
            .waitFor();
        await look(page, `portd-down-${theme}-${width}`);
    }
});

test("a page that portd refuses says why", async (t) => {
    const scene = await Scene.start(t);
    const refusal = {
        type: "urn:portmanager:problem:unknown-caller",
        title: "The caller is unknown",
        status: 403,
        detail: "The kernel does not say whose connection this is.",
        hint: "open the page in this machine's own network namespace",
    };
    const { page } = await scene.open({ expected: [/./] });
    await page
        .context()
        .route(/snapshot|events/, (route) => route.fulfill({ status: 403, contentType: "application/problem+json", body: JSON.stringify(refusal) }));
    await page.reload();
    await page.getByText(refusal.detail).first().waitFor();
    await look(page, "refused-light-1440");
});
