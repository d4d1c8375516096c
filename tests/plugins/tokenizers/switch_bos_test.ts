/** The option `add_bos`. Ids, and the files that are saved, are those of Hugging Face's library. */
import assert from "node:assert/strict";
import { loadTokenizer } from "../../../plugins/tokenizers/mod.ts";
import golden from "../../golden/switch_bos.json" with { type: "json" };
import { inFolder } from "./_folder.ts";

for (const { name, tokenizer, config, cases, adds } of golden) {
  Deno.test(`add_bos puts BOS in front, or nothing, and is saved so: ${name}`, async () => {
    const files = {
      "tokenizer.json": JSON.stringify(tokenizer),
      "tokenizer_config.json": JSON.stringify(config),
    };
    await inFolder(files, async (folder) => {
      for (const add_bos of [null, true, false] as const) {
        const key = add_bos === null ? "as it is" : add_bos ? "on" : "off";
        const made = await loadTokenizer(folder, { add_bos });
        const ids = (text: string, of = made) => [
          ...of.encode(text, { addBos: true }).ids,
        ];
        for (const { text, ids: wanted } of cases) {
          assert.deepEqual(ids(text), wanted[key], `${key}: ${text}`);
        }
        const saved = made.files({ chatTemplate: null });
        await inFolder(saved, async (folder) => {
          const again = await loadTokenizer(folder);
          assert.equal(again.addsBos, made.addsBos);
          for (const { text } of cases) {
            assert.deepEqual(ids(text, again), ids(text));
          }
        });
        if (add_bos !== null && add_bos !== adds) {
          const { add_bos_token } = JSON.parse(saved["tokenizer_config.json"]);
          assert.equal(add_bos_token, add_bos);
        }
      }
    });
  });
}

Deno.test("add_bos is refused where a tokenizer has no BOS token", async () => {
  const { tokenizer } = golden[2];
  await inFolder(
    { "tokenizer.json": JSON.stringify(tokenizer) },
    async (folder) => {
      await assert.rejects(loadTokenizer(folder, { add_bos: true }), {
        name: "ConfigError",
        message: /has no BOS token; leave it out/,
      });
    },
  );
});
