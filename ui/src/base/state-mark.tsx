import type { PortRow } from "../rows/rows.ts";

/** A state is always told by glyph, word and colour together. */
export function StateMark({ row }: { row: Pick<PortRow, "state" | "word" | "glyph" | "severity"> }) {
    return (
        <span className={`state state-${row.state} severity-${row.severity}`}>
            <span aria-hidden="true" className="glyph">
                {row.glyph}
            </span>
            {row.word}
        </span>
    );
}
