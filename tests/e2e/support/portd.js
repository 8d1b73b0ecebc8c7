/*
 * The real portd, in a home of its own. Tests run in a network and pid namespace that the runner makes, so port 3030 is theirs; files run one after
 * another.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";

const bin = process.env.PM_TEST_BIN ?? fileURLToPath(new URL("../../../build/bin", import.meta.url));

export const URL_OF_PORTD = "http://localhost:3030";
/** Browsers know by themselves what localhost is; Node asks the machine, and a bare one has no /etc/hosts. */
const API = "http://127.0.0.1:3030";

/** Waits until `look` says something else than undefined, null or false; fails after ten seconds with `what`. */
export async function until(what, look) {
    const end = Date.now() + 10_000;
    for (;;) {
        const found = await look();
        if (found !== undefined && found !== null && found !== false) return found;
        if (Date.now() > end) throw new Error(`waited in vain: ${what}`);
        await sleep(20);
    }
}

export class Portd {
    #home = mkdtempSync(join(tmpdir(), "portmanager-e2e-"));
    #options;
    #process = null;

    constructor(options = []) {
        this.#options = options;
    }

    static async start(options) {
        const portd = new Portd(options);
        await portd.start();
        return portd;
    }

    get pid() {
        return this.#process.pid;
    }

    async start() {
        const env = { PATH: process.env.PATH, HOME: this.#home, LANG: "C.UTF-8" };
        this.#process = spawn(join(bin, "portd"), this.#options, { env, cwd: this.#home, stdio: ["ignore", "ignore", "inherit"] });
        await until("portd to answer", () =>
            this.get("/healthz").then(
                () => true,
                () => false,
            ),
        );
    }

    /** Ends it the hard way. */
    async kill(signal = "SIGKILL") {
        if (this.#process.exitCode !== null || this.#process.signalCode !== null) return;
        const exited = once(this.#process, "exit");
        this.#process.kill(signal);
        // One that is stopped hears of nothing else; and must not go on before it is killed.
        if (signal !== "SIGKILL") this.#process.kill("SIGCONT");
        await exited;
    }

    signal(name) {
        this.#process.kill(name);
    }

    async stop() {
        await this.kill("SIGTERM");
        rmSync(this.#home, { recursive: true });
    }

    async get(path) {
        const response = await fetch(API + path);
        if (!response.ok) throw new Error(`GET ${path}: ${response.status} ${await response.text()}`);
        return response.json();
    }

    async post(path, body) {
        const response = await fetch(API + path, {
            method: "POST",
            headers: { "Content-Type": "application/json" },
            body: JSON.stringify(body),
        });
        const answer = await response.json();
        if (!response.ok) throw new Error(`POST ${path}: ${response.status} ${answer.detail}`);
        return answer;
    }

    /** A lease that nothing keeps but its time. */
    lease(service_name, port, more = {}) {
        return this.post("/alloc", { service_name, port, ttl_seconds: 3600, ...more });
    }
}
