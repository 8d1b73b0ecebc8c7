/* Chance that comes out the same each time. */
export interface Chance {
    /** 0 … n-1 */
    below(n: number): number;
    shuffled<T>(items: readonly T[]): T[];
}

export function chance(seed: number): Chance {
    let state = seed >>> 0;
    const below = (n: number): number => {
        state = (state + 0x6d2b79f5) >>> 0;
        let x = Math.imul(state ^ (state >>> 15), state | 1);
        x ^= x + Math.imul(x ^ (x >>> 7), x | 61);
        return ((x ^ (x >>> 14)) >>> 0) % n;
    };
    const shuffled = <T>(items: readonly T[]): T[] => {
        const copy = [...items];
        for (let i = copy.length - 1; i > 0; i--) {
            const j = below(i + 1);
            [copy[i], copy[j]] = [copy[j]!, copy[i]!];
        }
        return copy;
    };
    return { below, shuffled };
}
