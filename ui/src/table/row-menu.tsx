/* All that can be done with a row, in the browser's own popover: it closes on Escape, on a click elsewhere, and when its row is gone. */
import { useEffect, useLayoutEffect, useMemo, useRef, type KeyboardEvent } from "react";
import { ActionButton } from "../actions/action-button.tsx";
import { actionsFor } from "../actions/actions.ts";
import type { Caller } from "../api/types.ts";
import { placeBelow } from "../base/place.ts";
import type { PortRow } from "../rows/rows.ts";

export interface OpenMenu {
    port: number;
    anchor: HTMLElement;
}

function moveFocus(event: KeyboardEvent<HTMLElement>): void {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step === undefined || (event.target as Element).closest("dialog, input, textarea, select")) return;
    const buttons = [...event.currentTarget.querySelectorAll<HTMLElement>("button:not(:disabled)")];
    const at = buttons.indexOf(event.target as HTMLElement);
    event.preventDefault();
    buttons[(at + step + buttons.length) % buttons.length]?.focus();
}

function isLost(menu: HTMLElement | null): boolean {
    return document.activeElement === document.body || menu?.contains(document.activeElement) === true;
}

/* Whoever is in it when it closes is put back to where he came from, not to the top of the page; if a dialog closed it, when that closes. */
function giveBack(menu: HTMLElement | null, anchor: HTMLElement): void {
    const back = (): void => {
        if (isLost(menu) && anchor.isConnected) anchor.focus();
    };
    back();
    document.querySelector("dialog[open]")?.addEventListener("close", back, { once: true });
}

export function RowMenu({ row, anchor, caller, onClose }: { row: PortRow; anchor: HTMLElement; caller: Caller; onClose: () => void }) {
    const ref = useRef<HTMLDivElement>(null);
    const actions = useMemo(() => actionsFor(row, caller), [row, caller]);

    useLayoutEffect(() => {
        const menu = ref.current;
        if (!menu) return;
        menu.showPopover?.();
        placeBelow(menu, anchor);
        menu.querySelector<HTMLElement>("button:not(:disabled)")?.focus();
    }, [anchor]);
    useEffect(() => {
        const menu = ref.current;
        return () => giveBack(menu, anchor);
    }, [anchor]);

    return (
        <div
            ref={ref}
            popover="auto"
            role="group"
            aria-label={`Port ${row.port}: what can be done`}
            className="row-menu"
            onKeyDown={moveFocus}
            onToggle={(event) => {
                if (event.target === event.currentTarget && event.newState === "closed") onClose();
            }}
        >
            {actions.map((action) => (
                <ActionButton key={action.id} row={row} action={action} />
            ))}
        </div>
    );
}
