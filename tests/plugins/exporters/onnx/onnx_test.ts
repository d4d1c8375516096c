/**
 * The exporter `onnx`: the public suite on real graphs, files beside a graph, and what is refused by name. What
 * clients compute with its files is tested beside.
 */
import assert from "node:assert/strict";
import { join } from "node:path";
import {
  ConfigError,
  elementwise,
  type Exporter,
  type ModelSpec,
  type Op,
  type Tensor,
} from "@denotune/denotune/core";
import { makePart, testExporter } from "@denotune/denotune/testing";
import { onnx } from "../../../../plugins/exporters/mod.ts";
import { makeModel } from "../../../../plugins/exporters/onnx/_model.ts";
import { openOnnx } from "../../../../plugins/exporters/onnx/file/read.ts";
import { describe, TINY, TINY_GPT2, tinyExport } from "./_tiny_exports.ts";

const make = (options: Readonly<Record<string, unknown>> = {}) =>
  makePart({ parts: [onnx] }, "exporter", options);

for (const quantization of ["f32", "f16", "q8", "q4", "q4f16"]) {
  testExporter(`onnx, ${quantization}`, () => make({ quantization }), {
    request: (folder) => tinyExport(folder, describe(TINY)),
  });
}
// matrices as (in, out): blocks run down their columns
testExporter("onnx, q4 of gpt2", () => make({ quantization: "q4" }), {
  request: (folder) => tinyExport(folder, describe(TINY_GPT2)),
});

