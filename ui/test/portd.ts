/* A portd that answers what a test tells it, and remembers what it was asked. */
import { act } from "@testing-library/react";
import { vi } from "vitest";
import type { Problem, Snapshot } from "../src/api/types.ts";
import type { LiveStore, Liveness } from "../src/live/store.ts";
import { stateWith } from "./samples.ts";

export interface Asked {
    path: string;
    body: Record<string, unknown> | null;
}

type Answer = object | Response | Promise<Response>;

/** Answers by path; a path that is not there is never answered. What is thrown is a connection that failed. */
export function fakePortd(answers: Record<string, (body: Record<string, unknown> | null, url: URL) => Answer>): {
    asked: Asked[];
    posts: () => Asked[];
} {
    const asked: Asked[] = [];
    vi.stubGlobal("fetch", (path: string, init: RequestInit) => {
        const body = typeof init.body === "string" ? (JSON.parse(init.body) as Record<string, unknown>) : null;
        const url = new URL(path, "http://localhost");
        asked.push({ path, body });
        const answer = answers[url.pathname];
        if (!answer) return new Promise(() => {});
        try {
            const said = answer(body, url);
            return Promise.resolve(said instanceof Response || said instanceof Promise ? said : Response.json(said));
        } catch (error) {
            return Promise.reject(error as Error);
        }
    });
    return { asked, posts: () => asked.filter((each) => each.body !== null) };
}

export function problem(status: number, kind: string, detail: string, more: Partial<Problem> = {}): Response {
    return Response.json({ type: `urn:portmanager:problem:${kind}`, title: kind, status, detail, ...more }, { status });
}

export function dead(): never {
    throw new TypeError("Failed to fetch");
}

/** The store has another state now, as after a record. */
export function become(store: LiveStore, change: Partial<Snapshot>, liveness: Liveness = "live"): void {
    act(() => (store as unknown as { set(change: object): void }).set({ state: stateWith(change), liveness }));
}
