/*
 * The live state of the page: snapshots, the stream or another tab's, folded together; and how live it is.
 *
 * Messages are folded in batches, one a frame, so that a burst of a thousand records paints once. A tab that was frozen, or missed something, notices it by
 * the gap in the versions and reads a snapshot.
 */
import { get, ProblemError, unreachable, unreadable } from "../api/client.ts";
import type { Event, PortRecord } from "../api/types.ts";
import { readSnapshot } from "./read.ts";
import { emptyState, fold, type LiveMessage, type LiveState } from "./state.ts";
import { openStream, type Stream, type StreamPosition } from "./stream.ts";
import { joinTabs, type Tabs } from "./tabs.ts";

/** loading: nothing is known yet. down: nobody answers. refused: portd answers, but not to us (`problem` says why). */
export type Liveness = "loading" | "live" | "reconnecting" | "down" | "refused";

export interface Live {
    state: LiveState;
    liveness: Liveness;
    /** When the newest data came (ms); null: none yet. */
    dataAt: number | null;
    problem: ProblemError | null;
}

type TabMessage =
    | { type: "record"; run: string | null; record: PortRecord; receivedAt: number }
    | { type: "event"; event: Event }
    | { type: "pulse"; liveness: Liveness; run: string | null; version: number }
    | { type: "hello" };

/** Nobody has answered for so long: not reconnecting any more, but down. */
const DOWN_AFTER_MS = 3000;
const RETRY_MS = 1000;
/** What comes is folded once a frame; where the lists that are made of it are long, more seldom. */
const BATCH_MS = 16;
const BATCH_OF_MANY_MS = 250;
const MANY_PORTS = 10_000;
/** The tab with the stream says so often that it is there. Who has not heard it for three of them asks: a browser lets a hidden tab's timers run once a
 * minute, but its messages at once. Who has no answer either reads for himself. */
const PULSE_MS = 2000;
const ASK_AFTER_MS = 3 * PULSE_MS;
const DEAF_AFTER_MS = 5 * PULSE_MS;
/** A stream says nothing while nothing happens, and a portd that hangs says nothing, too. So after this silence it is asked. */
const SILENT_MS = 10_000;
const ANSWER_MS = 5000;
/** A snapshot may have megabytes. */
const SNAPSHOT_MS = 30_000;

export class LiveStore {
    private live: Live = { state: emptyState, liveness: "loading", dataAt: null, problem: null };
    private readonly listeners = new Set<() => void>();
    private queue: LiveMessage[] = [];
    private frame: ReturnType<typeof setTimeout> | null = null;
    private stream: Stream | null = null;
    private tabs: Tabs<TabMessage> | null = null;
    private loading: AbortController | null = null;
    private wanted = false;
    private retry: ReturnType<typeof setTimeout> | null = null;
    private pulse: ReturnType<typeof setInterval> | null = null;
    private heardAt = 0;
    /** When the stream, or portd when asked, said something last. */
    private spokeAt = 0;
    private asking = false;
    private downSince: number | null = null;
    private up = false;
    /** The stream cannot go on from what is known; a snapshot is on its way. */
    private outdated = false;

    readonly subscribe = (listener: () => void): (() => void) => {
        this.listeners.add(listener);
        return () => this.listeners.delete(listener);
    };

    readonly get = (): Live => this.live;

    start(): () => void {
        this.heardAt = Date.now();
        this.tabs = joinTabs<TabMessage>({ onMessage: (message) => this.hear(message), onLead: () => this.lead() });
        this.tabs.send({ type: "hello" });
        this.pulse = setInterval(() => this.beat(), PULSE_MS);
        const shown = (): void => {
            if (document.visibilityState === "visible") this.beat();
        };
        // A page that comes back out of the browser's cache has missed what was said meanwhile.
        const back = (event: PageTransitionEvent): void => {
            if (event.persisted) this.load();
        };
        document.addEventListener("visibilitychange", shown);
        window.addEventListener("pageshow", back);
        this.load();
        return () => {
            document.removeEventListener("visibilitychange", shown);
            window.removeEventListener("pageshow", back);
            this.stop();
        };
    }

    /** Reads a snapshot now: after an action, so that its effect is seen even where the stream is behind. */
    refresh(): void {
        this.load();
    }

    private stop(): void {
        this.tabs?.close();
        this.stream?.close();
        this.loading?.abort();
        if (this.retry !== null) clearTimeout(this.retry);
        if (this.pulse !== null) clearInterval(this.pulse);
        if (this.frame !== null) clearTimeout(this.frame);
        this.tabs = this.stream = this.loading = this.retry = this.pulse = this.frame = null;
        this.queue = [];
        this.up = false;
    }

    private set(change: Partial<Live>): void {
        this.live = { ...this.live, ...change };
        this.listeners.forEach((listener) => listener());
    }

    private take(message: LiveMessage): void {
        this.queue.push(message);
        this.frame ??= setTimeout(() => this.flush(), this.live.state.ports.size > MANY_PORTS ? BATCH_OF_MANY_MS : BATCH_MS);
    }

    private flush(): void {
        if (this.frame !== null) clearTimeout(this.frame);
        this.frame = null;
        const state = fold(this.live.state, this.queue);
        this.queue = [];
        if (state !== this.live.state) this.set({ state, dataAt: Date.now() });
        if (state.gap) this.load();
    }

