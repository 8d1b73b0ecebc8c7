/*
 * The filter language: `port:8000-8100 state:squatted -user:ann text`. All terms must hold. A term that means nothing (an unknown key, a port that is no
 * number) is said, with what was probably meant, and otherwise left out: a slip of the pen must not make a port vanish from the page.
 */
import { stateWords, shownAt, type PortRow, type RowState } from "../rows/rows.ts";
import { nearest } from "./nearest.ts";
import { textOf, type RowText } from "./row-text.ts";
import { readTerms, type Term } from "./terms.ts";

export interface Filter {
    /** As typed. */
    text: string;
    /** What of it was not understood, in sentences. */
    problems: readonly string[];
    /** Nothing is filtered. */
    empty: boolean;
    /** It asks for a state, so what it shows changes with the time. */
    timed: boolean;
    matches(row: PortRow, now: number): boolean;
}

type Test = (row: PortRow, text: RowText, now: number) => boolean;

/** A term that was understood, one that is not finished (null), or what is wrong with it. */
type Read = Test | null | { problem: string };

interface Key {
    /** For the help: how it is written, and what it finds. */
    example: string;
    meaning: string;
    read(value: string, term: Term, me: number | null): Read;
}

const problem = (sentence: string): { problem: string } => ({ problem: sentence });

function readPort(value: string): Read {
    const range = /^(\d{1,5})(?:-(\d{0,5}))?$/.exec(value);
    if (!range) return problem(`port: takes a number or a range, as port:8001 or port:8000-8100; "${short(value)}" is neither.`);
    const min = Number(range[1]);
    // Half a range is one that is still being typed.
    if (range[2] === "") return (row) => row.port >= min;
    const max = range[2] === undefined ? min : Number(range[2]);
    if (max < min) return problem(`port:${value} is empty; did you mean port:${max}-${min}?`);
    return (row) => row.port >= min && row.port <= max;
}

function readPid(value: string): Read {
    if (!/^\d{1,10}$/.test(value)) return problem(`pid: takes a number, as pid:4711; "${short(value)}" is none.`);
    const pid = Number(value);
    return (_row, text) => text.pids.includes(pid);
}

const plain = (word: string): string => word.toLowerCase().replace(/[\s_,-]+/g, " ");

/** By the states' names and by the words that are shown for them. */
function statesOf(value: string): RowState[] {
    const wanted = plain(value);
    const states = Object.keys(stateWords) as RowState[];
    const exact = states.filter((state) => state === wanted || plain(stateWords[state].word) === wanted);
    if (exact.length > 0) return exact;
    return states.filter((state) => state.startsWith(wanted) || plain(stateWords[state].word).startsWith(wanted));
}

function readState(value: string): Read {
    const states = new Set(statesOf(value));
    if (states.size > 0) return (row, _text, now) => states.has(shownAt(row, now).state);
    if (Object.hasOwn(flags, value.toLowerCase())) return problem(`No state "${value}"; did you mean is:${value.toLowerCase()}?`);
    const words = Object.entries(stateWords).flatMap(([state, { word }]) => [state, word]);
    const near = nearest(value.toLowerCase(), words);
    return problem(`No state "${short(value)}"${near ? `; did you mean state:${near.includes(" ") ? `"${near}"` : near}?` : ", as state:squatted."}`);
}

const flags: Record<string, (me: number | null) => Test> = {
    conflict: () => (row) => row.findings.length > 0 && !row.ignored,
    leased: () => (row) => row.lease !== null,
    ignored: () => (row) => row.ignored,
    mine: (me) => (_row, text) => me !== null && text.uids.includes(me),
};

function readFlag(value: string, _term: Term, me: number | null): Read {
    const flag = value.toLowerCase();
    if (Object.hasOwn(flags, flag)) return flags[flag]!(me);
    const names = Object.keys(flags);
    // Typing has begun; it says nothing wrong yet.
    if (names.some((name) => name.startsWith(flag))) return null;
    const near = nearest(flag, names);
    if (near) return problem(`No filter is:${short(value)}; did you mean is:${near}?`);
    const states = statesOf(value);
    if (states[0]) return problem(`No filter is:${short(value)}; did you mean state:${states[0]}?`);
    return problem(`No filter is:${short(value)}; there are is:conflict, is:leased, is:ignored and is:mine.`);
}

function readUser(value: string): Read {
    const name = value.toLowerCase();
    const uid = /^\d{1,10}$/.test(value) ? Number(value) : null;
    return (_row, text) => text.users.some((user) => user.startsWith(name)) || (uid !== null && text.uids.includes(uid));
}

const contains =
    (field: "service" | "process" | "project") =>
    (value: string): Read => {
        const wanted = value.toLowerCase();
        return (_row, text) => text[field].includes(wanted);
    };

function readTag(value: string): Read {
    const wanted = value.toLowerCase();
    return (_row, text) => text.tags.some((tag) => tag.startsWith(wanted));
}

export const filterKeys: Readonly<Record<string, Key>> = {
    port: { example: "port:8000-8100", meaning: "a port or a range of ports", read: readPort },
    state: { example: "state:squatted", meaning: "a state, by its name or its word", read: readState },
    user: { example: "user:ann", meaning: "whose lease or process it is; a login's beginning, or a uid", read: readUser },
    service: { example: "service:my-api", meaning: "part of the service's name", read: contains("service") },
    process: { example: "process:node", meaning: "part of the process's name", read: contains("process") },
    pid: { example: "pid:4711", meaning: "the process or the holder", read: readPid },
    project: { example: "project:shop", meaning: "part of the project's name", read: contains("project") },
    tag: { example: "tag:test", meaning: "a tag's beginning", read: readTag },
    is: { example: "is:conflict", meaning: "conflict, leased, ignored or mine", read: readFlag },
};

function short(value: string): string {
    return value.length > 40 ? `${value.slice(0, 39)}…` : value;
}

function readText(value: string): Read {
    const wanted = value.toLowerCase();
    return (_row, text) => text.port.startsWith(wanted) || text.all.includes(wanted);
}

function readTerm(term: Term, me: number | null): Read {
    // Not finished yet: `state:`, or the minus of what is going to be negated.
    if (term.value === "" || (term.value === "-" && !term.quoted)) return null;
    if (term.key === null) return readText(term.value);
    if (Object.hasOwn(filterKeys, term.key)) return filterKeys[term.key]!.read(term.value, term, me);
    const near = nearest(term.key, Object.keys(filterKeys));
    return problem(`No filter key "${short(term.key)}"; ${near ? `did you mean ${near}:?` : "for text with a colon, put it in quotes."}`);
}

/** `me`: the caller's uid, for is:mine; null while it is not known. */
export function parseFilter(text: string, me: number | null): Filter {
    const tests: Test[] = [];
    const problems: string[] = [];
    let timed = false;
    for (const term of readTerms(text)) {
        const read = readTerm(term, me);
        if (read === null) continue;
        if (typeof read !== "function") {
            problems.push(read.problem);
            continue;
        }
        timed ||= term.key === "state";
        tests.push(term.negated ? (row, words, now) => !read(row, words, now) : read);
    }
    return {
        text,
        problems,
        empty: tests.length === 0,
        timed,
        matches: (row, now) => tests.every((test) => test(row, textOf(row), now)),
    };
}
