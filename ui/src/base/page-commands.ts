/* What can be done with the page itself. Each view tells its own here, and the palette lists them: it never offers what is not there. */
import { useEffect, useRef, useSyncExternalStore } from "react";

export interface PageCommand {
    id: string;
    /** "Pause the timeline". */
    label: string;
    /** The key that does the same. */
    keys?: string;
    run(): void;
}

const commands = new Map<string, PageCommand>();
const changed = new Set<() => void>();
let list: readonly PageCommand[] = [];

function tell(): void {
    list = [...commands.values()];
    changed.forEach((listener) => listener());
}

/** As long as the component is there, and has a label for it. Only a new id, label or key makes a new entry; `run` is always the latest. */
export function usePageCommand(id: string, label: string | null, run: () => void, keys?: string): void {
    const latest = useRef(run);
    useEffect(() => {
        latest.current = run;
    });
    useEffect(() => {
        if (label === null) return;
        const command: PageCommand = { id, label, run: () => latest.current(), ...(keys === undefined ? {} : { keys }) };
        commands.set(id, command);
        tell();
        return () => {
            if (commands.get(id) === command) commands.delete(id);
            tell();
        };
    }, [id, label, keys]);
}

export function usePageCommands(): readonly PageCommand[] {
    return useSyncExternalStore(
        (listener) => {
            changed.add(listener);
            return () => changed.delete(listener);
        },
        () => list,
    );
}
