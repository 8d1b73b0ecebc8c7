/* An event stream, locks and channels between tabs that a test has in its hand. */
import { vi } from "vitest";

export class FakeEventSource extends EventTarget {
    static all: FakeEventSource[] = [];
    readonly url: string;
    closed = false;

    constructor(url: string) {
        super();
        this.url = url;
        FakeEventSource.all.push(this);
    }

    static get last(): FakeEventSource {
        return FakeEventSource.all.at(-1)!;
    }

    static get open(): FakeEventSource[] {
        return FakeEventSource.all.filter((each) => !each.closed);
    }

    close(): void {
        this.closed = true;
    }

    /* As a browser's: nothing comes out of one that was closed. */
    say(type: string, data: unknown = {}): void {
        if (!this.closed) this.dispatchEvent(new MessageEvent(type, { data: typeof data === "string" ? data : JSON.stringify(data) }));
    }
}

export class FakeChannel extends EventTarget {
    static all = new Set<FakeChannel>();

    constructor(readonly name: string) {
        super();
        FakeChannel.all.add(this);
    }

    postMessage(data: unknown): void {
        for (const other of FakeChannel.all)
            if (other !== this && other.name === this.name) other.dispatchEvent(new MessageEvent("message", { data: structuredClone(data) }));
    }

    close(): void {
        FakeChannel.all.delete(this);
    }
}

type Held = { name: string; run: () => Promise<void>; drop: (error: unknown) => void };

/** One holder at a time, the others in the order in which they came. */
export class FakeLocks {
    private readonly waiting: Held[] = [];
    private held = false;

    request(name: string, options: { signal?: AbortSignal }, run: () => Promise<void>): Promise<void> {
        return new Promise((resolve, reject) => {
            const each: Held = { name, run: () => run().then(resolve, reject), drop: reject };
            options.signal?.addEventListener("abort", () => {
                const at = this.waiting.indexOf(each);
                if (at < 0) return;
                this.waiting.splice(at, 1);
                reject(new DOMException("aborted", "AbortError"));
            });
            this.waiting.push(each);
            this.next();
        });
    }

    private next(): void {
        if (this.held) return;
        const each = this.waiting.shift();
        if (!each) return;
        this.held = true;
        void each.run().finally(() => {
            this.held = false;
            this.next();
        });
    }
}

/** Puts them in the browser's place. `locks`: undefined, there are none. */
export function fakeBrowser(locks: unknown = new FakeLocks(), channels = true): void {
    FakeEventSource.all = [];
    FakeChannel.all.clear();
    vi.stubGlobal("EventSource", FakeEventSource);
    vi.stubGlobal("BroadcastChannel", channels ? FakeChannel : undefined);
    Object.defineProperty(navigator, "locks", { value: locks, configurable: true });
}
