/*
 * What is read from portd once, and again when its key changes or a person wishes. What is live comes by the stream; this is for the rest: a port's
 * explanation, and what happened before the page was open.
 */
import { useCallback, useEffect, useRef, useState } from "react";

export interface Answer<T> {
    data: T | undefined;
    /** `data` is the answer to an earlier key. */
    isOld: boolean;
    error: Error | null;
    isReading: boolean;
    again: () => void;
}

interface Kept<T> {
    key: string;
    data: T | undefined;
    dataKey: string | null;
    error: Error | null;
    isReading: boolean;
}

export interface Question<T> {
    /** The same key is the same question. null: it is not asked yet. */
    key: string | null;
    read: (signal: AbortSignal) => Promise<T>;
    /** Until there is an answer to this key, the one before is shown. */
    keepsOld?: boolean;
}

function errorOf(error: unknown): Error {
    return error instanceof Error ? error : new Error(String(error));
}

export function useAnswer<T>({ key, read, keepsOld = false }: Question<T>): Answer<T> {
    const [kept, setKept] = useState<Kept<T>>({ key: "", data: undefined, dataKey: null, error: null, isReading: false });
    const [turn, setTurn] = useState(0);
    const latest = useRef(read);
    useEffect(() => {
        latest.current = read;
    });
    useEffect(() => {
        if (key === null) return undefined;
        const abort = new AbortController();
        setKept((before) => ({ ...before, key, error: before.key === key ? before.error : null, isReading: true }));
        latest.current(abort.signal).then(
            (data) => {
                if (!abort.signal.aborted) setKept({ key, data, dataKey: key, error: null, isReading: false });
            },
            (error: unknown) => {
                if (!abort.signal.aborted) setKept((before) => ({ ...before, error: errorOf(error), isReading: false }));
            },
        );
        return () => abort.abort();
    }, [key, turn]);
    const again = useCallback(() => setTurn((before) => before + 1), []);
    const isOld = kept.dataKey !== key;
    return {
        data: isOld && !keepsOld ? undefined : kept.data,
        isOld,
        error: kept.key === key ? kept.error : null,
        isReading: key !== null && (kept.key !== key || kept.isReading),
        again,
    };
}
