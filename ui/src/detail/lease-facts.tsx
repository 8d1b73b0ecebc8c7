/* A lease as facts, for the conflict cards (the short form) and for the drawer (all of it). */
import type { ReactNode } from "react";
import { named, userName } from "../actions/parties.ts";
import type { Lease } from "../api/types.ts";
import { LongText } from "../base/long-text.tsx";
import { formatClock, formatDuration, parseTime, useNow } from "../base/time.ts";
import "./facts.css";

export function Fact({ name, children }: { name: string; children: ReactNode }) {
    return (
        <div className="fact">
            <dt>{name}</dt>
            <dd>{children}</dd>
        </div>
    );
}

/** "14:02:11, 3m02s ago", counting. */
export function Ago({ at, before = false }: { at: string | null; before?: boolean }) {
    const now = useNow();
    const ms = parseTime(at);
    if (ms === null) return <>not known</>;
    return (
        <>
            {before && "before "}
            {formatClock(ms, now)}, {formatDuration(now - ms)} ago{before && ", when portd started"}
        </>
    );
}

/** What is left of the lease's time, counting; or what keeps it. */
export function TimeLeft({ lease, deadline }: { lease: Lease; deadline: number | null }) {
    const now = useNow();
    if (lease.kept_by === "holder") return <>kept while its holder{lease.holder ? ` (pid ${lease.holder.pid})` : ""} lives</>;
    if (lease.kept_by === "listener") return <>kept while its port listens</>;
    if (deadline === null) return <>not known</>;
    return deadline <= now ? <>run out</> : <span className="counting">{formatDuration(deadline - now)}</span>;
}

const evidenceWords = {
    confirmed: "confirmed: its own server listens",
    plausible: "plausible: nothing better than the user is known",
};

export function LeaseFacts({ lease, deadline, all = false }: { lease: Lease; deadline: number | null; all?: boolean }) {
    return (
        <dl className="fact-list">
            <Fact name="Service">
                <bdi className="name">{lease.service_name}</bdi>
            </Fact>
            <Fact name="User">
                <bdi>{named(userName(lease), 128)}</bdi>
                {all && lease.user !== null && <span className="muted"> (uid {lease.uid})</span>}
            </Fact>
            <Fact name="Holder">{lease.holder ? `pid ${lease.holder.pid}` : "none: the user's, whatever process it is"}</Fact>
            <Fact name="Time left">
                <TimeLeft lease={lease} deadline={deadline} />
            </Fact>
            <Fact name="Granted">
                <Ago at={lease.allocated_at} />
            </Fact>
            {all && <MoreFacts lease={lease} />}
        </dl>
    );
}

function MoreFacts({ lease }: { lease: Lease }) {
    return (
        <>
            <Fact name="Last renewed">
                <Ago at={lease.last_heartbeat} />
            </Fact>
            <Fact name="Lives for">{formatDuration(lease.ttl_seconds * 1000)} after its last renewal</Fact>
            {lease.expires_at !== null && <Fact name="Runs out">{clockOf(lease.expires_at)}</Fact>}
            <Fact name="State">
                {lease.state}
                {lease.conflict !== null && `, ${lease.conflict}`}
                {lease.elsewhere_port !== null && `, on ${lease.elsewhere_port}`}
            </Fact>
            {lease.evidence !== null && <Fact name="Its listener">{evidenceWords[lease.evidence]}</Fact>}
            <Fact name="Tags">{lease.tags.length === 0 ? "none" : <LongText text={lease.tags.join(", ")} />}</Fact>
            {lease.project !== null && (
                <Fact name="Project">
                    <LongText className="mono" text={lease.project} />
                </Fact>
            )}
            <Fact name="Lease">{lease.id}</Fact>
        </>
    );
}

function clockOf(text: string): string {
    const ms = parseTime(text);
    return ms === null ? text : formatClock(ms);
}
