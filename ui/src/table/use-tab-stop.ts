/*
 * One tab stop for the whole list, which the arrow keys move. It belongs to a row, not to a place: what comes and goes above it does not move it, and if
 * its row goes while somebody is there, the row that takes its place has it.
 */
import { useCallback, useLayoutEffect, useMemo, useRef, useState, type FocusEvent, type KeyboardEvent } from "react";
import type { Item } from "./view.ts";

const PAGE = 10;

/* What a key does with the place; null: nothing. */
function target(key: string, at: number, length: number): number | null {
    const to = { ArrowDown: at + 1, ArrowUp: at - 1, PageDown: at + PAGE, PageUp: at - PAGE, Home: 0, End: length - 1 }[key];
    return to === undefined ? null : Math.max(0, Math.min(length - 1, to));
}

function isNowhere(): boolean {
    return document.activeElement === null || document.activeElement === document.body;
}

export interface TabStop {
    index: number;
    bodyProps: {
        onKeyDown(event: KeyboardEvent<HTMLElement>): void;
        onFocus(event: FocusEvent<HTMLElement>): void;
        onBlur(event: FocusEvent<HTMLElement>): void;
    };
}

export function useTabStop(items: readonly Item[], body: { current: HTMLElement | null }, scrollTo: (index: number) => void): TabStop {
    const [key, setKey] = useState<string | null>(null);
    const lastIndex = useRef(0);
    const inside = useRef(false);
    const wanted = useRef(false);

    const found = useMemo(() => (key === null ? -1 : items.findIndex((item) => item.key === key)), [items, key]);
    const index = Math.max(0, found >= 0 ? found : Math.min(lastIndex.current, items.length - 1));

    const focus = useCallback(() => {
        body.current?.querySelector<HTMLElement>(`tr[data-index="${lastIndex.current}"] [data-tab-stop]`)?.focus({ preventScroll: true });
    }, [body]);
    useLayoutEffect(() => {
        lastIndex.current = index;
        if (wanted.current) {
            wanted.current = false;
            focus();
            return;
        }
        if (!inside.current || !isNowhere()) return;
        // An action that took the row away may have somewhere to hand the focus on to: it goes first.
        const timer = setTimeout(() => {
            if (inside.current && isNowhere()) focus();
        });
        return () => clearTimeout(timer);
    });

    const onKeyDown = useCallback(
        (event: KeyboardEvent<HTMLElement>) => {
            const element = event.target as Element;
            if (event.ctrlKey || event.metaKey || event.altKey || event.shiftKey || !event.currentTarget.contains(element)) return;
            if (element.closest("dialog, [popover], input, select, textarea")) return;
            const to = target(event.key, index, items.length);
            if (to === null || !items[to]) return;
            event.preventDefault();
            wanted.current = true;
            setKey(items[to].key);
            scrollTo(to);
        },
        [items, index, scrollTo],
    );
    const onFocus = useCallback((event: FocusEvent<HTMLElement>) => {
        inside.current = true;
        const row = (event.target as Element).closest<HTMLElement>("tr[data-key]");
        if (row?.dataset["key"] !== undefined) setKey(row.dataset["key"]);
    }, []);
    const onBlur = useCallback((event: FocusEvent<HTMLElement>) => {
        // Gone with its element, the focus is nowhere (no relatedTarget, and the element is out of the page): then it still is ours.
        if (event.target.isConnected && !event.currentTarget.contains(event.relatedTarget)) inside.current = false;
    }, []);
    return { index, bodyProps: useMemo(() => ({ onKeyDown, onFocus, onBlur }), [onKeyDown, onFocus, onBlur]) };
}
