/**
 * The exporter `onnx-lora`: the public suite on real adapters, and the inputs of the graph.
 */
import assert from "node:assert/strict";
import { makePart, testExporter } from "@denotune/denotune/testing";
import { onnxLora } from "../../../../plugins/exporters/mod.ts";
import { makeModel } from "../../../../plugins/exporters/onnx/_model.ts";
import {
  describe,
  TINY,
  TINY_GPT2,
  tinyAdapterExport,
} from "./_tiny_exports.ts";

for (
  const [name, config, options] of [
    ["lora", TINY, {}],
    ["lora of gpt2", TINY_GPT2, {}],
    ["dora", TINY, { use_dora: true }],
    ["lora and a head of its own", TINY, { modules_to_save: ["lm_head"] }],
  ] as const
) {
  testExporter(
    `onnx-lora, ${name}`,
    () => makePart({ parts: [onnxLora] }, "exporter"),
    {
      request: (folder) => tinyAdapterExport(folder, describe(config), options),
    },
  );
}

Deno.test("onnx-lora: A and B of each site are inputs of any rank; the factor is multiplied into B", async () => {
  const request = await tinyAdapterExport("", describe(TINY), {
    target_modules: ["q_proj", "v_proj"],
  });
  const { model, scales } = makeModel(request, "q4");
  const site = "base_model.model.model.layers.1.self_attn.v_proj";
  const inputs = new Map(model.graph.inputs.map((i) => [i.name, i.dims]));
  assert.equal([...inputs.keys()].filter((n) => n.includes("lora")).length, 8);
  assert.deepEqual(inputs.get(`${site}.lora_A.weight`), [
    `${site}.lora_A.weight.rank`,
    64,
  ]);
  assert.deepEqual(inputs.get(`${site}.lora_B.weight`), [
    32,
    `${site}.lora_B.weight.rank`,
  ]);
  assert.deepEqual([...scales.values()], [1.5, 1.5, 1.5, 1.5]);
});

Deno.test("onnx-lora: a tensor that more than one product reads keeps its rank and the graph its factor", async () => {
  const request = await tinyAdapterExport("", describe(TINY), {
    target_modules: ["q_proj"],
    use_dora: true,
  });
  const { model, scales } = makeModel(request, "f32");
  assert.equal(scales.size, 0);
  const a = model.graph.inputs.find((i) =>
    i.name.endsWith("0.self_attn.q_proj.lora_A.weight")
  );
  assert.deepEqual(a?.dims, [4, 64]);
});
