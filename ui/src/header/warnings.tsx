/* What portd says of itself, quietly: it concerns all that is shown, and nothing has to be done at once. */
import { useMeta } from "../live/use-live.ts";

export function Warnings() {
    const meta = useMeta();
    const sentences = [
        ...(meta?.warnings ?? []),
        ...(meta && !meta.complete ? ["portd could not read all listeners the last time; some may be missing here."] : []),
    ];
    if (sentences.length === 0) return null;
    return (
        <ul className="bar bar-warning" aria-label="Warnings of portd">
            {sentences.map((sentence) => (
                <li key={sentence}>
                    <span aria-hidden="true">! </span>
                    <bdi>{sentence}</bdi>
                </li>
            ))}
        </ul>
    );
}