async function withFolder(body: (folder: string) => Promise<void>) {
  const folder = await Deno.makeTempDir();
  try {
    await body(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

Deno.test("onnx: weights beyond max_file are stored in files beside the graph, none larger", () =>
  withFolder(async (folder) => {
    const exporter = await make({ max_file: "20KB" });
    const request = tinyExport(folder, describe(TINY));
    const files = await exporter.write(request);
    const beside = files.filter((f) => f.includes(".onnx_data"));
    assert.ok(beside.length > 3, files.join(", "));
    assert.ok(beside.includes("onnx/model.onnx_data"));
    assert.ok(beside.includes("onnx/model.onnx_data_1"));
    for (const file of beside) {
      assert.ok(Deno.statSync(join(folder, file)).size <= 20_000, file);
    }
    const config = JSON.parse(
      await Deno.readTextFile(join(folder, "config.json")),
    );
    assert.deepEqual(config["transformers.js_config"], {
      dtype: "fp32",
      use_external_data_format: { "model.onnx": beside.length },
    });
    using back = await exporter.read(request);
    for (const tensor of request.model.tensors) {
      const count = tensor.shape.reduce((a, b) => a * b, 1);
      const again = back.tensors.find(({ name }) => name === tensor.name);
      assert.deepEqual(
        await again?.read(0, count),
        await tensor.read(0, count),
        tensor.name,
      );
    }
  }));

Deno.test("onnx: figures of the comparison are in the file's metadata, behind all else", () =>
  withFolder(async (folder) => {
    const exporter = await make();
    const request = tinyExport(folder, describe(TINY));
    await exporter.write(request);
    await exporter.annotate?.(request, '{"drift":0}');
    using opened = openOnnx(join(folder, "onnx/model.onnx"));
    assert.equal(opened.metadata.get("denotune.figures"), '{"drift":0}');
    assert.equal(opened.metadata.get("denotune.model_type"), "llama");
  }));

/** A model whose hidden states go through an op of a stranger's. */
function withOp(
  change: (
    x: Tensor,
    apply: <A extends object>(op: Op<A>, a: A) => Tensor,
  ) => Tensor,
): ModelSpec {
  const spec = describe(TINY);
  return {
    ...spec,
    forward(builder) {
      const x = spec.forward(builder);
      return change(x, (op, a) => builder.graph.apply1(op, [x], a));
    },
  };
}

/** Twice the numbers, by the kernel `rows`; `capacity` asks for what a graph without a plan does not have. */
function doubled(how: "plain" | "capacity" | "sum"): Op<object> {
  return {
    name: "stranger",
    infer: ([x]) => [{ shape: x.shape, dtype: "f32" }],
    lower({ node, input, output, emit, capacity }) {
      const [rows, columns] = node.inputs[0].shape;
      if (how === "capacity") capacity(rows);
      if (how === "sum") {
        return emit({
          kernel: "scatter_rows",
          attributes: { rows, count: rows, columns: Number(columns) },
          inputs: [input(0), input(0)],
          outputs: [output(0)],
        });
      }
      emit({
        kernel: "rows",
        attributes: {
          rows,
          columns,
          program: {
            inputs: ["matrix"],
            stages: [{
              kind: "write",
              output: 0,
              value: {
                kind: "binary",
                op: "mul",
                a: { kind: "input", input: 0 },
                b: { kind: "constant", value: 2 },
              },
            }],
            outputs: ["matrix"],
          },
        },
        inputs: [input(0)],
        outputs: [output(0)],
      });
    },
  };
}

Deno.test("onnx: an op of a stranger's is written as the kernels that it is made of", () => {
  const operators = (spec: ModelSpec) => {
    const { model } = makeModel(
      { model: tinyExport("", spec).model, adapter: null },
      "f32",
    );
    return model.graph.nodes.map(({ operator, inputs }) => [operator, inputs]);
  };
  const spec = describe(TINY);
  assert.deepEqual(
    operators(withOp((_, apply) => apply(doubled("plain"), {}))),
    operators({
      ...spec,
      forward: (b) => elementwise(b.graph, [spec.forward(b)], (v) => v.mul(2)),
    }),
  );
});

for (const how of ["capacity", "sum"] as const) {
  Deno.test(`onnx: an op that cannot be translated (${how}) is refused before anything is written, by its name`, () =>
    withFolder(async (folder) => {
      const exporter: Exporter = await make();
      const spec = withOp((_, apply) => apply(doubled(how), {}));
      await assert.rejects(
        async () => await exporter.check(tinyExport(folder, spec)),
        (error: unknown) => {
          assert.ok(error instanceof ConfigError, String(error));
          assert.match(error.message, /Cannot write llama as ONNX: stranger/);
          return true;
        },
      );
      assert.deepEqual([...Deno.readDirSync(folder)], []);
    }));
}

Deno.test("onnx: the config of LFM2 names the types of its layers, as transformers.js reads them", () => {
  const spec = describe({
    ...TINY,
    model_type: "lfm2",
    block_auto_adjust_ff_dim: false,
    full_attn_idxs: [1],
  });
  assert.deepEqual(spec.config.layer_types, ["conv", "full_attention"]);
  const { model } = makeModel(
    { model: tinyExport("", spec).model, adapter: null },
    "f32",
  );
  const states = model.graph.inputs.filter(({ name }) =>
    name.startsWith("past")
  );
  assert.deepEqual(states.map(({ name, dims }) => [name, ...dims]), [
    ["past_conv.0", "batch_size", 64, 2],
    ["past_key_values.1.key", "batch_size", 2, "past_sequence_length", 16],
    ["past_key_values.1.value", "batch_size", 2, "past_sequence_length", 16],
  ]);
  assert.deepEqual(model.graph.outputs.map(({ name }) => name), [
    "logits",
    "present_conv.0",
    "present.1.key",
    "present.1.value",
  ]);
});

Deno.test("onnx: a model that its objective decodes is refused; one whose tokens always see later ones has no cache", async () => {
  const exporter = await make();
  const generation = { denotune_objective: { use: "masked-diffusion" } };
  const marked = (config: Readonly<Record<string, unknown>>) => {
    const request = tinyExport("", describe(config));
    return { ...request, text: { ...request.text, generation } };
  };
  await assert.rejects(
    async () => await exporter.check(marked(TINY)),
    /Cannot write llama as ONNX: it was trained with the objective masked-diffusion/,
  );
  const encoder = marked({ ...TINY, model_type: "eurobert" });
  await exporter.check(encoder);
  const { model } = makeModel({ model: encoder.model, adapter: null }, "f32");
  assert.deepEqual(model.graph.inputs.map(({ name }) => name), [
    "input_ids",
    "attention_mask",
  ]);
  assert.deepEqual(model.graph.outputs.map(({ name }) => name), ["logits"]);
});
