/**
 * Tokenizer, template, ends and generation defaults as metadata of a GGUF file, and back.
 * @module
 */
import {
  ConfigError,
  type ExportText,
  type Json,
  type ReadBackText,
} from "@denotune/denotune/core";
import type { GgufMetadata } from "../file/value.ts";
import type { ReadValue } from "../file/read_gguf.ts";
import {
  isSection,
  mergesOf,
  type Section,
  sectionIn,
  TOKEN_TYPES,
  tokenizerJson,
} from "./tokenizer_json.ts";
import type { Vocabulary } from "./vocabulary.ts";
import { sectionOf } from "./pre_tokenizers.ts";
import { mergesOfScores } from "./sentencepiece.ts";

const TOKENIZER = "tokenizer.ggml";

/** Where the whole of `generation_config.json` is. */
const GENERATION = "denotune.generation_config";

/** Keys of generation defaults that llama.cpp reads. */
const SAMPLING: readonly (readonly [string, string, "f32" | "i32"])[] = [
  ["temperature", "general.sampling.temp", "f32"],
  ["top_k", "general.sampling.top_k", "i32"],
  ["top_p", "general.sampling.top_p", "f32"],
  ["min_p", "general.sampling.min_p", "f32"],
  ["repetition_penalty", "general.sampling.penalty_repeat", "f32"],
];

/** Ends that llama.cpp finds by their text, besides the three that a file names. */
const FOUND_BY_TEXT: readonly string[] = [
  "<|eot_id|>",
  "<|im_end|>",
  "<|end|>",
  "<end_of_turn>",
  "<|endoftext|>",
  "<|eom_id|>",
  "<|end_of_text|>",
];

/** The ids that a file names as ends: the tokenizer's own, where answers end there, comes first. */
export function endsOf(
  { tokenizer, stopIds }: ExportText,
): Readonly<Record<"eos" | "eot" | "eom", number | null>> {
  const own = tokenizer.specialIds.eos;
  const eos = own !== null && stopIds.includes(own) ? own : stopIds[0] ?? own;
  const rest = stopIds.filter((id) => id !== eos);
  // those that llama.cpp finds by itself give way
  const named = rest.filter((id) =>
    !FOUND_BY_TEXT.includes(tokenizer.tokenOf(id) ?? "")
  );
  const last = [...named, ...rest.filter((id) => !named.includes(id))];
  if (named.length > 2) {
    throw new ConfigError(
      `Cannot export this model as GGUF: its answers end at ${stopIds.length} tokens (${
        stopIds.map((id) => JSON.stringify(tokenizer.tokenOf(id))).join(", ")
      }), and a file names three`,
    );
  }
  return { eos, eot: last[0] ?? null, eom: last[1] ?? null };
}

/** The metadata. */
export function textMetadata(
  text: ExportText,
  { tokens, types, kind }: Vocabulary,
): GgufMetadata {
  const { tokenizer, template, generation } = text;
  const ids = tokenizer.specialIds;
  const ends = endsOf(text);
  const id = (name: string, value: number | null) =>
    value === null ? {} : { [`${TOKENIZER}.${name}_token_id`]: { u32: value } };
  return {
    [`${TOKENIZER}.model`]: { string: kind.model },
    ...(kind.model === "gpt2"
      ? {
        [`${TOKENIZER}.pre`]: { string: kind.pre },
        [`${TOKENIZER}.merges`]: { strings: kind.merges },
      }
      : {
        [`${TOKENIZER}.pre`]: { string: "default" },
        [`${TOKENIZER}.scores`]: { f32s: kind.scores },
        [`${TOKENIZER}.add_space_prefix`]: { bool: kind.spacePrefix },
      }),
    [`${TOKENIZER}.tokens`]: { strings: tokens },
    [`${TOKENIZER}.token_type`]: { i32s: types },
    ...id("bos", ids.bos),
    ...id("eos", ends.eos),
    ...id("eot", ends.eot),
    ...id("eom", ends.eom),
    ...id("unknown", ids.unk),
    ...id("padding", ids.pad),
    [`${TOKENIZER}.add_bos_token`]: { bool: tokenizer.addsBos },
    [`${TOKENIZER}.add_eos_token`]: { bool: false },
    ...(template === null
      ? {}
      : { "tokenizer.chat_template": { string: template } }),
    ...Object.fromEntries(SAMPLING.flatMap(([name, key, type]) => {
      const value = generation[name];
      if (typeof value !== "number") return [];
      return [[key, type === "f32" ? { f32: value } : { i32: value }]];
    })),
    ...(generation.do_sample === false
      ? { "general.sampling.temp": { f32: 0 } }
      : {}),
    [GENERATION]: { string: JSON.stringify(generation) },
  };
}

