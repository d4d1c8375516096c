/**
 * Which tokens are special, and what a tokenizer puts in front of a text.
 * @module
 */
import type { SpecialTokens } from "@denotune/denotune/core";
import { isObject, type JsonObject } from "./files.ts";

/** What classes of transformers take for granted where the config is silent. */
const CLASS_DEFAULTS: Readonly<Record<string, Partial<SpecialTokens>>> = {
  GPT2Tokenizer: {
    bos: "<|endoftext|>",
    eos: "<|endoftext|>",
    unk: "<|endoftext|>",
  },
  LlamaTokenizer: { bos: "<s>", eos: "</s>", unk: "<unk>" },
  GemmaTokenizer: { bos: "<bos>", eos: "<eos>", pad: "<pad>", unk: "<unk>" },
  Qwen2Tokenizer: {
    eos: "<|endoftext|>",
    pad: "<|endoftext|>",
    unk: "<|endoftext|>",
  },
};

/**
 * The special tokens that the config names (as a string or as an object with `content`), else those of
 * its class. A name that is not in the vocabulary counts as none.
 */
export function findSpecialTokens(
  config: JsonObject,
  idOf: (token: string) => number | null,
): SpecialTokens {
  const className = String(config.tokenizer_class ?? "").replace(/Fast$/, "");
  const defaults = CLASS_DEFAULTS[className] ?? {};
  const find = (name: keyof SpecialTokens): string | null => {
    const value = config[`${name}_token`];
    const content = isObject(value) ? value.content : value;
    const token = content === undefined ? defaults[name] ?? null : content;
    return typeof token === "string" && idOf(token) !== null ? token : null;
  };
  return {
    bos: find("bos"),
    eos: find("eos"),
    pad: find("pad"),
    unk: find("unk"),
  };
}

/** The tokens that the post-processor writes before a text. What it writes after is not followed. */
export function prefixOf(postProcessor: unknown): string[] {
  if (!isObject(postProcessor)) return [];
  switch (postProcessor.type) {
    case "TemplateProcessing":
      return templatePrefix(postProcessor);
    case "BertProcessing":
    case "RobertaProcessing": {
      const cls = postProcessor.cls;
      return Array.isArray(cls) && typeof cls[0] === "string" ? [cls[0]] : [];
    }
    case "Sequence": {
      const processors = Array.isArray(postProcessor.processors)
        ? postProcessor.processors
        : [];
      return processors.reduce<string[]>(
        (inner, next) => [...prefixOf(next), ...inner],
        [],
      );
    }
    default:
      return [];
  }
}

function templatePrefix(postProcessor: JsonObject): string[] {
  const single = Array.isArray(postProcessor.single)
    ? postProcessor.single
    : [];
  const table = isObject(postProcessor.special_tokens)
    ? postProcessor.special_tokens
    : {};
  const prefix: string[] = [];
  for (const item of single) {
    if (!isObject(item) || !isObject(item.SpecialToken)) break;
    const id = String(item.SpecialToken.id);
    const entry = table[id];
    const tokens = isObject(entry) && Array.isArray(entry.tokens)
      ? entry.tokens
      : [id];
    prefix.push(...tokens.map(String));
  }
  return prefix;
}
