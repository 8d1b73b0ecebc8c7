/* Which of the words was probably meant. */

/* How many letters have to be changed, added, left out or swapped with their neighbour. */
function distance(a: string, b: string): number {
    const rows = Array.from({ length: a.length + 1 }, (_, i) => [i, ...Array<number>(b.length).fill(0)]);
    for (let j = 0; j <= b.length; j++) rows[0]![j] = j;
    for (let i = 1; i <= a.length; i++)
        for (let j = 1; j <= b.length; j++) {
            const change = a[i - 1] === b[j - 1] ? 0 : 1;
            let best = Math.min(rows[i - 1]![j]! + 1, rows[i]![j - 1]! + 1, rows[i - 1]![j - 1]! + change);
            if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) best = Math.min(best, rows[i - 2]![j - 2]! + 1);
            rows[i]![j] = best;
        }
    return rows[a.length]![b.length]!;
}

/** null: none is near enough to be worth a word. */
export function nearest(word: string, words: readonly string[]): string | null {
    if (word === "" || word.length > 40) return null;
    const begun = words.find((each) => each.startsWith(word) || (word.length > each.length && word.startsWith(each)));
    if (begun) return begun;
    const allowed = Math.max(1, Math.floor(word.length / 3));
    let best: string | null = null;
    let least = allowed + 1;
    for (const each of words) {
        const d = distance(word, each);
        if (d < least) [best, least] = [each, d];
    }
    return best;
}
