import { memo } from "react";
import { listenersOf } from "../actions/parties.ts";
import { LongText } from "../base/long-text.tsx";
import { StateMark } from "../base/state-mark.tsx";
import { ActionList } from "../detail/action-list.tsx";
import { LeaseFacts } from "../detail/lease-facts.tsx";
import { partiesOf, PartyFacts } from "../detail/listener-facts.tsx";
import type { PortRow } from "../rows/rows.ts";

/** More parties than these are in the drawer. */
const PARTIES_MAX = 2;

/* The squatter's sockets; where it shares the port, those of both. */
function socketSide(row: PortRow): ReturnType<typeof listenersOf> {
    const found = row.findings.flatMap((finding) => finding.listeners);
    return found.length > 0 ? listenersOf({ listeners: [], findings: row.findings }) : listenersOf(row);
}

/** One squatter or conflict: whose the port is, beside who has it. */
export const ConflictCard = memo(function ConflictCard({ row }: { row: PortRow }) {
    const parties = partiesOf(socketSide(row));
    const title = `conflict-${row.port}`;
    return (
        <li>
            <article className={`conflict-card card-${row.severity}`} aria-labelledby={title}>
                <header>
                    <h3 id={title}>
                        <span className="conflict-port">{row.port}</span> <StateMark row={row} />
                    </h3>
                    {row.findings.map((finding) => (
                        <p key={finding.kind} className="verdict">
                            <LongText most={400} text={finding.verdict} />
                        </p>
                    ))}
                </header>
                <div className="sides">
                    <section>
                        <h4>Leased to</h4>
                        {row.lease ? <LeaseFacts lease={row.lease} deadline={row.deadline} /> : <p className="muted">no lease</p>}
                    </section>
                    <section>
                        <h4>On the port</h4>
                        {parties.slice(0, PARTIES_MAX).map((party) => (
                            <PartyFacts key={party.key} party={party} />
                        ))}
                        {parties.length > PARTIES_MAX && <p className="muted">and {parties.length - PARTIES_MAX} more; Explain shows all.</p>}
                        {parties.length === 0 && <p className="muted">nobody any more</p>}
                    </section>
                </div>
                <ActionList row={row} />
            </article>
        </li>
    );
});
