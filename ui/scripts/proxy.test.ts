import {
    createServer as createHttpServer,
    request,
    type IncomingHttpHeaders,
    type IncomingMessage,
    type Server,
    type ServerResponse,
} from "node:http";
import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { createServer, type ViteDevServer } from "vite";
import { portdProxy } from "./proxy.ts";

/* A portd that only says what it was asked, and streams what it is told to. */
class FakePortd {
    readonly server: Server;
    readonly asked: { method: string; url: string; headers: IncomingHttpHeaders; body: string }[] = [];
    stream: ServerResponse | undefined;

    constructor() {
        this.server = createHttpServer((incoming, response) => void this.answer(incoming, response));
    }

    get url(): URL {
        return new URL(`http://localhost:${(this.server.address() as AddressInfo).port}`);
    }

    private async answer(incoming: IncomingMessage, response: ServerResponse): Promise<void> {
        let body = "";
        for await (const bytes of incoming) body += String(bytes);
        this.asked.push({ method: incoming.method ?? "", url: incoming.url ?? "", headers: incoming.headers, body });
        if (incoming.url?.startsWith("/events")) {
            this.stream = response.writeHead(200, { "Content-Type": "text/event-stream" });
            response.flushHeaders();
        } else {
            response.writeHead(incoming.url === "/alloc" ? 409 : 200, { "Content-Type": "application/json" });
            response.end("[]");
        }
    }
}

let portd: FakePortd;
let vite: ViteDevServer;
let port: number;

async function startPortd(): Promise<FakePortd> {
    const started = new FakePortd();
    started.server.listen(0, "localhost");
    await once(started.server, "listening");
    return started;
}

async function startVite(): Promise<void> {
    vite = await createServer({
        configFile: false,
        logLevel: "silent",
        plugins: [portdProxy(portd.url)],
        server: { host: "localhost", port: 0, ws: false, hmr: false, watch: null },
        optimizeDeps: { noDiscovery: true },
    });
    await vite.listen();
    port = (vite.httpServer!.address() as AddressInfo).port;
}

beforeAll(async () => {
    portd = await startPortd();
    await startVite();
});

beforeEach(() => {
    portd.asked.length = 0;
});

afterAll(async () => {
    portd.server.closeAllConnections();
    portd.server.close();
    await vite.close();
});

interface Options {
    method?: string;
    headers?: Record<string, string>;
    body?: string;
}

/* Not fetch(), which would choose Host and Origin itself. */
async function open(path: string, { method = "GET", headers = {}, body }: Options = {}): Promise<IncomingMessage> {
    const outgoing = request({ host: "localhost", port, path, method, headers: { Host: `localhost:${port}`, ...headers }, agent: false });
    outgoing.end(body);
    const [answer] = (await once(outgoing, "response")) as [IncomingMessage];
    return answer;
}

async function status(path: string, options?: Options): Promise<number | undefined> {
    const answer = await open(path, options);
    answer.resume();
    return answer.statusCode;
}

test("the own page's requests reach portd, with portd's Host and without an Origin", async () => {
    expect(await status("/list?x=1", { headers: { "Sec-Fetch-Site": "same-origin" } })).toBe(200);
    const body = '{"service_name":"web"}';
    const headers = { Origin: `http://localhost:${port}`, "Content-Type": "application/json", "Content-Length": String(body.length) };
    expect(await status("/alloc", { method: "POST", headers, body })).toBe(409);
    expect(portd.asked.map(({ method, url }) => `${method} ${url}`)).toEqual(["GET /list?x=1", "POST /alloc"]);
    for (const { headers: heard } of portd.asked) {
        expect(heard.host).toBe(portd.url.host);
        expect(heard).not.toHaveProperty("origin");
    }
    expect(portd.asked[1]).toMatchObject({ body, headers: { "content-type": "application/json" } });
});

const strangers: [string, string, Record<string, string>][] = [
    ["another site's origin", "/list", { Origin: "http://evil.example" }],
    ["another port's origin", "/alloc", { Origin: "http://localhost:3000" }],
    ["portd's own origin", "/list", { Origin: "http://localhost:3030" }],
    ["an opaque origin", "/list", { Origin: "null" }],
    ["a rebound name", "/list", { Host: "evil.example:5173", "Sec-Fetch-Site": "same-origin" }],
    ["a rebound name for the page", "/", { Host: "evil.example" }],
    ["the address in place of the name", "/list", { Host: "127.0.0.1:5173", "Sec-Fetch-Site": "same-origin" }],
    ["another site's request without an origin", "/list", { "Sec-Fetch-Site": "cross-site" }],
    ["another port's request without an origin", "/list", { "Sec-Fetch-Site": "same-site" }],
    ["a link to an answer", "/list", { "Sec-Fetch-Site": "none" }],
    ["who is no browser", "/list", {}],
    ["another site's origin for a module", "/src/main.tsx", { Origin: "http://evil.example" }],
];

test.each(strangers)("%s gets a 403, and portd hears nothing", async (_name, path, headers) => {
    expect(await status(path, { headers, method: path === "/alloc" ? "POST" : "GET" })).toBe(403);
    expect(portd.asked).toEqual([]);
});

test("the own origin does not help a request of which the browser says that it is another site's", async () => {
    const headers = { Origin: `http://localhost:${port}`, "Sec-Fetch-Site": "cross-site" };
    expect(await status("/list", { headers })).toBe(403);
    expect(portd.asked).toEqual([]);
});

test("the page itself is Vite's", async () => {
    const answer = await open("/", { headers: { "Sec-Fetch-Site": "none", Accept: "text/html" } });
    answer.resume();
    expect(answer.statusCode).toBe(200);
    expect(answer.headers["content-type"]).toContain("text/html");
    expect(portd.asked).toEqual([]);
});

test("an event is there before the next one is sent, and the stream ends with its reader", async () => {
    const answer = await open("/events?since=0", { headers: { "Sec-Fetch-Site": "same-origin" } });
    expect(answer.headers["content-type"]).toBe("text/event-stream");
    for (const text of ["id: 1\n\n", "id: 2\n\n"]) {
        portd.stream?.write(text);
        const [bytes] = (await once(answer, "data")) as [Buffer];
        expect(bytes.toString()).toBe(text);
    }
    const closed = once(portd.stream as ServerResponse, "close");
    answer.destroy();
    await closed;
});

test("a portd that ends in the middle of a stream ends it for the reader, too", async () => {
    const answer = await open("/events", { headers: { "Sec-Fetch-Site": "same-origin" } });
    answer.resume();
    const closed = new Promise((resolve) => answer.on("close", resolve));
    answer.on("error", () => undefined);
    portd.stream?.socket?.destroy();
    await closed;
});

test("a portd that is not there is no answer, and not one of the proxy's", async () => {
    // The last test: nobody listens any more.
    portd.server.closeAllConnections();
    portd.server.close();
    await expect(open("/list", { headers: { "Sec-Fetch-Site": "same-origin" } })).rejects.toThrow("socket hang up");
});
