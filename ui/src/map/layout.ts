/* How many cells stand in a row, how many ports are in a cell, and where the keys lead. */

/** More ports than that are shown as spans: a cell each costs too much (2,000 cells take 50 ms, 10,000 take 200 ms). */
export const PORTS_MAX = 4096;
const SPANS_MAX = 700;

/** So many ports are in a cell: 1, or a round number. */
export function spanSize(nPorts: number): number {
    if (nPorts <= PORTS_MAX) return 1;
    return [10, 20, 25, 50, 100].find((size) => Math.ceil(nPorts / size) <= SPANS_MAX) ?? 100;
}

/* Rows begin at round ports as far as the width allows. */
const ROUND = [5, 10, 15, 20, 25, 30, 40, 50, 60, 75, 80, 100, 125, 150, 200];

/** Columns of at least `cell` pixels in `width`. */
export function columnsFor(width: number, cell: number): number {
    const fit = Math.max(1, Math.floor(width / cell));
    const round = ROUND.findLast((columns) => columns <= fit);
    return round ?? fit;
}

const PAGE_ROWS = 10;

/** Where a key leads from cell `at` of `count`; null: it is no key of the grid. */
export function moveBy(key: string, ctrl: boolean, at: number, columns: number, count: number): number | null {
    const column = at % columns;
    const target = ((): number | null => {
        switch (key) {
            case "ArrowLeft":
                return at - 1;
            case "ArrowRight":
                return at + 1;
            case "ArrowUp":
                return at - columns < 0 ? at : at - columns;
            case "ArrowDown":
                return at + columns >= count ? at : at + columns;
            case "Home":
                return ctrl ? 0 : at - column;
            case "End":
                return ctrl ? count - 1 : at - column + columns - 1;
            case "PageUp":
                return at - PAGE_ROWS * columns < 0 ? column : at - PAGE_ROWS * columns;
            case "PageDown":
                return at + PAGE_ROWS * columns >= count ? lastInColumn(column, columns, count) : at + PAGE_ROWS * columns;
            default:
                return null;
        }
    })();
    return target === null ? null : Math.max(0, Math.min(count - 1, target));
}

function lastInColumn(column: number, columns: number, count: number): number {
    const last = Math.floor((count - 1) / columns) * columns + column;
    return last < count ? last : last - columns;
}
