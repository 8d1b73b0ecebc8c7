/*
 * All ports as a table: a real one, of which only the rows that are seen are in the page. What is above and below them is one empty row each, so the
 * browser's own table does the layout, and reading aids are told the count.
 */
import { Fragment, useCallback, useLayoutEffect, useMemo, useRef, useState } from "react";
import type { Caller } from "../api/types.ts";
import { useUrlState } from "../find/url-state.ts";
import { useMeta } from "../live/use-live.ts";
import type { PortRow } from "../rows/rows.ts";
import { FirstRun, NoData, NothingInRange, NothingMatches } from "./empty.tsx";
import { TableHead } from "./head.tsx";
import { RowMenu, type OpenMenu } from "./row-menu.tsx";
import { GroupRow, PortTableRow, type RowHandlers } from "./row.tsx";
import "./table.css";
import { TableTools } from "./tools.tsx";
import { useTabStop } from "./use-tab-stop.ts";
import { useView } from "./use-view.ts";
import { indexesOf, useRowWindow } from "./use-window.ts";
import { isFirstRun, type View } from "./view.ts";

const noCaller: Caller = { uid: -1, user: null, may_change_all: false };

export function PortTable() {
    const meta = useMeta();
    const [collapsed, setCollapsed] = useState<ReadonlySet<string>>(new Set());
    const view = useView(collapsed);
    const toggleGroup = useCallback((key: string) => {
        setCollapsed((before) => {
            const after = new Set(before);
            if (!after.delete(key)) after.add(key);
            return after;
        });
    }, []);
    return (
        <section className="panel port-table" aria-labelledby="ports-title">
            <TableTools view={view} />
            {!meta ? <NoData /> : view.items.length > 0 ? <Rows view={view} toggleGroup={toggleGroup} /> : <Nothing view={view} />}
        </section>
    );
}

function Nothing({ view }: { view: View & { rows: readonly PortRow[] } }) {
    if (isFirstRun(view.rows) && view.total === 0) return <FirstRun hidden={view.hidden} />;
    if (view.total > 0 || view.hiddenMatches < view.hidden) return <NothingMatches view={view} />;
    return <NothingInRange view={view} />;
}

function Rows({ view, toggleGroup }: { view: View & { rows: readonly PortRow[] }; toggleGroup: (key: string) => void }) {
    const { items } = view;
    const caller = useMeta()?.caller ?? noCaller;
    const url = useUrlState();
    const [menu, setMenu] = useState<OpenMenu | null>(null);
    const body = useRef<HTMLTableSectionElement>(null);
    const { scroller, window: seen, rowHeight, onScroll, scrollTo } = useRowWindow(items.length);
    const tabStop = useTabStop(items, body, scrollTo);
    const handlers = useMemo<RowHandlers>(() => ({ openMenu: (row, anchor) => setMenu({ port: row.port, anchor }), toggleGroup }), [toggleGroup]);
    // An address with a port shows that port, once: where its row is afterwards is the reader's.
    const shownFirst = useRef(false);
    useLayoutEffect(() => {
        if (shownFirst.current) return;
        shownFirst.current = true;
        const index = items.findIndex((item) => item.type === "row" && item.row.port === url.port);
        if (index >= 0) scrollTo(index);
    });
    const lastOrder = useRef<string | null>(null);
    // Another order, or another question, is read from its beginning.
    useLayoutEffect(() => {
        const order = `${url.q}\n${url.sort}\n${url.group}`;
        if (scroller.current && lastOrder.current !== null && lastOrder.current !== order) scroller.current.scrollTop = 0;
        lastOrder.current = order;
    }, [scroller, url.q, url.sort, url.group]);
    const menuItem = menu ? items.find((item) => item.type === "row" && item.row.port === menu.port) : undefined;
    let end = 0;
    return (
        <div className="table-scroll" ref={scroller} onScroll={onScroll}>
            <table aria-labelledby="ports-title" aria-rowcount={items.length + 1}>
                <TableHead />
                <tbody ref={body} {...tabStop.bodyProps}>
                    {indexesOf(seen, tabStop.index, items.length).map((index) => {
                        const item = items[index]!;
                        const gap = index - end;
                        end = index + 1;
                        const place = { index, active: index === tabStop.index, handlers };
                        return (
                            <Fragment key={item.key}>
                                {gap > 0 && <Gap height={gap * rowHeight} />}
                                {item.type === "row" ? (
                                    <PortTableRow row={item.row} caller={caller} open={item.row.port === url.port} url={url} {...place} />
                                ) : (
                                    <GroupRow item={item} group={url.group} {...place} />
                                )}
                            </Fragment>
                        );
                    })}
                    {end < items.length && <Gap height={(items.length - end) * rowHeight} />}
                </tbody>
            </table>
            {menu && menuItem?.type === "row" && (
                <RowMenu key={menu.port} row={menuItem.row} anchor={menu.anchor} caller={caller} onClose={() => setMenu(null)} />
            )}
        </div>
    );
}

function Gap({ height }: { height: number }) {
    return (
        <tr aria-hidden="true" className="gap">
            <td style={{ height }} />
        </tr>
    );
}
