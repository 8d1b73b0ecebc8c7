import { useLayoutEffect, useState, type RefObject } from "react";

/** The element's width in whole pixels, kept up to date; `fallback` where nothing is laid out; 0 before the first layout, so that nothing is drawn twice. */
export function useWidth(ref: RefObject<Element | null>, fallback: number): number {
    const [width, setWidth] = useState(0);
    useLayoutEffect(() => {
        const element = ref.current;
        if (!element) return;
        const measure = (): void => setWidth(Math.floor(element.getBoundingClientRect().width) || fallback);
        measure();
        if (typeof ResizeObserver === "undefined") return;
        const observer = new ResizeObserver(measure);
        observer.observe(element);
        return () => observer.disconnect();
    }, [ref, fallback]);
    return width;
}
