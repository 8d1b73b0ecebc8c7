/* What has a port open, as facts: sockets of one process together. */
import { userName } from "../actions/parties.ts";
import { LongText } from "../base/long-text.tsx";
import type { Container, Listener, Owner } from "../api/types.ts";
import { listenerAddress } from "../rows/address.ts";
import { Ago, Fact } from "./lease-facts.tsx";

/** The sockets that the same processes have open; those of hidden owners each for itself. */
export interface Party {
    key: string;
    listeners: readonly [Listener, ...Listener[]];
    owners: readonly Owner[];
}

export function partiesOf(listeners: readonly Listener[]): Party[] {
    const parties = new Map<string, { key: string; listeners: [Listener, ...Listener[]]; owners: readonly Owner[] }>();
    for (const listener of listeners) {
        const first = listener.owners[0];
        const key = first ? `pid ${first.pid} ${first.start_time} ${listener.evidence?.level ?? ""}` : `inode ${listener.inode}`;
        const party = parties.get(key);
        if (party) party.listeners.push(listener);
        else parties.set(key, { key, listeners: [listener], owners: listener.owners });
    }
    return [...parties.values()];
}

/** "systemd(1) > bash(48101) > python3(48213)": the oldest first. */
export function chainOf(owner: Owner): string {
    return [...owner.parents]
        .reverse()
        .concat({ pid: owner.pid, process: owner.process })
        .map((each) => `${each.process}(${each.pid})`)
        .join(" > ");
}

export function containerWords({ runtime, id, address }: Container): string {
    return [runtime, id === null ? "container" : `container ${id.slice(0, 12)}`, address === null ? "" : `at ${address}`]
        .filter((word) => word !== "")
        .join(" ");
}

const stateWords: Record<string, string> = {
    bound: " (bound, not listening)",
    connected: " (connected)",
    "time-wait": " (closing)",
    orphan: " (closing)",
};

export function PartyFacts({ party, all = false }: { party: Party; all?: boolean }) {
    const [first] = party.listeners;
    const owner = party.owners[0];
    const unit = owner?.unit ?? first.unit;
    const container = owner?.container ?? first.container;
    const cgroup = owner?.cgroup ?? first.cgroup;
    return (
        <dl className="fact-list">
            {owner ? <OwnerFacts owner={owner} all={all} /> : <HiddenFacts listener={first} />}
            {party.owners.length > 1 && (
                <Fact name="Beside it">
                    {party.owners.length - 1} more with the same socket: <LongText text={othersOf(party.owners, all ? 64 : 3)} />
                </Fact>
            )}
            {unit !== null && (
                <Fact name="Unit">
                    <LongText className="mono" text={unit} />
                </Fact>
            )}
            {container !== null && (
                <Fact name="Container">
                    <bdi>{containerWords(container)}</bdi>
                </Fact>
            )}
            {all && cgroup !== null && (
                <Fact name="Control group">
                    <LongText className="mono" text={cgroup} />
                </Fact>
            )}
            <Fact name="Since">
                <Ago at={first.since} before={first.since_start} />
            </Fact>
            <Fact name={party.listeners.length === 1 ? "Address" : "Addresses"}>
                {party.listeners.map((listener) => (
                    <span key={listener.inode} className="address">
                        <bdi className="mono">{listenerAddress(listener)}</bdi>
                        {listener.v6only && " (IPv6 only)"}
                        {stateWords[listener.state]}
                        {all && <span className="muted"> inode {listener.inode}</span>}
                    </span>
                ))}
            </Fact>
            {first.evidence !== null && (
                <Fact name="Whose">
                    {first.evidence.level}: {first.evidence.words}
                </Fact>
            )}
        </dl>
    );
}

function othersOf(owners: readonly Owner[], most: number): string {
    const others = owners.slice(1);
    return (
        others
            .slice(0, most)
            .map((each) => `${each.process} (pid ${each.pid})`)
            .join(", ") + (others.length > most ? ", …" : "")
    );
}

function OwnerFacts({ owner, all }: { owner: Owner; all: boolean }) {
    return (
        <>
            <Fact name="Process">
                <LongText className="name" most={80} text={owner.process} /> (pid {owner.pid})
            </Fact>
            <Fact name="User">
                <bdi>{userName(owner)}</bdi>
                {all && owner.user !== null && <span className="muted"> (uid {owner.uid})</span>}
            </Fact>
            <Fact name="Command">
                <LongText className="mono" text={owner.command ?? "not known"} />
            </Fact>
            {all && owner.executable != null && (
                <Fact name="Executable">
                    <LongText className="mono" text={owner.executable} />
                </Fact>
            )}
            {owner.directory != null && (
                <Fact name="Directory">
                    <LongText className="mono" text={owner.directory} />
                </Fact>
            )}
            {all && (
                <Fact name="Started">
                    <Ago at={owner.started_at} />
                </Fact>
            )}
            {owner.parents.length > 0 && (
                <Fact name="Started by">
                    <LongText className="mono" text={chainOf(owner)} />
                </Fact>
            )}
            {all && <Fact name="Session">{owner.session}</Fact>}
        </>
    );
}

function HiddenFacts({ listener }: { listener: Listener }) {
    const { hidden } = listener;
    return (
        <>
            <Fact name="Process">hidden{hidden ? `: ${hidden.why}` : ""}</Fact>
            <Fact name="User">
                <bdi>{userName(listener)}</bdi>
            </Fact>
            {hidden && hidden.remedy !== "" && <Fact name="To see it">{hidden.remedy}</Fact>}
        </>
    );
}