    /* One snapshot at a time; who wants one while one is on its way gets another after it. */
    private load(): void {
        this.wanted = true;
        if (this.loading) return;
        if (this.retry !== null) clearTimeout(this.retry);
        this.retry = null;
        this.wanted = false;
        const abort = new AbortController();
        this.loading = abort;
        const timer = setTimeout(() => {
            if (this.loading !== abort) return;
            abort.abort();
            this.loading = null;
            this.failed(unreachable("portd does not answer."));
        }, SNAPSHOT_MS);
        get<unknown>("/snapshot", abort.signal).then(
            (answer) => {
                clearTimeout(timer);
                if (abort.signal.aborted) return;
                this.loading = null;
                const snapshot = readSnapshot(answer);
                if (!snapshot) {
                    this.failed(unreadable());
                    return;
                }
                this.outdated = false;
                this.take({ type: "snapshot", snapshot, receivedAt: Date.now() });
                this.flush();
                this.answered();
                if (this.wanted) this.load();
            },
            (error: unknown) => {
                clearTimeout(timer);
                if (abort.signal.aborted) return;
                this.loading = null;
                this.failed(error);
            },
        );
    }

    private answered(): void {
        this.downSince = null;
        // The tab that has the stream is live when that is up; the others are when they hear of it.
        const live = this.stream ? this.up : true;
        this.set({ liveness: live ? "live" : "reconnecting", problem: null, dataAt: Date.now() });
    }

    private failed(error: unknown): void {
        const problem = error instanceof ProblemError ? error : null;
        if (problem && problem.problem.status !== 0) {
            this.downSince = null;
            this.set({ liveness: "refused", problem });
        } else this.lost(true);
        this.retry ??= setTimeout(() => {
            this.retry = null;
            this.load();
        }, RETRY_MS);
    }

    /* Where portd refuses, the stream breaks, too: only that nobody answers ends a refusal. */
    private lost(unanswered: boolean): void {
        if (this.live.liveness === "refused" && !unanswered) return;
        this.downSince ??= Date.now();
        const down = Date.now() - this.downSince >= DOWN_AFTER_MS;
        this.set({ liveness: down ? "down" : this.live.dataAt === null ? "loading" : "reconnecting", problem: null });
    }

    private position(): StreamPosition | null {
        const { run, version, seq } = this.live.state;
        return run === null || this.outdated ? null : { run, version, seq };
    }

    private lead(): void {
        this.stream = openStream({
            position: () => this.position(),
            onRecord: (record) => {
                const receivedAt = Date.now();
                this.spokeAt = receivedAt;
                this.take({ type: "port", record, receivedAt });
                this.tabs?.send({ type: "record", run: this.live.state.run, record, receivedAt });
            },
            onEvent: (event) => {
                this.spokeAt = Date.now();
                this.take({ type: "event", event });
                this.tabs?.send({ type: "event", event });
            },
            onReset: () => {
                this.outdated = true;
                this.load();
            },
            onUp: () => {
                this.up = true;
                this.spokeAt = Date.now();
                this.downSince = null;
                this.set({ liveness: "live", problem: null, dataAt: Date.now() });
                this.beat();
            },
            onDown: () => {
                this.up = false;
                this.lost(false);
                this.beat();
                // Says whether portd is gone, or only the stream is.
                this.load();
            },
        });
    }

    private beat(): void {
        if (this.stream) {
            if (this.up && Date.now() - this.spokeAt > SILENT_MS) this.ask();
            const { liveness, state } = this.live;
            this.tabs?.send({ type: "pulse", liveness, run: state.run, version: state.version });
            return;
        }
        const silence = Date.now() - this.heardAt;
        if (silence > DEAF_AFTER_MS) this.load();
        else if (silence > ASK_AFTER_MS) this.tabs?.send({ type: "hello" });
    }

    /* Is portd still there, behind a stream that is open and says nothing? */
    private ask(): void {
        if (this.asking) return;
        this.asking = true;
        const abort = new AbortController();
        const timer = setTimeout(() => {
            abort.abort();
            this.asking = false;
            // It hangs, and is not gone: then the stream would have ended.
            if (this.up) this.set({ liveness: "reconnecting" });
        }, ANSWER_MS);
        const done = (): void => {
            clearTimeout(timer);
            if (!abort.signal.aborted) this.asking = false;
        };
        get<unknown>("/healthz", abort.signal).then(() => {
            done();
            if (abort.signal.aborted) return;
            this.spokeAt = Date.now();
            if (this.up) this.set({ liveness: "live", problem: null, dataAt: this.spokeAt });
        }, done);
    }

    private hear(message: TabMessage): void {
        if (message.type === "hello") {
            if (this.stream) this.beat();
            return;
        }
        if (this.stream) return;
        this.heardAt = Date.now();
        // Another run's records count their versions anew: they are in its snapshot, which the pulse asks for.
        if (message.type === "record" && message.run !== this.live.state.run) return;
        if (message.type === "record") this.take({ type: "port", record: message.record, receivedAt: message.receivedAt });
        else if (message.type === "event") this.take({ type: "event", event: message.event });
        else this.hearPulse(message);
    }

    private hearPulse(pulse: TabMessage & { type: "pulse" }): void {
        this.flush();
        const { state } = this.live;
        if (pulse.run !== null && (pulse.run !== state.run || pulse.version > state.version)) this.load();
        if (pulse.liveness === "live") {
            this.downSince = null;
            if (state.run !== null) this.set({ liveness: "live", problem: null, dataAt: Date.now() });
        } else if (pulse.liveness !== "loading" && this.live.liveness !== pulse.liveness) {
            this.set({ liveness: pulse.liveness });
            // The reason is told to who asks.
            if (pulse.liveness === "refused") this.load();
        }
    }
}