/** What a file says of all this; what is as it was written comes as it was in the request. */
export function readText(
  file: ReadonlyMap<string, ReadValue>,
  text: ExportText,
  vocabulary: Vocabulary,
): ReadBackText {
  const written = textMetadata(text, vocabulary);
  const template = file.get("tokenizer.chat_template");
  return {
    files: readFiles(file, { text, vocabulary, written }),
    template: typeof template === "string" ? template : null,
    stopIds: readStops(file, text, written),
    generation: readGeneration(file, text, written),
  };
}

function idIn(
  file: ReadonlyMap<string, ReadValue>,
  name: string,
): number | null {
  const value = file.get(`${TOKENIZER}.${name}_token_id`);
  return typeof value === "number" ? value : null;
}

function readStops(
  file: ReadonlyMap<string, ReadValue>,
  { tokenizer, stopIds }: ExportText,
  written: GgufMetadata,
): readonly number[] {
  const names = ["eos", "eot", "eom"];
  const found = names.map((name) => idIn(file, name));
  const isSame = names.every((name, i) => {
    const value = written[`${TOKENIZER}.${name}_token_id`];
    return (value !== undefined && "u32" in value ? value.u32 : null) ===
      found[i];
  });
  if (isSame) return stopIds;
  const byText = stopIds.filter((id) =>
    FOUND_BY_TEXT.includes(tokenizer.tokenOf(id) ?? "")
  );
  return [...new Set([...found.filter((id) => id !== null), ...byText])];
}

function readGeneration(
  file: ReadonlyMap<string, ReadValue>,
  { generation }: ExportText,
  written: GgufMetadata,
): { readonly [key: string]: Json } {
  const whole = file.get(GENERATION);
  const read: { [key: string]: Json } = typeof whole === "string"
    ? JSON.parse(whole)
    : {};
  for (const [name, key] of SAMPLING) {
    const value = file.get(key);
    const wanted = written[key];
    const was = wanted === undefined
      ? undefined
      : "f32" in wanted
      ? Math.fround(wanted.f32)
      : "i32" in wanted
      ? wanted.i32
      : undefined;
    if (value === was) continue;
    read[name] = typeof value === "number" ? value : null;
  }
  for (const name of Object.keys(generation)) read[name] ??= null;
  return read;
}

/** `tokenizer.json` and `tokenizer_config.json` of the request, with what the file says otherwise put in. */
function readFiles(
  file: ReadonlyMap<string, ReadValue>,
  { text, vocabulary, written }: {
    readonly text: ExportText;
    readonly vocabulary: Vocabulary;
    readonly written: GgufMetadata;
  },
): ExportText["files"] {
  const json = tokenizerJson(text.files);
  const tokens = listIn(file, "tokens").map(String);
  const types = listIn(file, "token_type").map(Number);
  const renamed = withTokens(json, { vocabulary, tokens, types });
  const model = sectionIn(renamed, "model") ?? {};
  const changed: { [key: string]: unknown } = { ...renamed };
  const { kind } = vocabulary;
  const own = mergesOf(model);
  if (kind.model === "gpt2") {
    const merges = listIn(file, "merges").map(String);
    const differ = merges.length !== own.length ||
      merges.some((rule, i) => rule !== own[i]);
    if (differ) changed.model = { ...model, merges };
    const pre = file.get(`${TOKENIZER}.pre`);
    if (pre !== kind.pre) changed.pre_tokenizer = sectionOf(String(pre));
  } else {
    const scores = listIn(file, "scores").map(Number);
    if (scores.some((score, i) => score !== kind.scores[i])) {
      const merges = mergesOfScores({ tokens, scores, merges: own });
      changed.model = { ...model, merges };
    }
    if (file.get(`${TOKENIZER}.add_space_prefix`) !== kind.spacePrefix) {
      changed.normalizer = null;
    }
  }
  const adds = file.get(`${TOKENIZER}.add_bos_token`) === true;
  if (adds !== text.tokenizer.addsBos) {
    changed.post_processor = adds ? bosFirst(file, tokens) : null;
  }
  return {
    ...text.files,
    "tokenizer.json": JSON.stringify(changed),
    ...readConfig(file, { text, tokens, written }),
  };
}

