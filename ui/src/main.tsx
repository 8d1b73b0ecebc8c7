import "./base/theme.ts";
import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import "./base/tokens.css";
import { App } from "./app.tsx";
import { LiveStore } from "./live/store.ts";
import { LiveContext } from "./live/use-live.ts";

const store = new LiveStore();
store.start();

createRoot(document.getElementById("root")!).render(
    <StrictMode>
        <LiveContext value={store}>
            <App />
        </LiveContext>
    </StrictMode>,
);
