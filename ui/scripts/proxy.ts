/*
 * `npm run dev`: what portd answers, behind the origin of Vite. portd takes requests of its own origin only, and Vite's is another one, so the proxy says
 * that they are portd's; therefore it must be as strict as portd is: another site's page, or one that has rebound its name to this machine, gets nothing.
 */
import { readFileSync } from "node:fs";
import { request, type IncomingMessage, type ServerResponse } from "node:http";
import type { Plugin } from "vite";
import { parse } from "yaml";

const documentOfApi = new URL("../../docs/openapi.yaml", import.meta.url);

/* The page and its parts are Vite's here. */
function readPaths(): Set<string> {
    const { paths } = parse(readFileSync(documentOfApi, "utf8")) as { paths: Record<string, unknown> };
    return new Set(Object.keys(paths).filter((path) => path !== "/" && !path.includes("{")));
}

/* Why a request is not taken; null: it is. Who sends no Origin must be a browser that says that the page is ours. */
function refusal(incoming: IncomingMessage, isForPortd: boolean): string | null {
    const own = `localhost:${incoming.socket.localPort}`;
    const { host, origin } = incoming.headers;
    const site = incoming.headers["sec-fetch-site"];
    if (host !== own) return `The Host must be ${own}.`;
    if (origin !== undefined && origin !== `http://${own}`) return `The Origin must be http://${own}, or absent.`;
    if (isForPortd && site !== "same-origin" && (site !== undefined || origin === undefined))
        return "Only this server's own page may ask portd here.";
    return null;
}

function refuse(response: ServerResponse, detail: string): void {
    response.writeHead(403, { "Content-Type": "application/problem+json" });
    response.end(JSON.stringify({ type: "about:blank", title: "The proxy refuses", status: 403, detail }));
}

/* Bytes go on as they come, so events do; and each end goes when the other does. */
function forward(incoming: IncomingMessage, response: ServerResponse, target: URL): void {
    const { origin: _, ...headers } = incoming.headers;
    const outgoing = request({
        hostname: target.hostname.replace(/^\[|\]$/g, ""),
        port: target.port || 80,
        method: incoming.method,
        path: incoming.url,
        headers: { ...headers, host: target.host },
        agent: false,
    });
    outgoing.on("response", (answer) => {
        response.writeHead(answer.statusCode ?? 502, answer.headers);
        response.flushHeaders();
        answer.on("error", () => response.destroy());
        answer.pipe(response);
    });
    // That portd does not answer looks to the page as it does without a proxy.
    outgoing.on("error", () => response.destroy());
    response.on("close", () => outgoing.destroy());
    incoming.pipe(outgoing);
}

export function portdProxy(target = new URL(process.env["PM_URL"] ?? "http://localhost:3030")): Plugin {
    const paths = readPaths();
    return {
        name: "portd-proxy",
        apply: "serve",
        configureServer(server) {
            server.middlewares.use((incoming, response, next) => {
                const isForPortd = paths.has((incoming.url ?? "/").split("?", 1)[0] ?? "/");
                const detail = refusal(incoming, isForPortd);
                if (detail !== null) refuse(response, detail);
                else if (isForPortd) forward(incoming, response, target);
                else next();
            });
        },
    };
}
