/* All that one would have to know, on one page: shortcuts, states, the filter language. */
import { Dialog } from "../base/dialog.tsx";
import { setOverlay, useOverlay } from "../base/overlay.ts";
import { paletteKeys, setSingleKeys, shortcuts, useSingleKeys } from "../base/shortcuts.ts";
import { StateMark } from "../base/state-mark.tsx";
import { filterKeys } from "../find/filter.ts";
import { stateWords, type RowState } from "../rows/rows.ts";

export function FilterKeys() {
    return (
        <>
            <dl className="help-list">
                {Object.entries(filterKeys).map(([key, { example, meaning }]) => (
                    <div key={key}>
                        <dt>
                            <code>{example}</code>
                        </dt>
                        <dd>{meaning}</dd>
                    </div>
                ))}
                <div>
                    <dt>
                        <code>text</code>
                    </dt>
                    <dd>part of service, process, command or user, or a port's beginning</dd>
                </div>
            </dl>
            <p className="muted">
                All terms must hold. A minus before a term negates it: <code>-user:ann</code>. Quotes keep blanks together: <code>"two words"</code>.
            </p>
        </>
    );
}

function Shortcuts() {
    const on = useSingleKeys();
    return (
        <section>
            <h3>Shortcuts</h3>
            <dl className="help-list">
                <Keys keys={paletteKeys} does="find a port or a service, or do something" />
                {shortcuts.map(({ key, does }) => (
                    <Keys key={key} keys={key} does={on ? does : `${does} (off)`} />
                ))}
                <Keys keys="↑ ↓ Home End" does="from row to row, from port to port" />
                <Keys keys="Enter" does="opens the port's details" />
                <Keys keys="Esc" does="closes what is open; empties the filter" />
            </dl>
            <label className="switch">
                <input type="checkbox" role="switch" checked={on} onChange={(event) => setSingleKeys(event.target.checked)} />
                Shortcuts of a single key
            </label>
        </section>
    );
}

function Keys({ keys, does }: { keys: string; does: string }) {
    return (
        <div>
            <dt>
                <kbd>{keys}</kbd>
            </dt>
            <dd>{does}</dd>
        </div>
    );
}

function States() {
    return (
        <section>
            <h3>States</h3>
            <dl className="help-list">
                {(Object.keys(stateWords) as RowState[]).map((state) => (
                    <div key={state}>
                        <dt>
                            <StateMark row={{ state, ...stateWords[state] }} />
                        </dt>
                        <dd>{stateWords[state].meaning}</dd>
                    </div>
                ))}
            </dl>
        </section>
    );
}

export function Help() {
    if (useOverlay() !== "help") return null;
    const close = (): void => setOverlay(null);
    return (
        <Dialog title="Help" className="help" onClose={close}>
            <Shortcuts />
            <States />
            <section>
                <h3>The filter</h3>
                <FilterKeys />
            </section>
            <p className="help-end">
                <button type="button" className="button primary" onClick={close}>
                    Close
                </button>
            </p>
        </Dialog>
    );
}
