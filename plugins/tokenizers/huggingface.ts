/**
 * `huggingface`: the tokenizer of a `tokenizer.json`, as models on the Hub bring it.
 * @module
 */
import {
  ConfigError,
  DataError,
  definePart,
  type Part,
  type Tokenizer,
  type TokenStream,
} from "@denotune/denotune/core";
import { z } from "zod";
import type { AddedToken } from "./_added_tokens.ts";
import { addTokensOption } from "./_add_tokens_option.ts";
import {
  type ExtendedFolder,
  withAddedTokens,
} from "./huggingface/add_tokens.ts";
import {
  isObject,
  readTokenizerFolder,
  type TokenizerFolder,
} from "./huggingface/files.ts";
import { sectionOf } from "./huggingface/fields.ts";
import type { Model } from "./huggingface/models/model.ts";
import { savedFiles } from "./huggingface/saved_files.ts";
import { withBosSwitched } from "./huggingface/switch_bos.ts";
import { findSpecialTokens, prefixOf } from "./huggingface/special.ts";

/** Options of the tokenizer `huggingface`. */
export interface HuggingFaceOptions {
  readonly path: string | null;
  readonly add_bos: boolean | null;
  readonly add_tokens: readonly string[];
}

/** The part `huggingface`. */
export const huggingface: Part<
  "tokenizer",
  Partial<HuggingFaceOptions>,
  HuggingFaceOptions
> = definePart({
  kind: "tokenizer",
  name: "huggingface",
  description:
    "The tokenizer.json that came with the model, or that of another folder",
  options: z.strictObject({
    path: z.string().nullable().default(null).describe(
      "Folder with tokenizer.json and tokenizer_config.json; null = the model's own",
    ),
    add_bos: z.boolean().nullable().default(null).describe(
      "Whether BOS is put in front of texts that no chat template writes; null = as tokenizer.json says",
    ),
    add_tokens: addTokensOption,
  }),
  async create({ path, add_bos, add_tokens }, host) {
    const folder = path === null ? host.modelDir : host.resolvePath(path);
    if (folder === null) {
      throw new ConfigError(
        "Cannot choose a tokenizer: the model has no folder to take one from; " +
          "set `tokenizer: {use: huggingface, path: ...}` or `tokenizer: byte`",
      );
    }
    const tokenizer = await loadTokenizer(folder, { add_bos });
    return add_tokens.length === 0
      ? tokenizer
      : await tokenizer.withTokens?.(add_tokens) ?? tokenizer;
  },
});

/** Loads the tokenizer of a folder. Throws `DataError` for files that are missing, broken or unknown. */
export async function loadTokenizer(
  path: string,
  { add_bos = null }: { readonly add_bos?: boolean | null } = {},
): Promise<Tokenizer> {
  const folder = await readTokenizerFolder(path);
  const own = await makeTokenizer({ folder, added: new Map() });
  if (add_bos === null || add_bos === own.addsBos) return own;
  const { specialTokens: { bos: token }, specialIds: { bos: id } } = own;
  const bos = token === null || id === null ? null : { token, id };
  return await makeTokenizer({
    folder: withBosSwitched(folder, { add: add_bos, bos }),
    added: new Map(),
  });
}

