/**
 * Mutated tokenizer.json files of every kind, and the files beside them.
 * @module
 */
import { loadTokenizer } from "../../../plugins/tokenizers/mod.ts";
import { mutateJsonFile } from "../_mutate.ts";
import { type FuzzTarget, reading } from "../_target.ts";

const KINDS: readonly { readonly tokenizer: unknown }[] = JSON.parse(
  await Deno.readTextFile(
    new URL("../../golden/tokenizer_kinds.json", import.meta.url),
  ),
);
const FILES = KINDS.map(({ tokenizer }) => JSON.stringify(tokenizer));
const TEXTS = ["", "The boat, 1234 gulls\n\n  é 你好 👋🏽", "a".repeat(5000)];

const BESIDE: Readonly<Record<string, string>> = {
  "tokenizer_config.json": JSON.stringify({
    tokenizer_class: "LlamaTokenizerFast",
    bos_token: { content: "<s>", lstrip: false },
    eos_token: "</s>",
    pad_token: null,
    chat_template: [{ name: "default", template: "{{ messages }}" }],
    added_tokens_decoder: { "0": { content: "<unk>", special: true } },
  }),
  "special_tokens_map.json": JSON.stringify({ unk_token: "<unk>" }),
  "added_tokens.json": JSON.stringify({ "<unk>": 0 }),
  "chat_template.json": JSON.stringify({ chat_template: "{{ messages }}" }),
};

/** Loads the mutant, adds a token, encodes and decodes some texts with it, and writes its files. */
export const target: FuzzTarget = {
  async attempt(random, folder) {
    const own = random.pick(FILES);
    const isBeside = random.once(3);
    await Deno.writeFile(
      `${folder}/tokenizer.json`,
      isBeside ? new TextEncoder().encode(own) : mutateJsonFile(own, random),
    );
    for (const [name, text] of Object.entries(BESIDE)) {
      if (!isBeside || random.once(2)) continue;
      await Deno.writeFile(`${folder}/${name}`, mutateJsonFile(text, random));
    }
    return await reading(async () => {
      const loaded = await loadTokenizer(folder);
      loaded.files({ chatTemplate: "{{ messages }}" });
      const tokenizer = await loaded.withTokens?.(["<new>"]) ?? loaded;
      tokenizer.files({ chatTemplate: null });
      for (const text of TEXTS) {
        tokenizer.decode(tokenizer.encode(text, { addBos: true }).ids);
      }
    });
  },
};
