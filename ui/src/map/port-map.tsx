/*
 * The managed range at a glance. A used port opens its details, a free one is leased. Of a range of more than 4,096 ports a cell is a span of ports, which
 * opens as its ports.
 */
import { ArrowLeft } from "lucide-react";
import { useEffect, useMemo, useRef, useState } from "react";
import { leaseAction } from "../actions/actions.ts";
import { useStartAction } from "../actions/action-button.tsx";
import { announce } from "../base/announcer.tsx";
import { recall, remember } from "../base/storage.ts";
import { useNow } from "../base/time.ts";
import { useWidth } from "../base/use-width.ts";
import { setUrlState, useUrlState } from "../find/url-state.ts";
import { useFilter } from "../find/use-filter.ts";
import type { Meta } from "../live/state.ts";
import { useIsLive, useMeta, useRows } from "../live/use-live.ts";
import { shownAt, type PortRow } from "../rows/rows.ts";
import { cellsOf, countExcluded, countStates, describeUse, parseExcluded, type Cell, type PortRange } from "./cells.ts";
import { spanSize } from "./layout.ts";
import { Legend } from "./legend.tsx";
import { MapGrid } from "./map-grid.tsx";
import "./port-map.css";

const SMALL = 17;
const LARGE = 30;
const SPAN = 36;
/** Left and right of the cells. */
const BOX_PADDING = 6;
const NOT_LIVE = "What is shown is not live, so nothing can be leased now.";

/* The rows of the range as they are to be shown now; anew only when one has changed, or one begins to expire. */
function useShownRows(range: PortRange): readonly PortRow[] {
    const rows = useRows();
    const now = useNow();
    const inRange = useMemo(() => rows.filter((row) => row.port >= range.min && row.port <= range.max), [rows, range.min, range.max]);
    const expiring = inRange.filter((row) => row.expiringFrom !== null && row.expiringFrom <= now).map((row) => row.port);
    // `now` is left out on purpose: it matters only through `expiring`, and all cells would be made anew each second.
    return useMemo(() => inRange.map((row) => shownAt(row, now)), [inRange, expiring.join()]);
}

function useCells(range: PortRange, meta: Meta, rows: readonly PortRow[], size: number): readonly Cell[] {
    const filter = useFilter();
    const now = useNow();
    const before = useRef<readonly Cell[]>([]);
    // A filter such as state:expiring matches others as time goes by; any other leaves the cells alone.
    const moment = filter.timed ? now : 0;
    const cells = useMemo(() => {
        const byPort = new Map(rows.map((row) => [row.port, row]));
        const matches = filter.empty ? null : (row: PortRow): boolean => filter.matches(row, moment);
        const input = { range: { min: range.min, max: range.max }, excluded: parseExcluded(meta.excluded), rows: byPort, matches };
        return cellsOf(input, size, before.current);
    }, [range.min, range.max, meta.excluded, rows, filter, moment, size]);
    useEffect(() => {
        before.current = cells;
    }, [cells]);
    return cells;
}

function useLargeCells(): [boolean, (large: boolean) => void] {
    const [large, setLarge] = useState(() => {
        const kept = recall("map-cells");
        // Fingers need more room.
        return kept === null ? window.matchMedia("(pointer: coarse)").matches : kept === "large";
    });
    const set = (wanted: boolean): void => {
        remember("map-cells", wanted ? "large" : "small");
        setLarge(wanted);
    };
    return [large, set];
}

/* The cell that has the words: the one that is looked at, or a hint. */
function Words({ cell, note, rest }: { cell: Cell | undefined; note: string | null; rest: string }) {
    const text = note ?? cell?.name ?? rest;
    return (
        <p className="map-words" title={text}>
            <bdi>{text}</bdi>
        </p>
    );
}

