/*
 * Requests to portd. A refusal is a ProblemError with portd's own words; that nobody answered is a ProblemError, too, with status 0, so that whoever
 * shows errors has one kind to show.
 */
import type { Problem } from "./types.ts";

/** A problem of portd's, or one that the page made out of having no answer. */
export type Refusal = Omit<Problem, "type"> & { type: Problem["type"] | "urn:portmanager:problem:unreachable" | "about:blank" };

export class ProblemError extends Error {
    readonly problem: Refusal;

    constructor(problem: Refusal) {
        super(problem.detail);
        this.name = "ProblemError";
        this.problem = problem;
    }

    /** "port-taken", "stale-process", … ; "unreachable" if nobody answered. */
    get kind(): string {
        return this.problem.type.replace(/^urn:portmanager:problem:/, "");
    }
}

export function unreachable(detail: string): ProblemError {
    return new ProblemError({ type: "urn:portmanager:problem:unreachable", title: "portd does not answer", status: 0, detail });
}

/** It is an answer, but not one that this page can read: another program's, or a portd of another version. */
export function unreadable(): ProblemError {
    return new ProblemError({
        type: "about:blank",
        title: "This page cannot read the answer",
        status: 200,
        detail: "What answers here is not portd, or a portd of another version than this page.",
        hint: "reload the page",
    });
}

/* An answer that is no problem document: a proxy's, or one that was cut off in the middle. */
async function problemOf(response: Response): Promise<ProblemError> {
    const text = await response.text().catch(() => "");
    try {
        const problem: unknown = JSON.parse(text);
        if (problem !== null && typeof problem === "object" && "detail" in problem && typeof problem.detail === "string")
            return new ProblemError({ ...(problem as Problem), status: response.status });
    } catch {
        // told below
    }
    return new ProblemError({
        type: "about:blank",
        title: "portd refused",
        status: response.status,
        detail: `portd answered with status ${response.status}.`,
    });
}

async function call<Answer>(path: string, init: RequestInit): Promise<Answer> {
    let response: Response;
    try {
        response = await fetch(path, { ...init, credentials: "omit", cache: "no-store" });
    } catch (error) {
        if (error instanceof DOMException && error.name === "AbortError") throw error;
        throw unreachable("portd does not answer; nothing is known of what became of this.");
    }
    if (!response.ok) throw await problemOf(response);
    try {
        return (await response.json()) as Answer;
    } catch {
        throw unreachable("portd's answer was cut off; look at what is shown before you try again.");
    }
}

export function get<Answer>(path: string, signal?: AbortSignal): Promise<Answer> {
    return call<Answer>(path, signal ? { signal } : {});
}

export function post<Answer>(path: string, body: object): Promise<Answer> {
    return call<Answer>(path, { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) });
}
