/* Lines of portctl that do what a button does, to be copied into a shell as they are. */

/** A word that the shell takes whole; plain where it may be. */
export function quoteWord(word: string): string {
    return /^[A-Za-z0-9_.,:/@%+=-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}

/* A name that begins with a dash would be read as an option; behind "--" it is not, and options go before that. */
function line(command: string, before: readonly string[], name: string | null, options: readonly string[]): string {
    const words = ["portctl", command];
    if (name !== null && name.startsWith("-")) words.push(...options, "--", ...before, quoteWord(name));
    else if (name !== null && command === "alloc") words.push(...before, quoteWord(name), ...options);
    else words.push(...before, ...(name === null ? [] : [quoteWord(name)]), ...options);
    return words.join(" ");
}

function pidOption(pid: number | null): string[] {
    return pid === null ? [] : ["--pid", String(pid)];
}

export const portctl = {
    who: (port: number): string => `portctl who ${port}`,
    renew: (port: number): string => `portctl renew ${port}`,
    release: (port: number): string => `portctl release ${port}`,
    disown: (port: number, pid: number | null = null): string => line("disown", [String(port)], null, pidOption(pid)),
    stop: (port: number, pid: number | null = null, signal = "TERM"): string =>
        line("stop", [String(port)], null, [...pidOption(pid), ...(signal === "TERM" ? [] : ["--signal", signal])]),
    ignore: (port: number, undo = false): string => `portctl ignore ${port}${undo ? " --undo" : ""}`,
    claim: (port: number, name: string | null, pid: number | null = null): string => line("claim", [String(port)], name, pidOption(pid)),
    /** `prefer`: that port, or another; null: whatever portd gives. */
    allocAnother: (name: string, prefer: number | null): string => line("alloc", [], name, prefer === null ? [] : ["--prefer", String(prefer)]),
    /** That port and no other. */
    allocExact: (name: string, port: number, ttl: string | null): string =>
        line("alloc", [], name, ["--port", String(port), ...(ttl === null ? [] : ["--ttl", ttl])]),
};
