/* The page's one quiet live region: what was done, and what came. Not for what counts. */
import { useSyncExternalStore } from "react";

let text = "";
const listeners = new Set<() => void>();

export function announce(sentence: string): void {
    text = sentence;
    listeners.forEach((listener) => listener());
}

function subscribe(listener: () => void): () => void {
    listeners.add(listener);
    return () => listeners.delete(listener);
}

export function Announcer() {
    const said = useSyncExternalStore(subscribe, () => text);
    return (
        <div role="status" className="visually-hidden">
            {said}
        </div>
    );
}
