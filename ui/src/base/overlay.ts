/* What lies over the page and belongs to no port: the palette, the help. One at a time. */
import { useSyncExternalStore } from "react";

export type Overlay = "palette" | "help";

let open: Overlay | null = null;
const changed = new Set<() => void>();

export function setOverlay(overlay: Overlay | null): void {
    open = overlay;
    changed.forEach((listener) => listener());
}

export function getOverlay(): Overlay | null {
    return open;
}

export function useOverlay(): Overlay | null {
    return useSyncExternalStore(
        (listener) => {
            changed.add(listener);
            return () => changed.delete(listener);
        },
        () => open,
    );
}
