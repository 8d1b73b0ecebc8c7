import react from "@vitejs/plugin-react";
import { defineConfig } from "vitest/config";
import { portdProxy } from "./scripts/proxy.ts";

// The build is committed and embedded in portd: one script, one style, names with the hash of their content, and nothing that differs from one build
// to the next. Everything that is inlined elsewhere (small images as data:) stays within portd's Content-Security-Policy.
export default defineConfig({
    plugins: [react(), portdProxy()],
    build: {
        outDir: "dist",
        target: "es2022",
        sourcemap: false,
        modulePreload: { polyfill: false },
        cssCodeSplit: false,
    },
    server: { host: "localhost", port: 5173, strictPort: true, cors: false },
    test: {
        restoreMocks: true,
        // A bound against hanging and no measure: the machine may be busy.
        testTimeout: 60_000,
        hookTimeout: 60_000,
        projects: [
            { extends: true, test: { name: "page", environment: "jsdom", setupFiles: ["test/setup.ts"], include: ["src/**/*.test.{ts,tsx}"] } },
            { extends: true, test: { name: "scripts", environment: "node", include: ["scripts/**/*.test.ts"] } },
        ],
    },
});
