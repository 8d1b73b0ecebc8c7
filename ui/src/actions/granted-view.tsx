import { CopyLine } from "../base/copy-button.tsx";
import { formatDuration } from "../base/time.ts";
import type { Granted } from "./calls.ts";

/** A grant, what is odd about it, and what the service has to be told. */
export function GrantedView({ granted }: { granted: Granted }) {
    const { lease, notes } = granted;
    return (
        <>
            <p>
                <bdi className="name">{lease.service_name}</bdi> has port <strong>{lease.port}</strong> for {formatDuration(lease.ttl_seconds * 1000)}
                , and for as long as its server listens there.
            </p>
            {notes.length > 0 && (
                <ul className="notes">
                    {notes.map((note) => (
                        <li key={note}>{note}</li>
                    ))}
                </ul>
            )}
            <p>
                What the service has to be told: <CopyLine text={`PORT=${lease.port}`} />
            </p>
        </>
    );
}
