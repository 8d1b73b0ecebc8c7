/* What this browser remembers for a person. It may be full or denied: then the page works, and forgets. */
export function remember(key: string, value: string): void {
    try {
        localStorage.setItem(`portmanager-${key}`, value);
    } catch {
        // Nothing depends on it.
    }
}

export function recall(key: string): string | null {
    try {
        return localStorage.getItem(`portmanager-${key}`);
    } catch {
        return null;
    }
}
