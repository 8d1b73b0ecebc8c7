import { Check, Copy } from "lucide-react";
import { useState } from "react";
import { announce } from "./announcer.tsx";

/** A line to copy, shown as it is, with its button. */
export function CopyLine({ text, label }: { text: string; label?: string }) {
    return (
        <span className="copy-line">
            <code>{text}</code>
            <CopyButton text={text} label={label ?? `Copy ${text}`} />
        </span>
    );
}

export function CopyButton({ text, label, children }: { text: string; label: string; children?: string }) {
    const [done, setDone] = useState<"yes" | "no" | null>(null);
    const copy = async (): Promise<void> => {
        try {
            await navigator.clipboard.writeText(text);
            setDone("yes");
            announce(`Copied: ${text}`);
        } catch {
            setDone("no");
            announce("The browser does not let this page copy; select the text and copy it yourself.");
        }
        setTimeout(() => setDone(null), 2000);
    };
    return (
        <button type="button" className="button small" aria-label={label} title={label} onClick={() => void copy()}>
            {done === "yes" ? <Check size={14} aria-hidden="true" /> : <Copy size={14} aria-hidden="true" />}
            {children ?? (done === "yes" ? "copied" : done === "no" ? "select it" : "copy")}
        </button>
    );
}