function MapOf({ meta }: { meta: Meta }) {
    const { range } = meta;
    const rows = useShownRows(range);
    const whole = spanSize(range.max - range.min + 1);
    // The first port of the span that is open.
    const [opened, setOpened] = useState<number | null>(null);
    const open = whole > 1 && opened !== null && opened >= range.min && opened <= range.max ? opened : null;
    const shown: PortRange = open === null ? range : { min: open, max: Math.min(range.max, open + whole - 1) };
    const size = open === null ? whole : 1;
    const cells = useCells(shown, meta, rows, size);
    const [wanted, setActive] = useState(range.min);
    const active = cells.find((cell) => wanted >= cell.port && wanted <= cell.last)?.port ?? shown.min;
    const [look, setLook] = useState<number | null>(null);
    const [note, setNote] = useState<string | null>(null);
    const [large, setLarge] = useLargeCells();
    const { port: current } = useUrlState();
    const live = useIsLive();
    const start = useStartAction();
    const box = useRef<HTMLDivElement>(null);
    const width = useWidth(box, 350) - BOX_PADDING;
    const focusWanted = useRef<number | null>(null);

    // A span has opened or closed: the element with the focus is gone, and its place is taken by this one.
    useEffect(() => {
        if (focusWanted.current === null) return;
        box.current?.querySelector<HTMLElement>(`[data-port="${focusWanted.current}"]`)?.focus();
        focusWanted.current = null;
    }, [open]);

    const go = (span: number | null, port: number): void => {
        focusWanted.current = port;
        setOpened(span);
        setActive(port);
        setLook(port);
    };
    const onOpen = (cell: Cell): void => {
        setActive(cell.port);
        if (size > 1) go(cell.port, cell.port);
        else if (cell.state !== "free") setUrlState({ port: cell.port });
        else if (live) start(leaseAction(cell.port), cell.port);
        else {
            setNote(NOT_LIVE);
            announce(NOT_LIVE);
        }
    };
    const counts = useMemo(
        () => countStates(range, rows, countExcluded(range, parseExcluded(meta.excluded)) - usedAndExcluded(rows, meta.excluded)),
        [range, rows, meta.excluded],
    );
    const hint = size > 1 ? `Each cell is ${size} ports; Enter opens it.` : "Arrow keys move; Enter opens a used port and leases a free one.";
    return (
        <>
            <p className="map-use">{describeUse(range, rows)}</p>
            <div className="map-tools">
                {open !== null && (
                    <button type="button" className="button small" onClick={() => go(null, open)}>
                        <ArrowLeft size={14} aria-hidden="true" /> Back to {range.min} to {range.max}
                    </button>
                )}
                {size === 1 && (
                    <label className="map-switch">
                        <input type="checkbox" role="switch" checked={large} onChange={(event) => setLarge(event.target.checked)} /> Large cells
                    </label>
                )}
            </div>
            <div className="map-box" ref={box}>
                <MapGrid
                    key={open ?? "all"}
                    label={`Ports ${shown.min} to ${shown.max}`}
                    cells={cells}
                    width={width}
                    cellSize={size > 1 ? SPAN : large ? LARGE : SMALL}
                    active={active}
                    current={current}
                    onActive={setActive}
                    onLook={(port) => {
                        setLook(port);
                        setNote(null);
                    }}
                    onOpen={onOpen}
                    onBack={open === null ? null : () => go(null, open)}
                />
            </div>
            <Words cell={cells.find((cell) => cell.port === look)} note={note} rest={hint} />
            <Legend counts={counts} />
        </>
    );
}

/* A port that is excluded and used is shown as what it is used for. */
function usedAndExcluded(rows: readonly PortRow[], excluded: string): number {
    const spans = parseExcluded(excluded);
    return rows.filter((row) => spans.some((span) => row.port >= span.min && row.port <= span.max)).length;
}

export function PortMap() {
    const meta = useMeta();
    return (
        <section className="panel map" aria-labelledby="map-title">
            <h2 id="map-title">Port map</h2>
            {meta ? <MapOf meta={meta} /> : <p className="empty">Nothing is known of the ports yet.</p>}
        </section>
    );
}
