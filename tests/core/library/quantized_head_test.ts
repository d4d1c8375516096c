/** Models that are loaded in 8 and 4 bits to answer: their head is one of the matrices. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { loadModel, type LoadModelOptions } from "@denotune/denotune";
import {
  dequantize,
  quantized,
} from "../../../core/graph/quantize/dequantize.ts";
import { SafetensorsFile } from "../../../core/io/read_safetensors.ts";
import {
  tensorOf,
  writeSafetensors,
} from "../../../core/io/write_safetensors.ts";
import {
  runConfig,
  testFolder,
  TINY_LLAMA,
  tinyRun,
} from "../../run_harness.ts";

const PROMPT = Int32Array.from({ length: 12 }, (_, i) => 40 + 7 * i);

/** Log-probabilities of a prompt's tokens. */
async function scores(
  path: string,
  options: Omit<LoadModelOptions, "backend" | "logits">,
): Promise<number[]> {
  await using model = await loadModel(path, {
    backend: "reference",
    logits: true,
    ...options,
  });
  const { promptScores } = await model.complete({
    prompt: PROMPT,
    maxNewTokens: 0,
    top: 0,
    scoresPrompt: true,
  });
  return promptScores.map(({ logProbability }) => logProbability);
}

for (const tied of [true, false]) {
  const kind = tied ? "tied to the embedding" : "of its own";
  Deno.test(`a model asked for in 8 bits answers by the rounded numbers of its layers and of its head, which is ${kind}`, async () => {
    using folder = testFolder();
    await runConfig(tinyRun(folder.at("base"), {
      backend: "reference",
      model: {
        from_config: {
          ...TINY_LLAMA,
          num_hidden_layers: 1,
          initializer_range: 0.3,
          tie_word_embeddings: tied,
        },
      },
      training: { max_steps: 1, batch_size: 1 },
    }));
    const head = tied ? /embed_tokens/ : /lm_head/;
    /** The folder with these matrices rounded as 8 bits round them. */
    const rounded = async (name: string, matrices: readonly RegExp[]) => {
      const to = folder.at(name);
      await Deno.mkdir(to);
      for await (const { name, isFile } of Deno.readDir(folder.at("base"))) {
        if (!isFile) continue;
        await Deno.copyFile(join(folder.at("base"), name), join(to, name));
      }
      const file = join(to, "model.safetensors");
      using found = new SafetensorsFile(
        join(folder.at("base"), "model.safetensors"),
      );
      await writeSafetensors(
        file,
        [...found.tensors].map(([name, tensor]) => {
          const values = tensor.read();
          const [rows, columns] = tensor.shape;
          const shape = { format: "int8" as const, rows, columns };
          return tensorOf(
            name,
            tensor.shape,
            matrices.some((matrix) => matrix.test(name))
              ? dequantize(shape, quantized(shape, values))
              : values,
          );
        }),
        { dtype: "F32" },
      );
      return to;
    };
    const asked = await scores(folder.at("base"), { quantization: "int8" });
    assert.equal(asked.length, PROMPT.length - 1);
    assert.deepEqual(
      asked,
      await scores(await rounded("all", [/_proj/, head]), {}),
    );
    assert.notDeepEqual(
      asked,
      await scores(await rounded("layers", [/_proj/]), {}),
    );
  });
}
