/**
 * How a byte-level BPE cuts text before it merges, by the names that llama.cpp has for it. Found from the steps in
 * `tokenizer.json`, never from a model's name. A name says besides whether a piece that is in the vocabulary is taken
 * whole (`ignore_merges`).
 * @module
 */
import {
  ConfigError,
  type Json,
  type JsonObject,
} from "@denotune/denotune/core";

/** A way to cut. */
export interface PreTokenizer {
  /** llama.cpp's name of it. */
  readonly name: string;
  /** Its steps before the bytes, as {@linkcode stepsOf} writes them. */
  readonly steps: readonly string[];
  readonly ignoreMerges: boolean;
  /** Where llama.cpp's own expression cuts otherwise. Absent: nowhere that is known. */
  readonly otherwise?: string;
}

/** llama.cpp has no classes of upper and lower case, and writes letters in their place. */
const MARKS = "at combining marks (of Hindi and Arabic, of some emoji)";

const CONTRACTION = "(?i:'s|'t|'re|'ve|'m|'ll|'d)";
const WORD = String.raw`[^\r\n\p{L}\p{N}]?\p{L}+`;
const REST = String
  .raw` ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+`;
const UPPER = String.raw`[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]`;
const LOWER = String.raw`[\p{Ll}\p{Lm}\p{Lo}\p{M}]`;
const START = String.raw`[^\r\n\p{L}\p{N}]?`;
const SLASH_REST = String
  .raw` ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+`;

const LLAMA_3 = `${CONTRACTION}|${WORD}|\\p{N}{1,3}|${REST}`;
const QWEN_2 = `${CONTRACTION}|${WORD}|\\p{N}|${REST}`;
const QWEN_35 = String
  .raw`(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?[\p{L}\p{M}]+|\p{N}| ?[^\s\p{L}\p{M}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+`;
const TEKKEN =
  `${START}${UPPER}*${LOWER}+|${START}${UPPER}+${LOWER}*|\\p{N}|${SLASH_REST}`;
const GPT_4O =
  `${START}${UPPER}*${LOWER}+${CONTRACTION}?|${START}${UPPER}+${LOWER}*${CONTRACTION}?|\\p{N}{1,3}|${SLASH_REST}`;
const DEEPSEEK_3 = String
  .raw`[!"#$%&'()*+,\-./:;<=>?@\[\\\]^_${"`"}{|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+| ?[\p{P}\p{S}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+`;

/** The expression of GPT-2, which the step `ByteLevel` cuts by. */
const GPT_2 = "gpt-2";

/** All that are known here. The first of several equal ones is written. */
export const PRE_TOKENIZERS: readonly PreTokenizer[] = [
  { name: "gpt-2", steps: [GPT_2], ignoreMerges: false },
  { name: "smollm", steps: ["digits", GPT_2], ignoreMerges: false },
  { name: "llama-bpe", steps: [LLAMA_3], ignoreMerges: true },
  { name: "dbrx", steps: [LLAMA_3], ignoreMerges: false },
  { name: "qwen2", steps: [QWEN_2], ignoreMerges: false },
  { name: "qwen35", steps: [QWEN_35], ignoreMerges: false },
  {
    name: "tekken",
    steps: [TEKKEN],
    ignoreMerges: true,
    otherwise: MARKS,
  },
  {
    name: "gpt-4o",
    steps: [GPT_4O],
    ignoreMerges: false,
    otherwise: MARKS,
  },
  {
    name: "deepseek-v3",
    steps: [String.raw`\p{N}{1,3}`, "[一-龥\u3040-ゟ゠-ヿ]+", DEEPSEEK_3],
    ignoreMerges: false,
  },
];

/** Other spellings of the same expression. */
const SPELLINGS: ReadonlyMap<string, string> = new Map([
  [
    String
      .raw`'(?:[sdmt]|ll|ve|re)| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+`,
    GPT_2,
  ],
  [
    String
      .raw`'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+`,
    GPT_2,
  ],
  [
    String
      .raw`(?:'[sS]|'[tT]|'[rR][eE]|'[vV][eE]|'[mM]|'[lL][lL]|'[dD])|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+`,
    LLAMA_3,
  ],
  [
    String
      .raw`'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]++[\r\n]*|\s*[\r\n]|\s+(?!\S)|\s+`,
    "cl100k",
  ],
]);

