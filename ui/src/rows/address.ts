/* "127.0.0.1:8001", "[::]:8001" */
import type { Listener } from "../api/types.ts";

export function listenerAddress(listener: Pick<Listener, "address" | "port">): string {
    return listener.address.includes(":") ? `[${listener.address}]:${listener.port}` : `${listener.address}:${listener.port}`;
}
