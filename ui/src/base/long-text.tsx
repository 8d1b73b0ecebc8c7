import { useState } from "react";

/** Somebody else's text, which may have 4 KiB and any letters: isolated, and shortened until it is asked for. */
export function LongText({ text, most = 160, className }: { text: string; most?: number; className?: string }) {
    const [open, setOpen] = useState(false);
    const letters = text.length > most ? [...text] : null;
    if (!letters || letters.length <= most) return <bdi className={className}>{text}</bdi>;
    return (
        <>
            <bdi className={className}>{open ? text : `${letters.slice(0, most).join("")}…`}</bdi>{" "}
            <button type="button" className="button small" aria-expanded={open} onClick={() => setOpen(!open)}>
                {open ? "Show less" : `Show all ${letters.length} letters`}
            </button>
        </>
    );
}
