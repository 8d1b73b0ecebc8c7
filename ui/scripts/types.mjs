// Makes src/api/types.ts from ../docs/openapi.yaml: an exported type for each schema of the document, in its order.
// `node scripts/types.mjs` writes it, `node scripts/types.mjs --check` says whether it is up to date.
import { readFile, writeFile } from "node:fs/promises";
import { compile } from "json-schema-to-typescript";
import { parse } from "yaml";

const source = new URL("../../docs/openapi.yaml", import.meta.url);
const target = new URL("../src/api/types.ts", import.meta.url);
const style = JSON.parse(await readFile(new URL("../.prettierrc.json", import.meta.url), "utf8"));

const banner = `// Made from docs/openapi.yaml by \`npm run api\`; do not edit.
// Times are strings: UTC, RFC 3339, with milliseconds.
`;

// Which members go together, and how many items there are.
const untypable = new Set(["allOf", "anyOf", "minItems", "maxItems"]);

// What a type cannot say is left out, and so is what a reference adds to its target.
function simplify(schema) {
    if (Array.isArray(schema)) return schema.map(simplify);
    if (schema === null || typeof schema !== "object") return schema;
    if (schema.$ref) {
        const reference = { $ref: schema.$ref.replace("#/components/schemas/", "#/definitions/") };
        return schema.description ? { description: schema.description, oneOf: [reference] } : reference;
    }
    const kept = Object.entries(schema).filter(([key]) => !untypable.has(key));
    return Object.fromEntries(kept.map(([key, value]) => [key, simplify(value)]));
}

export async function makeTypes(text) {
    const schemas = simplify(parse(text).components.schemas);
    const root = { definitions: schemas, type: "object", additionalProperties: false };
    const made = await compile(root, "ApiRoot", {
        additionalProperties: false,
        bannerComment: "",
        format: true,
        ignoreMinAndMaxItems: true,
        strictIndexSignatures: true,
        style,
        unreachableDefinitions: true,
    });
    return banner + tidy(made, Object.keys(schemas));
}

// Takes out what is said of the tool and not of the API, and puts the types into the document's order.
function tidy(made, names) {
    const types = new Map();
    for (const block of made.split(/^(?=\/\*\*|export )/m).reduce(joinComments, [])) {
        const name = /^export (?:interface|type) (\w+)/m.exec(block)?.[1];
        if (name && name !== "ApiRoot") types.set(name, block.replace(remark, "").replaceAll(shortComment, "/** $1 */\n").trimEnd() + "\n");
    }
    const strangers = [...types.keys()].filter((name) => !names.includes(name));
    const missing = names.filter((name) => !types.has(name));
    if (strangers.length > 0 || missing.length > 0)
        throw new Error(`types without a schema: ${strangers.join(" ") || "none"}; schemas without a type: ${missing.join(" ") || "none"}`);
    return names.map((name) => "\n" + types.get(name)).join("");
}

const remark =
    /\/\*\*\n \* This interface was referenced by .*\n \* via the .*\n \*\/\n| \*\n \* This interface was referenced by .*\n \* via the .*\n/;
const shortComment = /\/\*\*\n +\* (.*)\n +\*\/\n/g;

// A comment belongs to the declaration after it.
function joinComments(blocks, block) {
    const last = blocks.at(-1);
    if (last !== undefined && !/^export /m.test(last)) blocks[blocks.length - 1] = last + block;
    else blocks.push(block);
    return blocks;
}

async function main() {
    const made = await makeTypes(await readFile(source, "utf8"));
    if (!process.argv.includes("--check")) {
        await writeFile(target, made);
        return;
    }
    const there = await readFile(target, "utf8").catch(() => "");
    if (there === made) return;
    console.error("ui/src/api/types.ts is not what docs/openapi.yaml makes: npm run api");
    process.exitCode = 1;
}

await main();
