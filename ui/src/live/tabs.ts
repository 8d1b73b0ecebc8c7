/*
 * One event stream for all tabs. Browsers allow six connections to one server, so six tabs with a stream each would leave none for anything else. One tab,
 * which the browser's lock manager chooses, has the stream and passes on what arrives; when it closes, another takes over. Where there are no locks or no
 * channel (an old browser, storage that is denied) each tab has its own.
 */
export interface Tabs<Message> {
    /** Tells the other tabs. */
    send(message: Message): void;
    close(): void;
}

export interface TabHandlers<Message> {
    onMessage(message: Message): void;
    /** From now on this tab has the stream. */
    onLead(): void;
}

const NAME = "portmanager-live-1";

function openChannel(): BroadcastChannel | null {
    try {
        return new BroadcastChannel(NAME);
    } catch {
        return null;
    }
}

/* Where the locks are denied, some browsers reject, and some throw: here that is the same. */
async function requestLead(channel: boolean, signal: AbortSignal, lead: () => Promise<void>): Promise<void> {
    const locks = channel ? (navigator.locks as LockManager | undefined) : undefined;
    await (locks ? locks.request(NAME, { signal }, lead) : lead());
}

export function joinTabs<Message>(handlers: TabHandlers<Message>): Tabs<Message> {
    const channel = openChannel();
    const abort = new AbortController();
    let closed = false;
    let leads = false;
    let leave: () => void = () => {};

    if (channel) channel.addEventListener("message", (message: MessageEvent<Message>) => handlers.onMessage(message.data));
    const lead = (): Promise<void> => {
        if (closed) return Promise.resolve();
        leads = true;
        handlers.onLead();
        return new Promise((resolve) => {
            leave = resolve;
        });
    };
    requestLead(channel !== null, abort.signal, lead).catch(() => {
        if (!closed && !leads) void lead();
    });
    return {
        send: (message) => {
            if (!closed) channel?.postMessage(message);
        },
        close(): void {
            closed = true;
            abort.abort();
            leave();
            channel?.close();
        },
    };
}
