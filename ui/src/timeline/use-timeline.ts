/* What the timeline shows: what was read, what has come since, what goes on; up to now, or to where it was paused. */
import { useEffect, useMemo, useRef, useState } from "react";
import type { Event } from "../api/types.ts";
import { useAnswer } from "../api/use-answer.ts";
import { useNow } from "../base/time.ts";
import { EVENTS_MAX, type Meta } from "../live/state.ts";
import type { LiveStore } from "../live/store.ts";
import { useIsLive, useLiveStore } from "../live/use-live.ts";
import { spanMs, stepMs, type SpanLength } from "./axis.ts";
import { readHistory, type History } from "./reading.ts";
import { foldSpans, isWithin, mergeEvents, type LivePorts, type Span } from "./spans.ts";

interface Sample {
    events: readonly Event[];
    ports: LivePorts;
    meta: Meta | null;
    run: string | null;
    missed: number;
    at: number;
}

/** Folding waits so long for more: a burst of changes is folded a few times, not once a frame. */
const SAMPLE_MS = 250;
const SAMPLE_MANY_MS = 1000;
const MANY_PORTS = 5000;
/** What no one has ended is looked at so often, whether it still goes on. */
const SETTLE_MS = 3000;

function sampleOf(store: LiveStore): Sample {
    const { state } = store.get();
    return { events: state.events, ports: state.ports, meta: state.meta, run: state.run, missed: state.missed, at: Date.now() };
}

function useSample(): Sample {
    const store = useLiveStore();
    const [sample, setSample] = useState(() => sampleOf(store));
    useEffect(() => {
        let timer: ReturnType<typeof setTimeout> | null = null;
        const take = (): void => {
            timer = null;
            const next = sampleOf(store);
            setSample((before) =>
                before.events === next.events && before.ports === next.ports && before.meta === next.meta && before.missed === next.missed
                    ? before
                    : next,
            );
        };
        take();
        const leave = store.subscribe(() => {
            timer ??= setTimeout(take, store.get().state.ports.size > MANY_PORTS ? SAMPLE_MANY_MS : SAMPLE_MS);
        });
        return () => {
            leave();
            if (timer !== null) clearTimeout(timer);
        };
    }, [store]);
    return sample;
}

function useReducedMotion(): boolean {
    const query = useMemo(() => window.matchMedia("(prefers-reduced-motion: reduce)"), []);
    const [reduced, setReduced] = useState(query.matches);
    useEffect(() => {
        const change = (): void => setReduced(query.matches);
        query.addEventListener("change", change);
        return () => query.removeEventListener("change", change);
    }, [query]);
    return reduced;
}

/* Where the window ends. It moves by steps, at once with what is new, and not at all where nothing should move, or while the data is stale. */
function useEnd(length: SpanLength, sample: Sample): { end: number; now: number; live: boolean } {
    const live = useIsLive();
    const still = useReducedMotion();
    const store = useLiveStore();
    const tick = useNow();
    const dataAt = store.get().dataAt;
    if (!live && dataAt !== null) return { end: dataAt, now: dataAt, live };
    const now = Math.max(tick, sample.at);
    const step = stepMs[length];
    return { end: still ? sample.at : Math.max(sample.at, Math.floor(now / step) * step), now, live };
}

/* Events have come that are in neither: they were read before, and the live ones are the newest EVENTS_MAX only. */
function hasHole(history: History | undefined, events: readonly Event[]): boolean {
    return history !== undefined && events.length >= EVENTS_MAX && events[0]!.id > history.lastId + 1;
}

function useHistory(length: SpanLength, sample: Sample) {
    const answer = useAnswer<History>({
        key: sample.run === null ? null : `${length} ${sample.run}`,
        read: (signal) => readHistory(Date.now() - spanMs[length], signal),
    });
    const { again } = answer;
    // Events have not come that there were: then they are in the history.
    const missed = useRef(sample.missed);
    const hole = hasHole(answer.data, sample.events);
    useEffect(() => {
        if (missed.current === sample.missed && !hole) return;
        const first = missed.current === 0;
        missed.current = sample.missed;
        if (!first) again();
    }, [sample.missed, hole, again]);
    return answer;
}

export interface TimelineView {
    from: number;
    end: number;
    /** Spans that reach into the window. */
    spans: readonly Span[];
    /** From here on all is known; null: from the window's begin. */
    knownFrom: number | null;
    loading: boolean;
    error: Error | null;
    retry(): void;
    live: boolean;
    /** When it was paused (ms); null: it moves. */
    pausedAt: number | null;
    pause(): void;
    resume(): void;
}

export function useTimeline(length: SpanLength): TimelineView {
    const current = useSample();
    const [paused, setPaused] = useState<{ sample: Sample; at: number } | null>(null);
    const clock = useEnd(length, current);
    const sample = paused?.sample ?? current;
    const end = paused?.at ?? clock.end;
    const from = end - spanMs[length];
    const history = useHistory(length, current);
    const settleAt = paused?.at ?? Math.max(sample.at, Math.floor(clock.now / SETTLE_MS) * SETTLE_MS);

    const spans = useMemo(() => {
        const events = mergeEvents(history.data?.events ?? [], sample.events);
        const until = paused ? events.filter((event) => Date.parse(event.at) <= paused.at) : events;
        return foldSpans(until, sample.meta ? sample.ports : null, settleAt);
    }, [history.data, sample, paused, settleAt]);
    const within = useMemo(() => spans.filter((span) => isWithin(span, from, end)), [spans, from, end]);

    const first = history.data?.cut ? Date.parse(history.data.events[0]!.at) : null;
    return {
        from,
        end,
        spans: within,
        knownFrom: first !== null && first > from ? first : null,
        loading: history.isReading && history.data === undefined,
        error: history.error,
        retry: history.again,
        live: clock.live,
        pausedAt: paused?.at ?? null,
        pause: () => setPaused({ sample: current, at: clock.live ? Math.max(Date.now(), current.at) : clock.end }),
        resume: () => setPaused(null),
    };
}
