/* A row's words, lower-cased once: a row is a new object whenever something of it has changed, so they can be kept beside it. */
import type { PortRow } from "../rows/rows.ts";

export interface RowText {
    port: string;
    service: string;
    process: string;
    project: string;
    tags: readonly string[];
    /** The lease's, the listeners' and the processes' users. */
    users: readonly string[];
    uids: readonly number[];
    pids: readonly number[];
    /** Service, process, command, user: what free text is looked for in. */
    all: string;
}

/* A command line may be as long as its author likes; what tells it from others is at its beginning. */
const COMMAND_MAX = 4096;

/* There are tens of thousands of rows, mostly of one listener or none: so no sets and no lists between. */
function add<T>(list: T[], value: T | null | undefined): void {
    if (value !== null && value !== undefined && !list.includes(value)) list.push(value);
}

function indexRow(row: PortRow): RowText {
    const service = row.service?.toLowerCase() ?? "";
    const users: string[] = [];
    const uids: number[] = [];
    const pids: number[] = [];
    const processes: string[] = [];
    const commands: string[] = [];
    const addParty = (user: string | null | undefined, uid: number | null, pid: number | null | undefined, process: string | null): void => {
        add(users, user?.toLowerCase());
        add(uids, uid);
        add(pids, pid);
        add(processes, process?.toLowerCase());
    };
    addParty(row.user, row.uid, row.pid, row.process);
    add(pids, row.lease?.holder?.pid);
    for (const listener of row.listeners) {
        addParty(listener.user, listener.uid, listener.pid, listener.process);
        for (const owner of listener.owners) {
            addParty(owner.user, owner.uid, owner.pid, owner.process);
            add(commands, owner.command?.slice(0, COMMAND_MAX).toLowerCase());
        }
    }
    return {
        port: String(row.port),
        service,
        process: processes.join("\n"),
        project: row.project?.toLowerCase() ?? "",
        tags: row.lease && row.lease.tags.length > 0 ? row.lease.tags.map((tag) => tag.toLowerCase()) : noTags,
        users,
        uids,
        pids,
        all: [service, ...processes, ...commands, ...users].join("\n"),
    };
}

const noTags: readonly string[] = [];
const known = new WeakMap<PortRow, RowText>();

export function textOf(row: PortRow): RowText {
    let text = known.get(row);
    if (!text) known.set(row, (text = indexRow(row)));
    return text;
}
