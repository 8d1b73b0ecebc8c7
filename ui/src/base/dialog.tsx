/* A modal dialog: the browser's own, which keeps the focus inside, closes on Escape, and gives the focus back. */
import { useEffect, useId, useRef, type ReactNode, type RefObject } from "react";

interface DialogProps {
    title: string;
    onClose: () => void;
    children: ReactNode;
    className?: string;
    /** What has the focus at first; else the browser chooses. */
    initialFocus?: RefObject<HTMLElement | null>;
}

export function Dialog({ title, onClose, children, className, initialFocus }: DialogProps) {
    const ref = useRef<HTMLDialogElement>(null);
    const titleId = useId();

    useEffect(() => {
        const dialog = ref.current;
        const before = document.activeElement;
        if (!dialog) return;
        if (!dialog.open) dialog.showModal();
        initialFocus?.current?.focus();
        return () => {
            dialog.close();
            if (before instanceof HTMLElement && before.isConnected) before.focus();
        };
    }, [initialFocus]);

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
