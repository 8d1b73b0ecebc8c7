import { X } from "lucide-react";
import { useEffect, useRef, type RefObject } from "react";
import { leaseAction } from "../actions/actions.ts";
import { listenersOf, named } from "../actions/parties.ts";
import { problemOf } from "../actions/perform.ts";
import { ProblemNote } from "../actions/problem-note.tsx";
import { useStartAction } from "../actions/use-action.ts";
import type { Who } from "../api/types.ts";
import { CopyLine } from "../base/copy-button.tsx";
import { LongText } from "../base/long-text.tsx";
import { StateMark } from "../base/state-mark.tsx";
import { setUrlState, useUrlState } from "../find/url-state.ts";
import { useIsLive, useMeta } from "../live/use-live.ts";
import type { PortRow } from "../rows/rows.ts";
import { ActionList } from "./action-list.tsx";
import "./detail.css";
import { ElsewhereHelp } from "./elsewhere-help.tsx";
import { LeaseFacts } from "./lease-facts.tsx";
import { partiesOf, PartyFacts } from "./listener-facts.tsx";
import { PortHistory } from "./port-history.tsx";
import { usePortDetail } from "./use-who.ts";

/** Everything about one port, at the page's right edge; the address says which. */
export function DetailDrawer() {
    const { port } = useUrlState();
    const drawer = useRef<HTMLElement>(null);
    useDrawerFocus(port, drawer);
    if (port === null) return null;
    return <Drawer key={port} port={port} drawer={drawer} />;
}

/*
 * Who opens the drawer is in it; who closes it is back where he was. A page that is opened at such an address leaves the focus alone, and so does a drawer
 * that is closed while the focus is elsewhere.
 */
function useDrawerFocus(port: number | null, drawer: RefObject<HTMLElement | null>): void {
    const shown = useRef(port);
    const before = useRef<Element | null>(null);
    useEffect(() => {
        if (shown.current === port) return;
        shown.current = port;
        const active = document.activeElement;
        if (port !== null) {
            if (active && active !== document.body && !drawer.current?.contains(active)) before.current = active;
            drawer.current?.focus();
            return;
        }
        const back = before.current;
        before.current = null;
        if (active !== document.body && active !== null) return;
        if (back instanceof HTMLElement && back.isConnected) back.focus();
        else document.querySelector<HTMLElement>("[data-focus-home]")?.focus({ preventScroll: true });
    }, [port, drawer]);
}

const close = (): void => setUrlState({ port: null });

function Drawer({ port, drawer }: { port: number; drawer: RefObject<HTMLElement | null> }) {
    const detail = usePortDetail(port);
    useEscape();
    return (
        <aside ref={drawer} className="drawer" aria-labelledby="drawer-title" tabIndex={-1}>
            <header className="drawer-head">
                <h2 id="drawer-title">Port {port}</h2>
                {detail?.row && <StateMark row={detail.row} />}
                <button type="button" className="button small" onClick={close} title="Escape closes it, too">
                    <X size={14} aria-hidden="true" /> Close
                </button>
            </header>
            {!detail && <p className="muted">Reading…</p>}
            {detail && (
                <>
                    <p className="drawer-verdict">
                        <LongText most={600} text={detail.who.verdict} />
                    </p>
                    <OutsideNote port={port} />
                    {detail.error && (
                        <>
                            <ProblemNote problem={problemOf(detail.error)} />
                            <button type="button" className="button small" onClick={detail.retry}>
                                Ask again
                            </button>
                        </>
                    )}
                    {detail.row ? <ActionList row={detail.row} without={["explain"]} /> : <FreePort port={port} />}
                    <Known row={detail.row} who={detail.who} />
                    <PortHistory port={port} />
                </>
            )}
        </aside>
    );
}

/* From everywhere: it may lie over what has the focus. But not where Escape ends something else first. */
function useEscape(): void {
    useEffect(() => {
        const press = (event: KeyboardEvent): void => {
            if (event.key !== "Escape" || event.defaultPrevented) return;
            if (event.target instanceof Element && event.target.closest("dialog, [popover], input, select, textarea")) return;
            close();
        };
        document.addEventListener("keydown", press);
        return () => document.removeEventListener("keydown", press);
    }, []);
}

function OutsideNote({ port }: { port: number }) {
    const range = useMeta()?.range;
    if (!range || (port >= range.min && port <= range.max)) return null;
    return (
        <p className="muted">
            Outside the managed range {range.min}-{range.max}: it is nobody&apos;s by itself, and can be leased by its number.
        </p>
    );
}

function FreePort({ port }: { port: number }) {
    const start = useStartAction();
    const live = useIsLive();
    const action = leaseAction(port);
    return (
        <div className="action-row">
            <button
                type="button"
                className="button primary"
                aria-disabled={!live || undefined}
                title={action.command ?? undefined}
                onClick={() => live && start(action, port)}
            >
                {action.label}
            </button>
            {action.command !== null && <CopyLine text={action.command} />}
        </div>
    );
}

function Known({ row, who }: { row: PortRow | null; who: Who }) {
    const parties = partiesOf(listenersOf(who));
    return (
        <>
            {who.lease?.state === "elsewhere" && <ElsewhereHelp lease={who.lease} />}
            {who.lease && (
                <section aria-labelledby="drawer-lease">
                    <h3 id="drawer-lease">Lease</h3>
                    <LeaseFacts lease={who.lease} deadline={row?.deadline ?? null} all />
                </section>
            )}
            {parties.length > 0 && (
                <section aria-labelledby="drawer-listeners">
                    <h3 id="drawer-listeners">{parties.length === 1 ? "On the port" : `On the port: ${parties.length} parties`}</h3>
                    {parties.map((party) => (
                        <div key={party.key} className="drawer-party">
                            <h4>
                                <bdi>{named(party.owners[0]?.process ?? "a hidden process", 80)}</bdi>
                            </h4>
                            <PartyFacts party={party} all />
                        </div>
                    ))}
                </section>
            )}
            {who.next.length > 0 && (
                <section aria-labelledby="drawer-next">
                    <h3 id="drawer-next">In a shell</h3>
                    <ul className="next-list">
                        {who.next.map((next) => (
                            <li key={next.command}>
                                <CopyLine text={next.command} />
                                <span className="muted">{next.why}</span>
                            </li>
                        ))}
                    </ul>
                </section>
            )}
        </>
    );
}
