/*
 * Which rows of a long list are in the page: those that are seen, and some around them. All rows have one height, so a row's place is its index times that;
 * the height itself is the browser's (its fonts, the width of the page) and is measured.
 */
import { useCallback, useLayoutEffect, useMemo, useRef, useState } from "react";
import { flushSync } from "react-dom";

export interface RowWindow {
    first: number;
    /** Not in it any more. */
    end: number;
}

/* Moved in steps, so that scrolling by a few rows renders nothing. */
const STEP = 8;
const AROUND = 16;
const ROW_HEIGHT = 32;
const VIEW_HEIGHT = 640;

export function windowOf(scrollTop: number, viewHeight: number, rowHeight: number, count: number): RowWindow {
    const first = Math.floor(scrollTop / rowHeight / STEP) * STEP - AROUND;
    const end = Math.ceil((scrollTop + viewHeight) / rowHeight / STEP) * STEP + AROUND;
    return { first: Math.max(0, Math.min(first, count - (end - first))), end: Math.min(count, Math.max(end, 0)) };
}

/** The rows of the window, and the one that has to stay, in order. */
export function indexesOf(window: RowWindow, kept: number, count: number): number[] {
    const indexes = Array.from({ length: Math.max(0, window.end - window.first) }, (_, i) => window.first + i);
    if (kept < window.first && kept >= 0) indexes.unshift(kept);
    else if (kept >= window.end && kept < count) indexes.push(kept);
    return indexes;
}

interface Seen {
    top: number;
    height: number;
    rowHeight: number;
}

export function useRowWindow(count: number) {
    const scroller = useRef<HTMLDivElement>(null);
    const [seen, setSeen] = useState<Seen>({ top: 0, height: VIEW_HEIGHT, rowHeight: ROW_HEIGHT });
    const { first, end } = windowOf(seen.top, seen.height, seen.rowHeight, count);
    const window = useMemo(() => ({ first, end }), [first, end]);
    const latest = useRef({ seen, count });
    latest.current = { seen, count };

    const look = useCallback(() => {
        const box = scroller.current;
        if (!box) return;
        const before = latest.current.seen;
        const rowHeight = box.querySelector<HTMLElement>("tr[data-index]")?.offsetHeight || before.rowHeight;
        const now = { top: box.scrollTop, height: box.clientHeight || VIEW_HEIGHT, rowHeight };
        const a = windowOf(before.top, before.height, before.rowHeight, latest.current.count);
        const b = windowOf(now.top, now.height, now.rowHeight, latest.current.count);
        if (a.first !== b.first || a.end !== b.end || before.rowHeight !== rowHeight) setSeen(now);
    }, []);
    // Before the frame that shows the new place is painted: else there would be a blank one.
    const onScroll = useCallback(() => flushSync(look), [look]);

    useLayoutEffect(look);
    useLayoutEffect(() => {
        if (!scroller.current || typeof ResizeObserver === "undefined") return;
        const observer = new ResizeObserver(look);
        observer.observe(scroller.current);
        return () => observer.disconnect();
    }, [look]);

    /** Into view, below the heading, which covers the first rows. */
    const scrollTo = useCallback((index: number) => {
        const box = scroller.current;
        if (!box) return;
        const { rowHeight } = latest.current.seen;
        const head = box.querySelector<HTMLElement>("thead")?.offsetHeight ?? 0;
        const top = index * rowHeight;
        const room = box.clientHeight - head - rowHeight;
        if (top < box.scrollTop) box.scrollTop = top;
        else if (top > box.scrollTop + room) box.scrollTop = top - room;
    }, []);
    return { scroller, window, rowHeight: seen.rowHeight, onScroll, scrollTo };
}
