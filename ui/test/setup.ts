/* What jsdom lacks and the page needs. */
import { cleanup } from "@testing-library/react";
import { afterEach, vi } from "vitest";

HTMLDialogElement.prototype.showModal = function showModal(this: HTMLDialogElement) {
    this.open = true;
};
HTMLDialogElement.prototype.close = function close(this: HTMLDialogElement) {
    this.open = false;
};
window.matchMedia = (query: string) =>
    ({ matches: false, media: query, addEventListener: () => {}, removeEventListener: () => {} }) as unknown as MediaQueryList;
Element.prototype.scrollIntoView = () => {};

afterEach(() => {
    cleanup();
    vi.useRealTimers();
    history.replaceState(null, "", "/");
});
