/**
 * The option `add_bos`: a tokenizer's files with BOS in front of every text, or with nothing in front. The
 * post-processor says so, for Hugging Face's library and for the files that are saved.
 * @module
 */
import { ConfigError } from "@denotune/denotune/core";
import { isObject, type JsonObject, type TokenizerFolder } from "./files.ts";
import { configText } from "./saved_files.ts";
import { prefixOf } from "./special.ts";

/** The BOS token and its id. */
export interface BosToken {
  readonly token: string;
  readonly id: number;
}

/** The folder, changed so that BOS is added to texts or not. Throws `ConfigError` for a tokenizer that has no BOS. */
export function withBosSwitched(
  folder: TokenizerFolder,
  { add, bos }: { readonly add: boolean; readonly bos: BosToken | null },
): TokenizerFolder {
  const { post_processor: given = null } = folder.tokenizer;
  const has = prefixOf(given).length > 0;
  if (has === add) return folder;
  if (add && bos === null) {
    throw new ConfigError(
      `\`tokenizer.add_bos\` is true, but the tokenizer of ${folder.path} has no BOS token; leave it out, or name one as bos_token in its tokenizer_config.json`,
    );
  }
  const post_processor = bos !== null && add
    ? inFront(given, bos)
    : withoutFront(given);
  const tokenizer = { ...folder.tokenizer, post_processor };
  return {
    ...folder,
    tokenizer,
    config: { ...folder.config, add_bos_token: add },
    originals: rewritten(folder, tokenizer, add),
  };
}

/** BOS before what the post-processor writes. */
function inFront(postProcessor: unknown, { token, id }: BosToken): JsonObject {
  const sequence = (name: string, type_id: number) => ({
    Sequence: { id: name, type_id },
  });
  const special = (type_id: number) => ({
    SpecialToken: { id: token, type_id },
  });
  const own = {
    type: "TemplateProcessing",
    single: [special(0), sequence("A", 0)],
    pair: [special(0), sequence("A", 0), special(1), sequence("B", 1)],
    special_tokens: { [token]: { id: token, ids: [id], tokens: [token] } },
  };
  if (!isObject(postProcessor)) return own;
  const before = postProcessor.type === "Sequence" &&
      Array.isArray(postProcessor.processors)
    ? postProcessor.processors
    : [postProcessor];
  return { type: "Sequence", processors: [...before, own] };
}

/** A post-processor that writes nothing in front; null where nothing of it is left. */
function withoutFront(postProcessor: unknown): JsonObject | null {
  if (!isObject(postProcessor)) return null;
  switch (postProcessor.type) {
    case "TemplateProcessing":
      return {
        ...postProcessor,
        single: withoutLead(postProcessor.single),
        pair: withoutLead(postProcessor.pair),
      };
    case "Sequence": {
      const { processors } = postProcessor;
      return {
        ...postProcessor,
        processors: (Array.isArray(processors) ? processors : []).flatMap(
          (processor) => withoutFront(processor) ?? [],
        ),
      };
    }
    case "BertProcessing":
    case "RobertaProcessing":
      return null;
    default:
      return postProcessor;
  }
}

/** A template without the special tokens before its first text, and before its second. */
function withoutLead(template: unknown): unknown {
  if (!Array.isArray(template)) return template;
  const isSequence = (item: unknown) => isObject(item) && "Sequence" in item;
  const first = template.findIndex(isSequence);
  const lead = JSON.stringify(template.slice(0, first).map(tokenOf));
  const rest = template.slice(first);
  const second = rest.findIndex((item, i) => i > 0 && isSequence(item));
  // an id that precedes the second text too is its BOS; anything else (a separator) stays
  const between = rest.slice(1, second).map(tokenOf);
  return JSON.stringify(between) === lead
    ? [rest[0], ...rest.slice(second)]
    : rest;
}

function tokenOf(item: unknown): unknown {
  return isObject(item) && isObject(item.SpecialToken)
    ? item.SpecialToken.id
    : item;
}

function rewritten(
  folder: TokenizerFolder,
  tokenizer: JsonObject,
  add: boolean,
): ReadonlyMap<string, Uint8Array> {
  const originals = new Map(folder.originals);
  const encoder = new TextEncoder();
  const put = (name: string, text: string) =>
    originals.set(name, encoder.encode(text));
  put("tokenizer.json", JSON.stringify(tokenizer, null, 2) + "\n");
  const bytes = originals.get("tokenizer_config.json");
  if (bytes !== undefined) {
    const text = new TextDecoder().decode(bytes);
    const config = { ...JSON.parse(text), add_bos_token: add };
    put("tokenizer_config.json", configText(config, text));
  }
  return originals;
}
