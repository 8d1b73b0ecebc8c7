import { useEffect } from "react";

const TITLE = "PortManager";

/** "(2) PortManager": seen in the tab, whatever is in front. */
export function useTitleCount(count: number): void {
    useEffect(() => {
        document.title = count > 0 ? `(${count}) ${TITLE}` : TITLE;
    }, [count]);
    useEffect(
        () => () => {
            document.title = TITLE;
        },
        [],
    );
}
