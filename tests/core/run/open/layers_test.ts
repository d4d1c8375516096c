/** A config that asks for more layers than the files can hold is refused before a model of that size is built. */
import assert from "node:assert/strict";
import { cp } from "node:fs/promises";
import { join } from "node:path";
import { loadModel } from "@denotune/denotune";
import { readJsonObject, showJson } from "../../../../core/io/json_file.ts";
import { testFolder } from "../../../run_harness.ts";

const MODELS = new URL("../../../golden/models/", import.meta.url).pathname;

for (
  const [layers, message] of [
    [3000, /config\.json describes 3000 layers, but the weight files hold \d+/],
    [1e6, /is 1000000; models of up to 10000 layers can be built/],
    [1e9, /is 1000000000; models of up to 10000 layers can be built/],
  ] as const
) {
  Deno.test(`a config of ${layers} layers is refused at once`, async () => {
    for (const name of ["llama", "gpt2-tied"]) {
      using folder = testFolder();
      const path = folder.at("model");
      await cp(`${MODELS}${name}`, path, { recursive: true });
      const at = join(path, "config.json");
      const config = readJsonObject(at) ?? {};
      const key = name === "llama" ? "num_hidden_layers" : "n_layer";
      await Deno.writeTextFile(
        at,
        showJson({ ...config, [key]: layers, layer_types: undefined }),
      );
      const start = performance.now();
      await assert.rejects(
        () => loadModel(path, { backend: "reference" }),
        message,
      );
      assert.ok(performance.now() - start < 60_000);
    }
  });
}
