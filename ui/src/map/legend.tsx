import { cellWords, type CellState } from "./cells.ts";
import { stateWords } from "../rows/rows.ts";

/** What the marks mean, and how many ports there are of each. */
export function Legend({ counts }: { counts: readonly { state: CellState; count: number }[] }) {
    const number = new Intl.NumberFormat("en");
    return (
        <ul className="map-legend" aria-label="Legend">
            {counts.map(({ state, count }) => (
                <li key={state} title={cellWords[state].meaning}>
                    <span aria-hidden="true" className={`map-cell state-${state}${severityOf(state)}`} data-mark={cellWords[state].glyph} />
                    {cellWords[state].word} <strong>{number.format(count)}</strong>
                </li>
            ))}
        </ul>
    );
}

function severityOf(state: CellState): string {
    return state === "free" || state === "excluded" ? "" : ` severity-${stateWords[state].severity}`;
}