function listIn(
  file: ReadonlyMap<string, ReadValue>,
  name: string,
): readonly ReadValue[] {
  const value = file.get(`${TOKENIZER}.${name}`);
  return typeof value === "object" ? value : [];
}

/** Tokens and their types as the file has them. */
function withTokens(
  json: Section,
  { vocabulary, tokens, types }: {
    readonly vocabulary: Vocabulary;
    readonly tokens: readonly string[];
    readonly types: readonly number[];
  },
): Section {
  const other = vocabulary.tokens.flatMap((token, id) =>
    token === tokens[id] && vocabulary.types[id] === types[id] ? [] : [id]
  );
  const model = sectionIn(json, "model");
  if (other.length === 0 || model === null || !isSection(model.vocab)) {
    return json;
  }
  const ids = new Set(other);
  const vocab = Object.fromEntries(
    Object.entries(model.vocab).map(([token, id]) =>
      typeof id === "number" && ids.has(id) && tokens[id] !== undefined
        ? [tokens[id], id]
        : [token, id]
    ),
  );
  const list = Array.isArray(json.added_tokens) ? json.added_tokens : [];
  const added = list.map((token: unknown) => {
    if (!isSection(token) || typeof token.id !== "number") return token;
    if (!ids.has(token.id)) return token;
    return {
      ...token,
      content: tokens[token.id],
      special: types[token.id] === TOKEN_TYPES.control,
    };
  });
  return { ...json, model: { ...model, vocab }, added_tokens: added };
}

function bosFirst(
  file: ReadonlyMap<string, ReadValue>,
  tokens: readonly string[],
): Json {
  const id = idIn(file, "bos") ?? 0;
  const token = tokens[id] ?? "";
  return {
    type: "TemplateProcessing",
    single: [{ SpecialToken: { id: token, type_id: 0 } }, {
      Sequence: { id: "A", type_id: 0 },
    }],
    pair: [],
    special_tokens: { [token]: { id: token, ids: [id], tokens: [token] } },
  };
}

/** `tokenizer_config.json`, where a special token differs. */
function readConfig(
  file: ReadonlyMap<string, ReadValue>,
  { text, tokens, written }: {
    readonly text: ExportText;
    readonly tokens: readonly string[];
    readonly written: GgufMetadata;
  },
): ExportText["files"] {
  const config: { [key: string]: unknown } = JSON.parse(
    text.files["tokenizer_config.json"] ?? "{}",
  );
  const names = {
    bos: "bos_token",
    eos: "eos_token",
    unknown: "unk_token",
    padding: "pad_token",
  };
  let isSame = true;
  for (const [name, key] of Object.entries(names)) {
    const value = written[`${TOKENIZER}.${name}_token_id`];
    const was = value !== undefined && "u32" in value ? value.u32 : null;
    const found = idIn(file, name);
    if (found === was) continue;
    isSame = false;
    config[key] = found === null ? null : tokens[found] ?? null;
  }
  return isSame ? {} : { "tokenizer_config.json": JSON.stringify(config) };
}
