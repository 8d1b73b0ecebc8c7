/* Light, dark, or as the system has it. Applied when this module is read, which is before anything is painted: it is the page's first. */
import { useSyncExternalStore } from "react";
import { recall, remember } from "./storage.ts";

export const themes = ["system", "light", "dark"] as const;
export type Theme = (typeof themes)[number];

const changed = new Set<() => void>();
let theme: Theme = read();

function read(): Theme {
    const kept = recall("theme");
    return themes.find((each) => each === kept) ?? "system";
}

function apply(): void {
    if (theme === "system") delete document.documentElement.dataset["theme"];
    else document.documentElement.dataset["theme"] = theme;
    changed.forEach((listener) => listener());
}

apply();
// Another tab has changed it.
window.addEventListener("storage", () => {
    theme = read();
    apply();
});

export function setTheme(next: Theme): void {
    theme = next;
    remember("theme", next);
    apply();
}

export function useTheme(): Theme {
    return useSyncExternalStore(
        (listener) => {
            changed.add(listener);
            return () => changed.delete(listener);
        },
        () => theme,
    );
}
