import { QueryClient, QueryClientProvider } from "@tanstack/react-query";
import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { App } from "./app.tsx";
import "./base/tokens.css";
import { LiveStore } from "./live/store.ts";
import { LiveContext } from "./live/use-live.ts";

const store = new LiveStore();
store.start();

// What is live comes by the stream; queries are for what is read once, and again by a person's wish.
const queries = new QueryClient({ defaultOptions: { queries: { retry: false, refetchOnWindowFocus: false, staleTime: 2000 } } });

createRoot(document.getElementById("root")!).render(
    <StrictMode>
        <QueryClientProvider client={queries}>
            <LiveContext value={store}>
                <App />
            </LiveContext>
        </QueryClientProvider>
    </StrictMode>,
);
