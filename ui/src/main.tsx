import "./base/theme.ts";
import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import "./base/tokens.css";
import { App } from "./app.tsx";
import { LiveStore } from "./live/store.ts";
import { LiveContext } from "./live/use-live.ts";

// A program that had this address before portd may have left a worker, which would go on answering in its place.
void navigator.serviceWorker?.getRegistrations?.().then(
    (workers) => workers.forEach((worker) => void worker.unregister()),
    () => {},
);

const store = new LiveStore();
store.start();

createRoot(document.getElementById("root")!).render(
    <StrictMode>
        <LiveContext value={store}>
            <App />
        </LiveContext>
    </StrictMode>,
);
