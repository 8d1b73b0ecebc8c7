/* A port, or a group's heading, as a row of the table. */
import { memo, useEffect, useMemo, useRef, type MouseEvent } from "react";
import { ActionButton } from "../actions/action-button.tsx";
import { actionsFor } from "../actions/actions.ts";
import type { Caller } from "../api/types.ts";
import { setUrlState, writeUrl, type UrlState } from "../find/url-state.ts";
import type { PortRow } from "../rows/rows.ts";
import { AgeCell, LeftCell, NameCell, StateCell } from "./cells.tsx";
import type { GroupItem } from "./view.ts";

export interface RowHandlers {
    openMenu(row: PortRow, anchor: HTMLElement): void;
    toggleGroup(key: string): void;
}

interface Place {
    index: number;
    /** It has the table's one tab stop. */
    active: boolean;
    handlers: RowHandlers;
}

/* What is pressed in a row is no click on the row; neither is marking its text. */
function isOnControl(event: MouseEvent<HTMLElement>): boolean {
    const target = event.target as Element;
    return !event.currentTarget.contains(target) || target.closest("a, button, input, select, textarea, label, dialog, [popover]") !== null;
}

function linkTo(port: number, url: UrlState): string {
    return writeUrl({ ...url, port });
}

function PortLink({ row, active, url }: { row: PortRow; active: boolean; url: UrlState }) {
    return (
        <a
            href={linkTo(row.port, url)}
            tabIndex={active ? 0 : -1}
            data-tab-stop=""
            onClick={(event) => {
                if (event.ctrlKey || event.metaKey || event.shiftKey || event.button !== 0) return;
                event.preventDefault();
                setUrlState({ port: row.port });
            }}
        >
            {row.port}
        </a>
    );
}

function RowActions({ row, active, caller, openMenu }: { row: PortRow; active: boolean; caller: Caller; openMenu: RowHandlers["openMenu"] }) {
    const cell = useRef<HTMLTableCellElement>(null);
    const actions = useMemo(() => actionsFor(row, caller), [row, caller]);
    // The buttons of the one row where the tab stop is can be tabbed to; those of all the others cannot. An action's button is not ours, so it is told so here.
    useEffect(() => {
        cell.current?.querySelectorAll<HTMLElement>("a, button").forEach((button) => (button.tabIndex = active ? 0 : -1));
    });
    return (
        <td className="cell-actions" ref={cell}>
            <span className="row-actions">
                {actions[0] && (
                    <span className="first-action">
                        <ActionButton row={row} action={actions[0]} small />
                    </span>
                )}
                {actions.length > 1 && (
                    <button
                        type="button"
                        className="button small more"
                        aria-haspopup="true"
                        aria-label={`More for port ${row.port}`}
                        onClick={(event) => openMenu(row, event.currentTarget)}
                    >
                        More
                    </button>
                )}
            </span>
        </td>
    );
}

export const PortTableRow = memo(function PortTableRow({
    row,
    caller,
    open,
    url,
    index,
    active,
    handlers,
}: Place & { row: PortRow; caller: Caller; /** Its details are open. */ open: boolean; url: UrlState }) {
    return (
        <tr
            data-index={index}
            data-key={row.port}
            className="port-row"
            aria-rowindex={index + 2}
            aria-current={open || undefined}
            onClick={(event) => {
                if (!isOnControl(event) && getSelection()?.isCollapsed !== false) setUrlState({ port: row.port });
            }}
        >
            <StateCell row={row} />
            <th scope="row" className="cell-port number">
                <PortLink row={row} active={active} url={url} />
            </th>
            <td className="cell-service" title={row.service ?? undefined}>
                <bdi>{row.service}</bdi>
                <span className="second-line muted">
                    <bdi>{[row.process?.slice(0, 60), row.user].filter(Boolean).join(" · ")}</bdi>
                </span>
            </td>
            <NameCell className="cell-process" name={row.process} />
            <td className="cell-pid number">{row.pid}</td>
            <NameCell className="cell-user" name={row.user ?? (row.uid === null ? null : `uid ${row.uid}`)} />
            <LeftCell row={row} />
            <AgeCell row={row} />
            <RowActions row={row} active={active} caller={caller} openMenu={handlers.openMenu} />
        </tr>
    );
});

/* The columns that are there however narrow the page is: a cell that reaches over more would bring the others back, empty. */
const ALWAYS = 5;

const nameless = { project: "no project", user: "user not known", none: "" } as const;

export const GroupRow = memo(function GroupRow({ item, group, index, active, handlers }: Place & { item: GroupItem; group: UrlState["group"] }) {
    return (
        <tr data-index={index} data-key={item.key} className="group-row" aria-rowindex={index + 2}>
            <th scope="rowgroup" colSpan={ALWAYS}>
                <button
                    type="button"
                    tabIndex={active ? 0 : -1}
                    data-tab-stop=""
                    aria-expanded={!item.collapsed}
                    onClick={() => handlers.toggleGroup(item.key)}
                >
                    <span aria-hidden="true">{item.collapsed ? "▸" : "▾"}</span>
                    <bdi className="group-name">{item.name ?? nameless[group]}</bdi>
                    <span className="muted">
                        {item.count} {item.count === 1 ? "port" : "ports"}
                    </span>
                </button>
            </th>
        </tr>
    );
});