/** `ownVocabSize`: of the files on the disk, where tokens were added to them. */
async function makeTokenizer(
  { folder, added: news }: ExtendedFolder,
  ownVocabSize?: number,
): Promise<Tokenizer> {
  // the steps are loaded only where a tokenizer is
  const [
    { makeEncoder },
    { decodingStages },
    { readModel },
    { readNormalizer },
    { readPreTokenizer },
    { tokenBytes },
  ] = await Promise.all([
    import("./huggingface/encode.ts"),
    import("./huggingface/decode.ts"),
    import("./huggingface/models/read.ts"),
    import("./huggingface/normalize.ts"),
    import("./huggingface/pre_tokenize.ts"),
    import("./huggingface/token_bytes.ts"),
  ]);
  const section = sectionOf(folder, "model");
  if (section === null) {
    throw new DataError(
      `Cannot use ${folder.path}/tokenizer.json: it has no \`model\``,
    );
  }
  const model = readModel(section);
  const normalizer = readNormalizer(sectionOf(folder, "normalizer"));
  const preTokenizer = readPreTokenizer(sectionOf(folder, "pre_tokenizer"));
  sectionOf(folder, "post_processor");
  const decoderSection = sectionOf(folder, "decoder");
  const added = addedTokens(folder, model);
  const vocab = [...model.tokens];
  const addedIds = new Map<string, number>();
  for (const { id, content } of added) {
    vocab[id] = content;
    addedIds.set(content, id);
  }
  const idOf = (token: string): number | null =>
    addedIds.get(token) ?? model.ids.get(token) ?? null;
  const tokenOf = (id: number): string | null => vocab[id] ?? null;

  const specialTokens = findSpecialTokens(folder.config, idOf);
  // the post-processor alone decides, as in transformers 5; `add_bos_token` says the same or is ignored
  const front = prefixOf(folder.tokenizer.post_processor);
  const tokens = {
    ...specialTokens,
    bos: specialTokens.bos ?? front[0] ?? null,
  };
  const idOrNull = (token: string | null): number | null =>
    token === null ? null : idOf(token);
  const specialIds = {
    bos: idOrNull(tokens.bos),
    eos: idOrNull(tokens.eos),
    pad: idOrNull(tokens.pad),
    unk: idOrNull(tokens.unk),
  };
  const special = new Set<number>(
    [
      ...added.filter((token) => token.special).map(({ id }) => id),
      ...Object.values(specialIds),
    ]
      .filter((id) => id !== null),
  );
  const literal = new Set(added.map(({ id }) => id));
  const bytesOf = tokenBytes(decoderSection);
  const encode = makeEncoder({
    normalizer,
    preTokenizer,
    model,
    added,
    prefix: front.map(idOf).filter((id) => id !== null),
  });

  function decoder(options: { skipSpecialTokens?: boolean } = {}): TokenStream {
    let text = "";
    const stages = decodingStages(decoderSection, (more) => {
      text += more;
    });
    const take = (): string => {
      const taken = text;
      text = "";
      return taken;
    };
    return {
      push(...ids) {
        for (const id of ids) {
          if (options.skipSpecialTokens === true && special.has(id)) continue;
          const token = vocab[id];
          if (token !== undefined) stages.write(token, literal.has(id));
        }
        return take();
      },
      end() {
        stages.end();
        return take();
      },
    };
  }

  return {
    vocabSize: vocab.length,
    specialTokens: tokens,
    specialIds,
    chatTemplate: folder.chatTemplate,
    addsBos: front.length > 0,
    encode: (text, { addBos }) => encode(text, addBos),
    decode(ids, options) {
      const stream = decoder(options);
      let text = "";
      for (const id of ids) text += stream.push(id);
      return text + stream.end();
    },
    decoder,
    idOf,
    tokenOf,
    isSpecial: (id) => special.has(id),
    bytesOf: bytesOf === null
      ? undefined
      : (id) =>
        vocab[id] === undefined ? null : bytesOf(vocab[id], literal.has(id)),
    addedTokens: news,
    ownVocabSize: ownVocabSize ?? vocab.length,
    async withTokens(texts) {
      const more = withAddedTokens(folder, {
        tokens: texts,
        vocabSize: vocab.length,
      });
      if (more.added.size === 0) return this;
      return await makeTokenizer({
        folder: more.folder,
        added: new Map([...news, ...more.added]),
      }, ownVocabSize ?? vocab.length);
    },
    files: ({ chatTemplate }) =>
      savedFiles(folder, {
        bos_token: tokens.bos,
        eos_token: tokens.eos,
        pad_token: tokens.pad,
        unk_token: tokens.unk,
      }, chatTemplate),
  };
}

function addedTokens(
  { path, tokenizer }: TokenizerFolder,
  model: Model,
): (AddedToken & { readonly normalized: boolean })[] {
  const list = tokenizer.added_tokens ?? [];
  if (!Array.isArray(list)) {
    throw new DataError(
      `Cannot use ${path}/tokenizer.json: added_tokens is not a list`,
    );
  }
  const addedIds = new Map<string, number>();
  const size = model.ids.size;
  let largest = -1;
  return list.map((entry, i) => {
    if (
      !isObject(entry) || typeof entry.content !== "string" ||
      typeof entry.id !== "number" || !Number.isInteger(entry.id) ||
      entry.id < 0
    ) {
      throw new DataError(
        `Cannot use ${path}/tokenizer.json: added_tokens[${i}] is not {id, content, ...}`,
      );
    }
    // as the Rust library numbers them, which is what transformers feeds
    const own = addedIds.get(entry.content) ?? model.ids.get(entry.content) ??
      Math.max(size, largest + 1);
    if (entry.content !== "" && entry.id !== own) {
      throw new DataError(
        `Cannot use ${path}/tokenizer.json: added_tokens[${i}], ${
          JSON.stringify(entry.content.slice(0, 40))
        }, has the id ${entry.id}, and Hugging Face's library would give it ${own}`,
      );
    }
    addedIds.set(entry.content, own);
    largest = Math.max(largest, own);
    const special = entry.special === true;
    return {
      id: entry.id,
      content: entry.content,
      lstrip: entry.lstrip === true,
      rstrip: entry.rstrip === true,
      singleWord: entry.single_word === true,
      special,
      normalized: typeof entry.normalized === "boolean"
        ? entry.normalized
        : !special,
    };
  });
}
