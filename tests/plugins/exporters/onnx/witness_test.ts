/**
 * Graphs of the exporter `onnx` in onnxruntime (Python) against transformers: prefill of padded rows, and 20 tokens
 * behind the cache, within 1e-4.
 */
import assert from "node:assert/strict";
import { join } from "node:path";
import type { ExportRequest } from "@denotune/denotune/core";
import { ReferenceExecutor } from "../../../../backends/reference/mod.ts";
import { localDevice } from "../../../../core/device/local_device.ts";
import { layOut, openTiny } from "../../../conformance/model/tiny_model.ts";
import { makePart } from "@denotune/denotune/testing";
import { STORAGES } from "../../../../plugins/exporters/onnx/_layout.ts";
import { onnx, onnxLora } from "../../../../plugins/exporters/mod.ts";
import {
  ARCHITECTURES,
  describe,
  merged,
  saveForTransformers,
  TINY,
  TINY_GPT2,
  tinyAdapterExport,
  tinyExport,
} from "./_tiny_exports.ts";
import { hasModules, python } from "../../../python.ts";

const HERE = new URL(".", import.meta.url).pathname;
const EVERYTHING = Deno.env.get("DENOTUNE_TEST_ALL") === "1";

type Config = { readonly [key: string]: unknown };

const layers = (...layer_types: string[]) => ({ layer_types });

/** A config of each family, with what is special about it. */
const FAMILIES: readonly Config[] = [
  TINY,
  TINY_GPT2,
  { ...TINY, model_type: "qwen3", head_dim: 12, tie_word_embeddings: true },
  {
    ...TINY,
    model_type: "gemma2",
    head_dim: 12,
    sliding_window: 3,
    attn_logit_softcapping: 5,
    final_logit_softcapping: 3,
    query_pre_attn_scalar: 6,
  },
  {
    ...TINY,
    model_type: "lfm2",
    conv_L_cache: 3,
    block_auto_adjust_ff_dim: false,
    ...layers("conv", "full_attention"),
  },
  {
    ...TINY,
    model_type: "phi3",
    partial_rotary_factor: 0.5,
    sliding_window: 3,
    pad_token_id: null,
  },
  {
    ...TINY,
    model_type: "phi3",
    original_max_position_embeddings: 12,
    pad_token_id: null,
    rope_scaling: {
      type: "longrope",
      short_factor: [1, 1, 1.5, 2, 2, 2, 2, 3],
      long_factor: [1, 2, 3, 4, 5, 6, 7, 8],
    },
  },
];

/** A type that transformers does not know, with a convolution and a recurrence: what layers keep is no cache. */
const HYBRID: Config = {
  model_type: "hybrid",
  vocab_size: 61,
  hidden_size: 48,
  num_heads: 4,
  key_dim: 8,
  conv_taps: 3,
};

/** Logits of the reference backend, for rows of the lengths that the script wants. */
async function writeWanted(
  folder: string,
  { spec, tensors }: ExportRequest["model"],
): Promise<void> {
  await using device = localDevice(new ReferenceExecutor());
  await using model = await openTiny(device, spec);
  for (const { name, shape, read } of tensors) {
    model.write(name, await read(0, shape.reduce((a, b) => a * b, 1)));
  }
  const rows = [27, 24, 22].map((length) =>
    Array.from({ length }, (_, i) => (i * 7 + length) % spec.vocabSize)
  );
  const logits: number[][] = [];
  for (const ids of rows) {
    logits.push([
      ...await model.logits(layOut([[{ ids, labels: ids }]])),
    ]);
  }
  await Deno.writeTextFile(
    join(folder, "wanted.json"),
    JSON.stringify({ rows, logits }),
  );
}

/** Blocks, against transformers with the numbers that were read back from them. */
const QUANTIZED: readonly (readonly ["q8" | "q4", Config])[] = [
  ["q8", { ...TINY, tie_word_embeddings: true }],
  ["q4", TINY],
  ["q4", TINY_GPT2],
  ["q4", { ...TINY, hidden_size: 40, tie_word_embeddings: true }],
];

/** Adapters as inputs, against the merged model. */
const ADAPTERS: readonly Readonly<Record<string, unknown>>[] = [
  {},
  { use_dora: true, target_modules: ["q_proj", "down_proj"] },
];

/** Random configs of the families, as the sweep against transformers has them. */
function sweep(): Config[] {
  const cases: { readonly config: Config }[] = JSON.parse(
    Deno.readTextFileSync(
      new URL("../../../golden/families.json", import.meta.url),
    ),
  );
  return cases.map(({ config }) => config)
    .filter((config) => ARCHITECTURES.has(String(config.model_type)));
}

Deno.test({
  name: EVERYTHING
    ? "onnx: logits of every family in onnxruntime are transformers', in prefill and behind the cache, padded before or behind"
    : "onnx: logits of a sample of families in onnxruntime are transformers', in prefill and behind the cache, padded before or behind",
  ignore: !hasModules("torch", "transformers", "onnxruntime"),
  fn: async () => {
    const folder = await Deno.makeTempDir();
    try {
      const exporter = await makePart({ parts: [onnx] }, "exporter");
      const loraExporter = await makePart({ parts: [onnxLora] }, "exporter");
      const configs = EVERYTHING ? [...FAMILIES, ...sweep()] : FAMILIES;
      const folders: string[] = [];
      for (const [i, config] of configs.entries()) {
        const path = join(folder, `${i}-${config.model_type}`);
        const request = tinyExport(path, describe(config));
        await saveForTransformers(path, request);
        await exporter.write(request);
        folders.push(path);
      }
      for (const [i, [quantization, config]] of QUANTIZED.entries()) {
        const path = join(folder, `${quantization}-${i}`);
        const request = tinyExport(path, describe(config));
        const { file } = STORAGES[quantization];
        const own = await makePart({ parts: [onnx] }, "exporter", {
          quantization,
        });
        await Deno.mkdir(path);
        await own.write(request);
        {
          using back = await own.read(request);
          const { model } = request;
          await saveForTransformers(path, {
            model: { ...model, tensors: back.tensors },
          });
        }
        await Deno.rename(
          join(path, "onnx", file),
          join(path, "onnx/model.onnx"),
        );
        folders.push(path);
      }
      const hybrid = join(folder, "hybrid");
      await Deno.mkdir(hybrid);
      const request = tinyExport(hybrid, describe(HYBRID));
      await exporter.write(request);
      await writeWanted(hybrid, request.model);
      folders.push(hybrid);
      for (const [i, options] of ADAPTERS.entries()) {
        const path = join(folder, `adapter-${i}`);
        const request = await tinyAdapterExport(path, describe(TINY), options);
        await saveForTransformers(path, await merged(request));
        await loraExporter.write(request);
        folders.push(path);
      }
      const printed = await python([
        join(HERE, "witness_onnxruntime.py"),
        ...folders,
      ]);
      const found: Record<string, { difference: number; largest: number }> =
        JSON.parse(printed);
      for (const [path, { difference, largest }] of Object.entries(found)) {
        assert.ok(largest > 0.1, `${path}: all logits are ${largest}`);
        assert.ok(difference < 1e-4, `${path}: off by ${difference}`);
      }
      assert.equal(Object.keys(found).length, folders.length);
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  },
});
