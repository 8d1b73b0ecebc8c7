/* Renders a part of the page around a store that stands still. */
import { render, type RenderResult } from "@testing-library/react";
import type { ReactNode } from "react";
import type { LiveStore } from "../src/live/store.ts";
import { LiveContext } from "../src/live/use-live.ts";

export function renderWith(store: LiveStore, children: ReactNode): RenderResult {
    return render(<LiveContext value={store}>{children}</LiveContext>);
}
