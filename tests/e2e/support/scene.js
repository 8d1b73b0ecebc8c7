/* What most tests begin with: portd, a browser, and an end for everything that a test has started. */
import { launch, openPage } from "./browser.js";
import { Portd } from "./portd.js";
import { Squatter } from "./squatter.js";

/** What the browser's console says when portd goes away. */
export const GONE = [/ERR_CONNECTION_REFUSED/, /ERR_CONNECTION_RESET/, /ERR_INCOMPLETE_CHUNKED_ENCODING/, /ERR_EMPTY_RESPONSE/];

export class Scene {
    #ends = [];

    /** Starts portd and Chromium; what is started by the scene ends with the test `t`. */
    static async start(t, options = ["--range", "8000-8100"]) {
        const scene = new Scene();
        t.after(() => scene.#end());
        scene.portd = await Portd.start(options);
        scene.#ends.push(() => scene.portd.stop());
        scene.browser = await launch();
        scene.#ends.push(() => scene.browser.close());
        return scene;
    }

    async #end() {
        for (const end of this.#ends.reverse()) await end();
    }

    async squat(port, options) {
        const squatter = await Squatter.start(port, options);
        this.#ends.push(() => squatter.stop());
        return squatter;
    }

    /** A page that shows live data. */
    async open(options) {
        const opened = await openPage(this.browser, options);
        await liveMark(opened.page).waitFor();
        return opened;
    }
}

/** The conflict view's card of a port. */
export function cardOf(page, port) {
    return page.getByRole("region", { name: /^Conflicts/ }).getByRole("article", { name: new RegExp(`^${port}\\b`) });
}

/** The drawer of a port. */
export function drawerOf(page, port) {
    return page.getByRole("complementary", { name: `Port ${port}` });
}

/** What says that the data is live. */
export function liveMark(page) {
    return page.getByRole("banner").getByText(/^.?Live$/);
}

/** What the palette has found. */
export function optionsOf(page, filter) {
    return page.getByRole("listbox", { name: "Found" }).getByRole("option", filter);
}
