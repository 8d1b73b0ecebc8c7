/*
 * The filter's text cut into terms: `port:8001 -user:ann "my api"`. Blanks part them, a minus before one negates it, quotes keep blanks (and colons)
 * together. Whatever was typed gives terms: a quote that is not closed yet reaches to the end.
 */
export interface Term {
    negated: boolean;
    /** "port" of `port:8001`, lower-cased; null: free text. */
    key: string | null;
    value: string;
    /** The value was in quotes: meant as it stands. */
    quoted: boolean;
}

interface Cut {
    text: string;
    quoted: boolean;
    end: number;
}

/* From `at` to the next blank outside quotes. A backslash before a quote inside of quotes is that quote. */
function cutValue(text: string, at: number): Cut {
    let value = "";
    let quoted = false;
    let inside = false;
    let end = at;
    for (; end < text.length; end++) {
        const letter = text[end]!;
        if (!inside && /\s/.test(letter)) break;
        if (inside && letter === "\\" && /["\\]/.test(text[end + 1] ?? "")) value += text[++end];
        else if (letter === '"') {
            inside = !inside;
            quoted = true;
        } else value += letter;
    }
    return { text: value, quoted, end };
}

/* What is typed or pasted as an address means its port: `http://localhost:8001/`. */
const ADDRESS = /^(?:https?:\/\/)?(?:localhost|127(?:\.\d{1,3}){3}|0\.0\.0\.0|\[::1?\]|\*):(\d{1,5})(?:\/\S*)?$/i;

function readTerm(text: string, at: number): { term: Term; end: number } {
    const negated = text[at] === "-" && at + 1 < text.length && !/\s/.test(text[at + 1]!);
    const begin = negated ? at + 1 : at;
    const address = ADDRESS.exec(/^\S*/.exec(text.slice(begin))![0]);
    if (address) return { term: { negated, key: "port", value: address[1]!, quoted: false }, end: begin + address[0].length };
    const key = /^([A-Za-z_-]{1,40}):/.exec(text.slice(begin));
    const value = cutValue(text, begin + (key?.[0].length ?? 0));
    return { term: { negated, key: key ? key[1]!.toLowerCase() : null, value: value.text, quoted: value.quoted }, end: value.end };
}

export function readTerms(text: string): Term[] {
    const terms: Term[] = [];
    for (let at = 0; at < text.length;) {
        if (/\s/.test(text[at]!)) {
            at++;
            continue;
        }
        const { term, end } = readTerm(text, at);
        terms.push(term);
        at = end;
    }
    return terms;
}

/** A value as the filter reads it again: in quotes where it has to be. */
export function quoteValue(value: string): string {
    return /^[^\s"\\:-][^\s"\\:]*$/.test(value) ? value : `"${value.replace(/["\\]/g, "\\$&")}"`;
}
