import { memo, type ReactNode } from "react";
import { setUrlState, useUrlState } from "../find/url-state.ts";
import { columns, nextSort, readSort, type Column } from "./view.ts";

const titles: Record<Column, ReactNode> = {
    state: "State",
    port: "Port",
    service: "Service",
    process: "Process",
    pid: "PID",
    user: "User",
    // "Left" where the page is narrow.
    left: (
        <>
            <span className="head-more">Time </span>left
        </>
    ),
    age: "Age",
};

export const TableHead = memo(function TableHead() {
    const sort = readSort(useUrlState().sort);
    return (
        <thead>
            <tr aria-rowindex={1}>
                {columns.map((column) => {
                    const direction = sort.column !== column ? undefined : sort.down ? "descending" : "ascending";
                    return (
                        <th key={column} scope="col" className={`cell-${column}`} aria-sort={direction}>
                            <button
                                type="button"
                                aria-label={column === "left" ? "Time left" : undefined}
                                onClick={() => setUrlState({ sort: nextSort(sort, column) })}
                            >
                                {titles[column]}
                                <span aria-hidden="true" className="sort-mark">
                                    {direction === undefined ? "" : direction === "ascending" ? "↑" : "↓"}
                                </span>
                            </button>
                        </th>
                    );
                })}
                <th scope="col" className="cell-actions">
                    <span className="visually-hidden">Actions</span>
                </th>
            </tr>
        </thead>
    );
});
