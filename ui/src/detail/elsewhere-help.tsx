import { named } from "../actions/parties.ts";
import { quoteWord } from "../actions/shell.ts";
import type { Lease } from "../api/types.ts";
import { CopyLine } from "../base/copy-button.tsx";
import { useLive } from "../live/use-live.ts";

/* How programs that do not read PORT are told it; portctl run knows more of them. */
const flags: readonly (readonly [RegExp, (port: number) => string])[] = [
    [/\b(gunicorn|hypercorn)\b/, (port) => `--bind 127.0.0.1:${port}`],
    [/\b(manage\.py|django-admin|http\.server)\b/, (port) => String(port)],
    [/\bphp\b.* -S\b/, (port) => `-S localhost:${port}`],
    [/\b(rails|puma|rackup|postgres)\b/, (port) => `-p ${port}`],
    [/\bmkdocs\b/, (port) => `--dev-addr 127.0.0.1:${port}`],
];

export function flagFor(command: string | null, port: number): string {
    return flags.find(([program]) => program.test(command ?? ""))?.[1](port) ?? `--port ${port}`;
}

/** For a program that listens, but not where it was told to. */
export function ElsewhereHelp({ lease }: { lease: Lease }) {
    const elsewhere = lease.elsewhere_port ?? 0;
    const command = useLive((live) => live.state.ports.get(elsewhere)?.listeners[0]?.owners[0]?.command ?? null);
    const name = lease.service_name;
    const run = name.startsWith("-")
        ? `portctl run --remap ${elsewhere} -- ${quoteWord(name)} PROGRAM`
        : `portctl run ${quoteWord(name)} --remap ${elsewhere} -- PROGRAM`;
    return (
        <section aria-labelledby="drawer-elsewhere">
            <h3 id="drawer-elsewhere">What to tell it</h3>
            <p>
                {named(name)} has port {lease.port}, but its program listens on {elsewhere}: it does not read PORT. Most such programs take a flag:
            </p>
            <CopyLine text={flagFor(command, lease.port)} />
            <p>One that takes none gets the leased port where it binds its own:</p>
            <CopyLine text={run} />
        </section>
    );
}
