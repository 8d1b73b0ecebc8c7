/*
 * What the palette lists for what was typed: ports, actions, commands of the page. The order is one that can be learnt: what is the same comes before what
 * begins so, that before what contains it, and letters that are merely scattered through a name come last; then ports before actions before the page's.
 */
import { actionsFor, leaseAction, type Action } from "../actions/actions.ts";
import type { Caller } from "../api/types.ts";
import type { PageCommand } from "../base/page-commands.ts";
import { textOf } from "../find/row-text.ts";
import type { Meta } from "../live/state.ts";
import type { PortRow } from "../rows/rows.ts";

export type Entry = { id: string; score: number } & (
    | { kind: "port"; row: PortRow }
    | { kind: "action"; action: Action; row: PortRow }
    | { kind: "lease"; action: Action; port: number }
    | { kind: "page"; command: PageCommand }
);

export interface Sources {
    rows: readonly PortRow[];
    meta: Meta | null;
    commands: readonly PageCommand[];
}

const SAME = 100;
const BEGINS = 80;
const WORD_BEGINS = 60;
const CONTAINS = 40;
const SCATTERED = 10;

const PORTS_MAX = 30;
const ACTIONS_MAX = 20;
/* For so many of the best ports a verb's actions are looked for. */
const ACTED_ON_MAX = 20;

/* The letters of the token, in order, the first at a word's beginning: "pgm" for "postgres-main". */
function isScattered(token: string, text: string): boolean {
    if (token.length < 3 || text.length > 200) return false;
    for (let begin = text.indexOf(token[0]!); begin >= 0; begin = text.indexOf(token[0]!, begin + 1)) {
        if (begin > 0 && /[a-z0-9]/.test(text[begin - 1]!)) continue;
        let at = begin;
        for (const letter of token) {
            at = text.indexOf(letter, at);
            if (at < 0) return false;
            at++;
        }
        return true;
    }
    return false;
}

/** How well a word that was typed fits a lower-cased text; 0: not at all. */
export function fit(token: string, text: string): number {
    if (text === "") return 0;
    if (text === token) return SAME;
    const at = text.indexOf(token);
    if (at === 0) return BEGINS;
    if (at > 0) {
        for (let i = at; i > 0; i = text.indexOf(token, i + 1)) if (!/[a-z0-9]/.test(text[i - 1]!)) return WORD_BEGINS;
        return CONTAINS;
    }
    return isScattered(token, text) ? SCATTERED : 0;
}

function fitPort(token: string, port: string): number {
    return port === token ? SAME : port.startsWith(token) ? BEGINS : 0;
}

/* A little less for a process than for a service, so that the service's own port comes before one where a program of that name runs. */
function fitRow(token: string, row: PortRow): number {
    const text = textOf(row);
    return Math.max(fitPort(token, text.port), fit(token, text.service), fit(token, text.process) - 5, text.users.includes(token) ? CONTAINS : 0, 0);
}

const verbs = [
    "open",
    "copy",
    "extend",
    "release",
    "move",
    "claim",
    "confirm",
    "disown",
    "stop",
    "ignore",
    "unignore",
    "lease",
    "explain",
    "give",
    "why",
];

/* What a label says of its port ("Stop python3…") is the port's, not the verb. */
function isVerb(token: string): boolean {
    return token.length >= 2 && verbs.some((verb) => verb.startsWith(token));
}

function fitAction(token: string, action: Action): number {
    if (!isVerb(token)) return 0;
    return Math.max(fit(token, action.id), fit(token, action.label.toLowerCase())) >= WORD_BEGINS ? BEGINS + 10 : 0;
}

interface Scored {
    row: PortRow;
    /** What each token is worth on this row. */
    fits: number[];
}

const sum = (numbers: readonly number[]): number => numbers.reduce((a, b) => a + b, 0);

/* The tokens that no verb can be must be found on the row. */
function scoreRows(tokens: readonly string[], rows: readonly PortRow[]): Scored[] {
    const maybeVerb = tokens.map(isVerb);
    const scored: Scored[] = [];
    for (const row of rows) {
        const fits: number[] = [];
        for (let i = 0; i < tokens.length; i++) {
            const value = fitRow(tokens[i]!, row);
            if (value === 0 && !maybeVerb[i]) break;
            fits.push(value);
        }
        if (fits.length === tokens.length) scored.push({ row, fits });
    }
    return scored.sort((a, b) => sum(b.fits) - sum(a.fits) || a.row.port - b.row.port);
}

