/* What ActionHost shows: the dialog that is open, what was released and can be taken back, and errors whose button is not there (any more). */
import { useSyncExternalStore } from "react";
import type { ProblemError } from "../api/client.ts";
import type { PortRow } from "../rows/rows.ts";
import type { Action } from "./actions.ts";
import type { UndoPlan } from "./undo.ts";

export interface OpenDialog {
    key: number;
    action: Action;
    port: number;
    /** As it was when the dialog was opened: what is sent is what was shown. null: a free port. */
    row: PortRow | null;
}
export interface Undo {
    key: number;
    plan: UndoPlan;
    sentence: string;
}
export interface Notice {
    key: number;
    title: string;
    problem: ProblemError;
}
export interface HostState {
    dialog: OpenDialog | null;
    undos: readonly Undo[];
    notices: readonly Notice[];
}

/** More than these are not read any more. */
const NOTICES_MAX = 4;
const UNDOS_MAX = 5;

const empty: HostState = { dialog: null, undos: [], notices: [] };
let state = empty;
let lastKey = 0;
const listeners = new Set<() => void>();

function set(change: Partial<HostState>): void {
    state = { ...state, ...change };
    listeners.forEach((listener) => listener());
}

export const host = {
    openDialog(action: Action, port: number, row: PortRow | null): void {
        set({ dialog: { key: ++lastKey, action, port, row } });
    },
    closeDialog(): void {
        set({ dialog: null });
    },
    offerUndo(plan: UndoPlan, sentence: string): void {
        set({ undos: [...state.undos, { key: ++lastKey, plan, sentence }].slice(-UNDOS_MAX) });
    },
    dropUndo(key: number): void {
        set({ undos: state.undos.filter((each) => each.key !== key) });
    },
    tell(title: string, problem: ProblemError): void {
        set({ notices: [...state.notices, { key: ++lastKey, title, problem }].slice(-NOTICES_MAX) });
    },
    dropNotice(key: number): void {
        set({ notices: state.notices.filter((each) => each.key !== key) });
    },
    reset(): void {
        set(empty);
    },
};

function subscribe(listener: () => void): () => void {
    listeners.add(listener);
    return () => listeners.delete(listener);
}

export function useHost(): HostState {
    return useSyncExternalStore(subscribe, () => state);
}
