import { useMemo, useState } from "react";
import { problemOf } from "../actions/perform.ts";
import { ProblemNote } from "../actions/problem-note.tsx";
import { get } from "../api/client.ts";
import type { Event } from "../api/types.ts";
import { useAnswer } from "../api/use-answer.ts";
import { LongText } from "../base/long-text.tsx";
import { formatClock, parseTime } from "../base/time.ts";
import { useLive } from "../live/use-live.ts";
import { eventSentence, eventWord, mergeEvents } from "./event-words.ts";

const FIRST = 50;
/** More than this /history does not answer at once. */
const MOST = 1000;

export function PortHistory({ port }: { port: number }) {
    const [limit, setLimit] = useState(FIRST);
    const run = useLive((live) => live.state.run);
    const live = useLive((state) => state.state.events);
    const history = useAnswer({
        key: run === null ? null : `${port} ${limit} ${run}`,
        read: (signal) => get<{ events: Event[] }>(`/history?port=${port}&limit=${limit}`, signal),
        keepsOld: true,
    });
    const read = history.data?.events;
    const events = useMemo(() => mergeEvents(read ?? [], live, port), [read, live, port]);
    return (
        <section aria-labelledby="drawer-history">
            <h3 id="drawer-history">History</h3>
            {history.error && <ProblemNote problem={problemOf(history.error)} />}
            {events.length === 0 && !history.error && <p className="muted">{history.isReading ? "Reading…" : "Nothing in the last seven days."}</p>}
            {events.length > 0 && (
                <ol className="history-list">
                    {events.map((event) => (
                        <HistoryLine key={event.id} event={event} />
                    ))}
                </ol>
            )}
            {read && read.length >= limit && limit < MOST && (
                <button type="button" className="button small" onClick={() => setLimit(Math.min(MOST, limit * 4))}>
                    Show older
                </button>
            )}
        </section>
    );
}

function HistoryLine({ event }: { event: Event }) {
    const [glyph, word] = eventWord(event);
    const at = parseTime(event.at);
    return (
        <li>
            <time dateTime={event.at}>{at === null ? event.at : formatClock(at)}</time>
            <span className="history-word">
                <span aria-hidden="true">{glyph}</span> {word}
            </span>
            <span className="history-text">
                {event.service_name !== null && (
                    <>
                        <bdi className="name">{event.service_name}</bdi>:{" "}
                    </>
                )}
                <LongText text={eventSentence(event)} />
            </span>
        </li>
    );
}
