import react from "@vitejs/plugin-react";
import { defineConfig } from "vitest/config";

// The build is committed and embedded in portd: one script, one style, names with the hash of their content, and nothing that differs from one build
// to the next. Everything that is inlined elsewhere (small images as data:) stays within portd's Content-Security-Policy.
export default defineConfig({
    plugins: [react()],
    build: {
        outDir: "dist",
        target: "es2022",
        sourcemap: false,
        modulePreload: { polyfill: false },
        cssCodeSplit: false,
    },
    server: { port: 5173, strictPort: true },
    test: {
        environment: "jsdom",
        setupFiles: ["test/setup.ts"],
        include: ["src/**/*.test.{ts,tsx}", "scripts/**/*.test.ts"],
        restoreMocks: true,
    },
});
