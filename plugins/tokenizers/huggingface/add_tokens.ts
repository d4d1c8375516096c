/**
 * Puts special tokens into a tokenizer's files, under the ids that Hugging Face's library gives them when it
 * reads the files again.
 * @module
 */
import { DataError } from "@denotune/denotune/core";
import { isObject, type JsonObject, type TokenizerFolder } from "./files.ts";
import { configText } from "./saved_files.ts";
import { findSpecialTokens } from "./special.ts";

/** A folder whose tokenizer knows more tokens than its files do. */
export interface ExtendedFolder {
  readonly folder: TokenizerFolder;
  /** What became a token: text -> id, which is its own where the vocabulary had it, else behind all others. */
  readonly added: ReadonlyMap<string, number>;
}

/**
 * The folder with these texts as special tokens. A text that is an added token already stays as it is; one
 * that the vocabulary has otherwise keeps its id. `vocabSize`: the largest id + 1. Throws `DataError` for ids
 * with gaps, behind which the library would give an id twice.
 */
export function withAddedTokens(
  folder: TokenizerFolder,
  { tokens, vocabSize }: {
    readonly tokens: readonly string[];
    readonly vocabSize: number;
  },
): ExtendedFolder {
  const entries = listOf(folder.tokenizer.added_tokens);
  const known = new Set(entries.map(({ content }) => content));
  const lacking = [...new Set(tokens)].filter((token) => !known.has(token));
  const added = new Map<string, number>();
  if (lacking.length === 0) return { folder, added };
  let next = vocabSize;
  const fresh = lacking.map((content) => {
    const id = idIn(folder.tokenizer.model, content) ?? next++;
    added.set(content, id);
    return { id, content, ...MATCHED };
  });
  if (next > vocabSize) checkNext(folder, entries, vocabSize);
  const tokenizer = {
    ...folder.tokenizer,
    added_tokens: [...entries, ...fresh],
  };
  return {
    folder: {
      ...folder,
      tokenizer,
      originals: rewritten(folder, { tokenizer, fresh }),
    },
    added,
  };
}

/** Matched in the raw text, whatever its neighbours; left out where special tokens are. */
const MATCHED = {
  single_word: false,
  lstrip: false,
  rstrip: false,
  normalized: false,
  special: true,
} as const;

type FreshToken = typeof MATCHED & {
  readonly id: number;
  readonly content: string;
};

function listOf(value: unknown): JsonObject[] {
  return Array.isArray(value) ? value.filter(isObject) : [];
}

/** The id of a token of the model itself, or null. */
function idIn(model: unknown, token: string): number | null {
  const vocab = isObject(model) ? model.vocab : null;
  if (Array.isArray(vocab)) {
    const at = vocab.findIndex((entry) =>
      Array.isArray(entry) && entry[0] === token
    );
    return at < 0 ? null : at;
  }
  const id = isObject(vocab) && Object.hasOwn(vocab, token)
    ? vocab[token]
    : null;
  return typeof id === "number" ? id : null;
}

/** Whether the library, too, would number the next token `vocabSize`. */
function checkNext(
  { path, tokenizer }: TokenizerFolder,
  entries: readonly JsonObject[],
  vocabSize: number,
): void {
  const vocab = isObject(tokenizer.model) ? tokenizer.model.vocab : null;
  const size = Array.isArray(vocab)
    ? vocab.length
    : isObject(vocab)
    ? Object.keys(vocab).length
    : 0;
  const largest = entries.reduce(
    (most, { id }) => typeof id === "number" ? Math.max(most, id) : most,
    -1,
  );
  const next = largest >= size ? largest + 1 : size;
  if (next === vocabSize) return;
  throw new DataError(
    `Cannot add tokens to the vocabulary of ${path}/tokenizer.json: its ids have gaps (the largest is ${
      vocabSize - 1
    }, and the next would be ${next}); use tokens that it has`,
  );
}

/** The files that say which tokens there are, with the new ones. */
function rewritten(
  folder: TokenizerFolder,
  { tokenizer, fresh }: {
    readonly tokenizer: JsonObject;
    readonly fresh: readonly FreshToken[];
  },
): Map<string, Uint8Array> {
  const { originals } = folder;
  const files = new Map(originals);
  const write = (name: string, text: string): void => {
    files.set(name, new TextEncoder().encode(text));
  };
  const read = (name: string): { text: string; value: unknown } | null => {
    const bytes = originals.get(name);
    if (bytes === undefined) return null;
    const text = new TextDecoder().decode(bytes);
    return { text, value: JSON.parse(text) };
  };
  write("tokenizer.json", JSON.stringify(tokenizer, null, 2) + "\n");
  // older readers take added tokens from these
  const config = read("tokenizer_config.json");
  if (isObject(config?.value)) {
    const value = { ...config.value, ...plainClass(folder) };
    if (isObject(value.added_tokens_decoder)) {
      const decoder = { ...value.added_tokens_decoder };
      for (const { id, ...token } of fresh) decoder[String(id)] = token;
      value.added_tokens_decoder = decoder;
    }
    write("tokenizer_config.json", configText(value, config.text));
  }
  const list = read("added_tokens.json");
  if (isObject(list?.value)) {
    const value = { ...list.value };
    for (const { id, content } of fresh) value[content] = id;
    write("added_tokens.json", JSON.stringify(value, null, 2) + "\n");
  }
  return files;
}

/**
 * The class that takes tokenizer.json as it is: transformers 5 builds others (Llama's) anew from their
 * vocabulary, and then writes other ids behind added tokens. What such a class takes for granted is written out.
 */
function plainClass({ config, tokenizer }: TokenizerFolder): JsonObject {
  const added = new Set(
    listOf(tokenizer.added_tokens).map(({ content }) => content),
  );
  const specials = findSpecialTokens(
    config,
    (token) => added.has(token) ? 0 : idIn(tokenizer.model, token),
  );
  const named = Object.entries(specials).filter(([name, token]) =>
    token !== null && config[`${name}_token`] == null
  );
  return {
    tokenizer_class: "PreTrainedTokenizerFast",
    ...Object.fromEntries(
      named.map(([name, token]) => [`${name}_token`, token]),
    ),
  };
}
