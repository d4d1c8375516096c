/**
 * Reads the files that a tokenizer is kept in, and says clearly what is missing or broken.
 * @module
 */
import { DataError, readFileUpTo } from "@denotune/denotune/core";

/** A JSON object. */
export type JsonObject = Record<string, unknown>;

/** The files of a tokenizer, parsed. */
export interface TokenizerFolder {
  readonly path: string;
  /** tokenizer.json. */
  readonly tokenizer: JsonObject;
  /** tokenizer_config.json joined with special_tokens_map.json; empty if there are none. */
  readonly config: JsonObject;
  /** The Jinja chat template, or null. */
  readonly chatTemplate: string | null;
  /** The text files, unchanged: name -> bytes. */
  readonly originals: ReadonlyMap<string, Uint8Array>;
}

const KEPT = [
  "tokenizer.json",
  "tokenizer_config.json",
  "special_tokens_map.json",
  "added_tokens.json",
  "chat_template.jinja",
  "chat_template.json",
];

/** Bytes of a file at most: the largest have some 30 million. */
const MOST_BYTES = 256e6;

/** Reads a folder. Throws `DataError` naming the file and what would fix it. */
export async function readTokenizerFolder(
  path: string,
): Promise<TokenizerFolder> {
  const names = await listFolder(path);
  if (!names.includes("tokenizer.json")) {
    throw new DataError(explainMissing(path, names));
  }
  const originals = new Map<string, Uint8Array>();
  for (const name of KEPT) {
    if (names.includes(name)) {
      const file = `${path}/${name}`;
      try {
        originals.set(name, readFileUpTo(file, MOST_BYTES));
      } catch (cause) {
        const reason = cause instanceof Error ? cause.message : String(cause);
        throw new DataError(`Cannot read ${file}: ${reason}`, { cause });
      }
    }
  }
  const read = (name: string): JsonObject | null => {
    const bytes = originals.get(name);
    return bytes === undefined ? null : parseObject(`${path}/${name}`, bytes);
  };
  const tokenizer = read("tokenizer.json") ?? {};
  read("added_tokens.json"); // not used here, but written again with tokens that are added
  const config = {
    ...read("special_tokens_map.json"),
    ...read("tokenizer_config.json"),
  };
  return {
    path,
    tokenizer,
    config,
    chatTemplate: findChatTemplate(
      originals,
      read("chat_template.json"),
      config,
    ),
    originals,
  };
}

/** Whether a value is a JSON object. */
export function isObject(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

async function listFolder(path: string): Promise<string[]> {
  try {
    return (await Array.fromAsync(Deno.readDir(path))).map((entry) =>
      entry.name
    ).sort();
  } catch (cause) {
    const what = cause instanceof Deno.errors.NotFound
      ? "there is no such folder"
      : cause instanceof Deno.errors.NotADirectory
      ? "it is not a folder"
      : String(cause);
    throw new DataError(`Cannot read the tokenizer in ${path}: ${what}`, {
      cause,
    });
  }
}

function explainMissing(path: string, names: readonly string[]): string {
  const found = names.length === 0
    ? "the folder is empty"
    : `found ${names.slice(0, 12).join(", ")}${
      names.length > 12 ? ", ..." : ""
    }`;
  const slow = names.find((name) =>
    name === "tokenizer.model" || name.endsWith(".spm") ||
    name === "spiece.model"
  );
  const vocabulary = names.includes("vocab.json") ||
    names.includes("vocab.txt");
  const fix = slow !== undefined
    ? `${slow} is a SentencePiece model without the fast form; convert it once with transformers: ` +
      `AutoTokenizer.from_pretrained(folder).save_pretrained(folder)`
    : vocabulary
    ? "only the slow form is there; convert it once with transformers: " +
      "AutoTokenizer.from_pretrained(folder).save_pretrained(folder)"
    : "copy tokenizer.json from the model's page, or choose another tokenizer, for example `tokenizer: byte`";
  return `Cannot read the tokenizer in ${path}: there is no tokenizer.json (${found}); ${fix}`;
}

function parseObject(path: string, bytes: Uint8Array): JsonObject {
  let value: unknown;
  try {
    const text = new TextDecoder("utf-8", { fatal: true }).decode(bytes);
    if (depthOf(text) > MAX_DEPTH) {
      throw new SyntaxError(
        `lists and objects are nested more than ${MAX_DEPTH} deep`,
      );
    }
    value = JSON.parse(text);
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new DataError(
      `Cannot read ${path}: it is not valid JSON (${reason}); fetch it again`,
      {
        cause,
      },
    );
  }
  if (!isObject(value)) {
    throw new DataError(
      `Cannot read ${path}: expected a JSON object, found ${
        Array.isArray(value) ? "a list" : String(value)
      }`,
    );
  }
  return value;
}

/** What is nested deeper cannot be written again. */
const MAX_DEPTH = 200;

/** How deep a JSON text is nested. */
function depthOf(text: string): number {
  let depth = 0;
  let most = 0;
  for (let at = 0; at < text.length; at++) {
    const unit = text.charCodeAt(at);
    if (unit === 0x5b || unit === 0x7b) most = Math.max(most, ++depth);
    else if (unit === 0x5d || unit === 0x7d) depth--;
    else if (unit === 0x22) {
      // on to the end of the string
      for (at++; at < text.length && text.charCodeAt(at) !== 0x22; at++) {
        if (text.charCodeAt(at) === 0x5c) at++;
      }
    }
  }
  return most;
}

function findChatTemplate(
  originals: ReadonlyMap<string, Uint8Array>,
  json: JsonObject | null,
  config: JsonObject,
): string | null {
  const jinja = originals.get("chat_template.jinja");
  if (jinja !== undefined) return new TextDecoder().decode(jinja);
  const value = json?.chat_template ?? config.chat_template;
  if (typeof value === "string") return value;
  // several templates by name: a list of {name, template}, or an object
  const named = Array.isArray(value)
    ? value.filter(isObject).map((entry) =>
      [entry.name, entry.template] as const
    )
    : isObject(value)
    ? Object.entries(value)
    : [];
  const chosen = named.find(([name]) => name === "default") ?? named[0];
  return typeof chosen?.[1] === "string" ? chosen[1] : null;
}
