/**
 * Mutated tokenizer.json files of every kind.
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

/** Loads the mutant, encodes and decodes some texts with it. */
export const target: FuzzTarget = {
  async attempt(random, folder) {
    const bytes = mutateJsonFile(random.pick(FILES), random);
    await Deno.writeFile(`${folder}/tokenizer.json`, bytes);
    return await reading(async () => {
      const tokenizer = await loadTokenizer(folder);
      for (const text of TEXTS) {
        tokenizer.decode(tokenizer.encode(text, { addBos: true }).ids);
      }
    });
  },
};
