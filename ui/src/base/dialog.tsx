/* A modal dialog: the browser's own, which keeps the focus inside, closes on Escape, and gives the focus back. */
import { useEffect, useId, useRef, type ReactNode } from "react";

export function Dialog({ title, onClose, children, className }: { title: string; onClose: () => void; children: ReactNode; className?: string }) {
    const ref = useRef<HTMLDialogElement>(null);
    const titleId = useId();

    useEffect(() => {
        const dialog = ref.current;
        const before = document.activeElement;
        if (!dialog) return;
        if (!dialog.open) dialog.showModal();
        return () => {
            dialog.close();
            if (before instanceof HTMLElement && before.isConnected) before.focus();
        };
    }, []);

    return (
        <dialog
            ref={ref}
            className={className ? `dialog ${className}` : "dialog"}
            aria-labelledby={titleId}
            onCancel={(event) => {
                event.preventDefault();
                onClose();
            }}
        >
            <h2 id={titleId}>{title}</h2>
            {children}
        </dialog>
    );
}
