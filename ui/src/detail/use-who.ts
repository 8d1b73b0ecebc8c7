/* All that /who tells of a port, read anew when the port has changed; until that is there, what is live. */
import { get } from "../api/client.ts";
import type { Who } from "../api/types.ts";
import { useAnswer } from "../api/use-answer.ts";
import { useIsLive, useLive, useMeta } from "../live/use-live.ts";
import { cachedRow, stateWords, type PortRow } from "../rows/rows.ts";

export interface PortDetail {
    row: PortRow | null;
    who: Who;
    error: Error | null;
    retry: () => void;
}

function stateWithoutLease(row: PortRow | null): Who["state"] {
    if (!row) return "free";
    if (row.state === "portd") return "portd";
    return row.inRange ? "unleased" : "unmanaged";
}

/* The verdict that can be given without asking. */
function liveWho(port: number, row: PortRow | null): Who {
    const state = row?.lease?.state ?? stateWithoutLease(row);
    const verdict = row
        ? (row.findings[0]?.verdict ?? `Port ${port}: ${stateWords[row.state].meaning}.`)
        : `Nobody listens on port ${port}, and nobody has it leased.`;
    return {
        port,
        state,
        verdict,
        lease: row?.lease ?? null,
        listeners: [...(row?.listeners ?? [])],
        findings: [...(row?.findings ?? [])],
        next: [],
    };
}

/** null: nothing is known yet. */
export function usePortDetail(port: number): PortDetail | null {
    const meta = useMeta();
    const state = useLive((live) => live.state.ports.get(port));
    const gone = useLive((live) => live.state.gone.get(port));
    const run = useLive((live) => live.state.run);
    const isLive = useIsLive();
    const answer = useAnswer<Who>({
        key: meta !== null && isLive ? `${port} ${run} ${state?.version ?? gone ?? 0}` : null,
        read: (signal) => get<Who>(`/who?port=${port}`, signal),
        keepsOld: true,
    });
    if (!meta) return null;
    const row = state ? cachedRow(state, meta) : null;
    const now = liveWho(port, row);
    // While it is asked anew, the answer before still explains better than a sentence of ours, as long as the state is the same.
    const { data } = answer;
    if (data !== undefined && !answer.isOld) return { row, who: data, error: answer.error, retry: answer.again };
    const useful = data !== undefined && data.port === port && data.state === now.state;
    const who = useful ? { ...now, verdict: data.verdict, next: data.next } : now;
    return { row, who, error: answer.error, retry: answer.again };
}