/** The steps before the bytes. Throws `ConfigError` that names a step which llama.cpp has no name for. */
export function stepsOf(section: JsonObject | null): readonly string[] {
  if (section === null) return [];
  const parts =
    section.type === "Sequence" && Array.isArray(section.pretokenizers)
      ? section.pretokenizers
      : [section];
  return parts.flatMap((part: Json) => stepOf(part));
}

function stepOf(part: Json): string[] {
  if (!isObject(part)) throw unknown(part);
  switch (part.type) {
    case "ByteLevel":
      if (part.add_prefix_space === true) throw unknown(part);
      return part.use_regex === false ? [] : [GPT_2];
    case "Digits":
      if (part.individual_digits !== true) throw unknown(part);
      return ["digits"];
    case "Split": {
      const { pattern } = part;
      const text = isObject(pattern)
        ? pattern.Regex ?? pattern.String
        : undefined;
      if (
        typeof text !== "string" ||
        part.behavior !== "Isolated" && part.behavior !== "Removed" ||
        (part.behavior === "Removed") !== (part.invert === true)
      ) throw unknown(part);
      return text === String.raw`\p{N}`
        ? ["digits"]
        : [SPELLINGS.get(text) ?? text];
    }
    default:
      throw unknown(part);
  }
}

/** llama.cpp's name of these steps. Throws `ConfigError` where it has none. */
export function nameOf(
  steps: readonly string[],
  { ignoreMerges, hasMerges }: {
    readonly ignoreMerges: boolean;
    readonly hasMerges: boolean;
  },
): string {
  // where nothing is merged, it does not matter how text is cut
  if (!hasMerges) return "gpt-2";
  const same = PRE_TOKENIZERS.filter((known) =>
    known.steps.length === steps.length &&
    known.steps.every((step, i) => step === steps[i])
  );
  const found = same.find((known) => known.ignoreMerges === ignoreMerges);
  if (found !== undefined) return found.name;
  throw new ConfigError(
    same.length > 0
      ? `Cannot export this tokenizer as GGUF: llama.cpp knows how it cuts text (\`${
        same[0].name
      }\`), but only with \`ignore_merges\` ${
        same[0].ignoreMerges
      }; here it is ${ignoreMerges}`
      : `Cannot export this tokenizer as GGUF: it cuts text by ${
        steps.map((step) => JSON.stringify(step)).join(", then ")
      }, which llama.cpp has no name for; known here: ${
        PRE_TOKENIZERS.map(({ name }) => name).join(", ")
      }`,
  );
}

/** `pre_tokenizer` of a `tokenizer.json` that cuts so. */
export function sectionOf(name: string): Json {
  const known = PRE_TOKENIZERS.find((one) => one.name === name);
  const byteLevel = (use_regex: boolean): Json => ({
    type: "ByteLevel",
    add_prefix_space: false,
    trim_offsets: true,
    use_regex,
  });
  if (known === undefined) return byteLevel(false);
  const steps = known.steps.filter((step) => step !== GPT_2).map((step): Json =>
    step === "digits" ? { type: "Digits", individual_digits: true } : {
      type: "Split",
      pattern: { Regex: step },
      behavior: "Isolated",
      invert: false,
    }
  );
  const last = byteLevel(known.steps.includes(GPT_2));
  return steps.length === 0
    ? last
    : { type: "Sequence", pretokenizers: [...steps, last] };
}

function unknown(part: Json): ConfigError {
  return new ConfigError(
    `Cannot export this tokenizer as GGUF: its pre-tokenizer has the step ${
      JSON.stringify(part).slice(0, 120)
    }, which llama.cpp has no name for`,
  );
}

function isObject(
  value: Json | undefined,
): value is { readonly [key: string]: Json } {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