function actionEntries(tokens: readonly string[], scored: readonly Scored[], caller: Caller): Entry[] {
    const entries: Entry[] = [];
    const ports = scored.filter(({ fits }) => fits.every((fit) => fit > 0));
    for (const { row, fits } of scored.slice(0, ACTED_ON_MAX)) {
        // Of one port that was meant, all that can be done; else what was asked for.
        const meant = fits.every((fit) => fit > 0) && (ports.length === 1 || tokens.some((token) => token === String(row.port)));
        for (const action of actionsFor(row, caller)) {
            const worth = tokens.map((token, i) => Math.max(fits[i]!, fitAction(token, action)));
            const named = tokens.some((token) => fitAction(token, action) > 0);
            if (worth.some((each) => each === 0) || !(named || meant)) continue;
            // What may not be done comes after the same where it may.
            const score = sum(worth) / tokens.length - (action.refused === null ? 0 : 1);
            entries.push({ kind: "action", id: `action-${row.port}-${action.id}`, action, row, score });
        }
    }
    return entries.slice(0, ACTIONS_MAX);
}

function portEntries(tokens: readonly string[], scored: readonly Scored[]): Entry[] {
    return scored
        .filter(({ fits }) => fits.every((fit) => fit > 0))
        .slice(0, PORTS_MAX)
        .map(({ row, fits }) => ({ kind: "port", id: `port-${row.port}`, row, score: sum(fits) / tokens.length }));
}

function pageEntries(tokens: readonly string[], commands: readonly PageCommand[]): Entry[] {
    const entries: Entry[] = [];
    for (const command of commands) {
        const fits = tokens.map((token) => fit(token, command.label.toLowerCase()));
        if (fits.every((each) => each > 0)) entries.push({ kind: "page", id: `page-${command.id}`, command, score: sum(fits) / tokens.length });
    }
    return entries;
}

/** Is the port in a list as portd tells it: "8100-8110,8200"? */
export function isListed(port: number, ranges: string): boolean {
    return ranges.split(",").some((part) => {
        const match = /^\s*(\d+)(?:-(\d+))?\s*$/.exec(part);
        return match !== null && port >= Number(match[1]) && port <= Number(match[2] ?? match[1]);
    });
}

function leaseEntry(tokens: readonly string[], { rows, meta }: Sources): Entry[] {
    const number = tokens.find((token) => /^\d{1,5}$/.test(token));
    const port = Number(number ?? 0);
    const others = tokens.filter((token) => token !== number);
    if (!meta || port < meta.range.min || port > meta.range.max || isListed(port, meta.excluded)) return [];
    if (rows.some((row) => row.port === port) || !others.every((token) => "lease".startsWith(token))) return [];
    return [{ kind: "lease", id: `lease-${port}`, action: leaseAction(port), port, score: SAME }];
}

const order: Record<Entry["kind"], number> = { lease: 0, port: 1, action: 2, page: 3 };

/** Nothing typed yet: what is wrong, and what the page can do. */
function firstEntries({ rows, commands }: Sources): Entry[] {
    const wrong = rows.filter((row) => row.findings.length > 0 && !row.ignored).slice(0, 5);
    return [
        ...wrong.map((row): Entry => ({ kind: "port", id: `port-${row.port}`, row, score: 0 })),
        ...commands.map((command): Entry => ({ kind: "page", id: `page-${command.id}`, command, score: 0 })),
    ];
}

export function entriesFor(query: string, sources: Sources): Entry[] {
    const tokens = query.toLowerCase().split(/\s+/).filter(Boolean).slice(0, 8);
    if (tokens.length === 0) return firstEntries(sources);
    const scored = scoreRows(tokens, sources.rows);
    const entries = [
        ...leaseEntry(tokens, sources),
        ...portEntries(tokens, scored),
        ...(sources.meta ? actionEntries(tokens, scored, sources.meta.caller) : []),
        ...pageEntries(tokens, sources.commands),
    ];
    // Stable, so what is worth the same keeps the order of its kind.
    return entries.sort((a, b) => b.score - a.score || order[a.kind] - order[b.kind]);
}
