/*
 * The cells as a grid with one tab stop. What is focused is remembered by its port, and the cell of a port stays the same element, so that nothing that
 * arrives moves the focus.
 */
import { memo, useMemo, useRef, type FocusEvent, type KeyboardEvent, type MouseEvent } from "react";
import type { Cell } from "./cells.ts";
import { columnsFor, moveBy } from "./layout.ts";

export interface MapGridProps {
    label: string;
    cells: readonly Cell[];
    /** Pixels that there are for it; 0: not known yet. */
    width: number;
    /** Pixels that a cell has at least. */
    cellSize: number;
    /** The cell with the tab stop, by its (first) port. */
    active: number;
    /** The port whose details are open. */
    current: number | null;
    onActive(port: number): void;
    /** What the words are about: the cell under the pointer or with the focus; null: none. */
    onLook(port: number | null): void;
    onOpen(cell: Cell): void;
    onBack: (() => void) | null;
}

/** Room for the first port of each row. */
const GUTTER = 44;
/** The height of a cell, in pixels; mostly they are squares. */
const CELL_MIN = 16;
const CELL_MAX = 34;

interface MapCellProps {
    cell: Cell;
    tab: boolean;
    current: boolean;
}

/* Glyphs come by CSS (content: attr(…)): a thousand elements less, and nobody reads them aloud. */
const MapCell = memo(function MapCell({ cell, tab, current }: MapCellProps) {
    const mark = cell.last > cell.port && cell.used > 0 ? `${cell.glyph}${cell.used}` : cell.glyph;
    return (
        <div
            role="gridcell"
            className={`map-cell state-${cell.state}${cell.severity ? ` severity-${cell.severity}` : ""}${cell.ignored ? " is-ignored" : ""}${cell.dim ? " is-dim" : ""}`}
            aria-label={cell.name}
            aria-selected={current}
            tabIndex={tab ? 0 : -1}
            data-port={cell.port}
            data-mark={mark}
        />
    );
});

interface MapRowProps {
    cells: readonly Cell[];
    active: number | null;
    current: number | null;
}

const MapRow = memo(function MapRow({ cells, active, current }: MapRowProps) {
    return (
        <div role="row" className="map-row" data-first={cells[0]!.port}>
            {cells.map((cell) => (
                <MapCell key={cell.port} cell={cell} tab={cell.port === active} current={current !== null && covers(cell, current)} />
            ))}
        </div>
    );
});

function covers(cell: Cell, port: number): boolean {
    return port >= cell.port && port <= cell.last;
}

function inRow(row: readonly Cell[], port: number | null): number | null {
    return port !== null && port >= row[0]!.port && port <= row.at(-1)!.last ? port : null;
}

function rowsOf(cells: readonly Cell[], columns: number): Cell[][] {
    const rows: Cell[][] = [];
    for (let at = 0; at < cells.length; at += columns) rows.push(cells.slice(at, at + columns));
    return rows;
}

function portOf(target: EventTarget): number | null {
    const port = target instanceof HTMLElement ? target.dataset["port"] : undefined;
    return port === undefined ? null : Number(port);
}

export function MapGrid({ label, cells, width, cellSize, active, current, onActive, onLook, onOpen, onBack }: MapGridProps) {
    const ref = useRef<HTMLDivElement>(null);
    const columns = columnsFor(width - GUTTER, cellSize);
    const rows = useMemo(() => (width > 0 ? rowsOf(cells, columns) : []), [cells, columns, width > 0]);
    const height = Math.max(CELL_MIN, Math.min(CELL_MAX, Math.floor((width - GUTTER) / columns) - 1));

    const onKeyDown = (event: KeyboardEvent): void => {
        const at = cells.findIndex((cell) => cell.port === portOf(event.target));
        if (at < 0 || event.altKey || event.metaKey) return;
        const to = moveBy(event.key, event.ctrlKey, at, columns, cells.length);
        if (to !== null) ref.current?.querySelector<HTMLElement>(`[data-port="${cells[to]!.port}"]`)?.focus();
        else if (event.key === "Enter" || event.key === " ") onOpen(cells[at]!);
        else if (onBack && (event.key === "Escape" || event.key === "Backspace")) onBack();
        else return;
        event.preventDefault();
        event.stopPropagation();
    };
    const onFocus = (event: FocusEvent): void => {
        const port = portOf(event.target);
        if (port === null) return;
        onActive(port);
        onLook(port);
    };
    const onClick = (event: MouseEvent): void => {
        const cell = cells.find((each) => each.port === portOf(event.target));
        if (cell) onOpen(cell);
    };
    const focused = (): number | null => (ref.current?.contains(document.activeElement) ? portOf(document.activeElement!) : null);
    return (
        <div
            ref={ref}
            role="grid"
            aria-label={label}
            className="map-grid"
            style={{ "--columns": columns, "--gutter": `${GUTTER}px`, "--cell": `${height}px` } as object}
            onKeyDown={onKeyDown}
            onFocus={onFocus}
            onBlur={() => onLook(null)}
            onClick={onClick}
            onMouseOver={(event) => onLook(portOf(event.target) ?? focused())}
            onMouseLeave={() => onLook(focused())}
        >
            {rows.map((row) => (
                <MapRow key={row[0]!.port} cells={row} active={inRow(row, active)} current={inRow(row, current)} />
            ))}
        </div>
    );
}
