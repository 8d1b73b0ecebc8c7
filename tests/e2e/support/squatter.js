/* Real processes that listen without a lease. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { chmodSync, copyFileSync, mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

// In a folder as a person has one, which also another user may read; it goes with the runner's own.
const folder = mkdtempSync(join(tmpdir(), "shop-"));
chmodSync(folder, 0o755);
copyFileSync(new URL("listen.py", import.meta.url), join(folder, "server.py"));

export class Squatter {
    #process;

    /**
     * Listens on the port, and has said when it did (`listensAt`, ms). `name` is the process's own name (at most 15 bytes), `words` are further
     * arguments, which its command line then has.
     */
    static async start(port, { address = "127.0.0.1", name = "", words = [], uid } = {}) {
        const squatter = new Squatter();
        const options = { cwd: folder, stdio: ["ignore", "pipe", "inherit"], ...(uid === undefined ? {} : { uid, gid: uid }) };
        squatter.#process = spawn("python3", ["server.py", address, String(port), name, ...words], options);
        const [line] = await Promise.race([
            once(squatter.#process.stdout, "data"),
            once(squatter.#process, "exit").then(([code]) => {
                throw new Error(`nobody listens on ${port}: python3 ended with ${code}`);
            }),
        ]);
        squatter.listensAt = Number(line.toString()) * 1000;
        squatter.port = port;
        squatter.folder = folder;
        return squatter;
    }

    get pid() {
        return this.#process.pid;
    }

    get isRunning() {
        return this.#process.exitCode === null && this.#process.signalCode === null;
    }

    async stop() {
        if (!this.isRunning) return;
        const exited = once(this.#process, "exit");
        this.#process.kill("SIGKILL");
        await exited;
    }
}
