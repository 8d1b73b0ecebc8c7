/** Puts a popover below its button, at the button's right edge; above it where there is no room below; never out of the window. */
export function placeBelow(popover: HTMLElement, button: HTMLElement): void {
    const at = button.getBoundingClientRect();
    const { offsetWidth: width, offsetHeight: height } = popover;
    const below = at.bottom + 4;
    const top = below + height <= innerHeight - 4 ? below : at.top - height - 4;
    popover.style.left = `${Math.max(4, Math.min(at.right - width, innerWidth - width - 4))}px`;
    popover.style.top = `${Math.max(4, Math.min(top, innerHeight - height - 4))}px`;
}
