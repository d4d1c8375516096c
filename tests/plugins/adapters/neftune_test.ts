/** NEFTune: how large its noise is, when it is drawn anew, and where it is not. */
import { localDevice } from "../../../core/device/local_device.ts";
import { initialWeights } from "../../../core/io/initial_weights.ts";
import assert from "node:assert/strict";
import { type Adapter, uniformAt } from "@denotune/denotune/core";
import { ReferenceExecutor } from "../../../backends/reference/mod.ts";
import {
  buildModel,
  inventoryOf,
} from "../../../core/engine/model/build_model.ts";
import { Memory } from "../../../core/graph/memory.ts";
import { planProgram } from "../../../core/graph/planner.ts";
import { Session } from "../../../core/engine/session.ts";
import { segmentLengths } from "../../../core/engine/inputs/host_inputs.ts";
import { loraAdapter } from "../../../plugins/adapters/_attach.ts";
import { loraOptions } from "../../../plugins/adapters/_options.ts";
import { withNoise } from "../../../plugins/adapters/embedding_noise.ts";
import { gpt2Architecture } from "../../conformance/model/architectures.ts";
import { testAdapter } from "../../conformance/adapter.ts";
import {
  runConfig,
  testFolder,
  TINY_LLAMA,
  tinyRun,
  weightBytes,
} from "../../run_harness.ts";

const lora = (): Adapter =>
  loraAdapter(loraOptions.parse({ r: 4, lora_alpha: 8 }));
// where slopes are compared the loss must be the evaluation's: no noise
testAdapter("neftune with lora", () => withNoise(lora(), 0));

const spec = gpt2Architecture.describe({
  model_type: "gpt2",
  vocab_size: 23,
  n_embd: 16,
  n_layer: 1,
  n_head: 4,
  n_positions: 32,
  n_ctx: 32,
  layer_norm_epsilon: 1e-5,
  activation_function: "gelu_new",
  tie_word_embeddings: true,
});

/** What a graph adds to the embedded tokens, (B * T, 16), and the stream of its numbers. */
async function noiseOf(
  options: {
    alpha: number;
    training?: boolean;
    segments: Int32Array;
    keys: Int32Array;
    T: number;
  },
): Promise<Float32Array> {
  const { segments, keys, T } = options;
  const B = segments.length / T;
  const inventory = inventoryOf(spec, 16);
  const make = async (alpha: number) => {
    const adapter = withNoise(null, alpha).attach({ spec, ...inventory });
    const { graph } = buildModel(spec, {
      adapter,
      training: options.training ?? true,
      causal: true,
      maxPositions: 16,
      trains: () => false,
      dtypeOf: () => "f32",
      checkpoint: false,
      cache: null,
    });
    // the sum of tokens and positions: what the first block gets
    const first = graph.nodes.find((n) =>
      n.label.startsWith("transformer.h.0")
    );
    assert.ok(first !== undefined);
    graph.output("x", first.inputs[0]);
    await using device = localDevice(new ReferenceExecutor());
    const memory = new Memory(device.info);
    for (const w of [...inventory.weights, ...inventory.constants]) {
      memory.variable(w.name, w.shape, { role: "weights" });
    }
    const planned = planProgram(graph, {
      name: "p",
      memory,
      capacities: { B, T },
    });
    await using session = await Session.open(device, memory, [planned]);
    for (const w of inventory.weights) {
      session.write(w.name, initialWeights(w, 1));
    }
    session.run("p", { B, T }, {
      tokens: Int32Array.from({ length: B * T }, (_, i) => i % 23),
      positions: Int32Array.from({ length: B * T }, (_, i) => i % T),
      segments,
      row_keys: keys,
      segment_lengths: segmentLengths(segments, { B, T }),
    });
    const x = await session.output("p", "x", { B, T });

    return x;
  };
  const [with_, without] = [await make(options.alpha), await make(0)];
  return Float32Array.from(with_, (v, i) => v - without[i]);
}

const one = Int32Array.of(1, 1, 1, 1, 1, 1, 0, 0);
const keys = Int32Array.from({ length: 8 }, (_, i) => 1000 + i * 31);

Deno.test("noise is uniform within alpha / sqrt(L d), L the example's own tokens", async () => {
  const noise = await noiseOf({ alpha: 5, segments: one, keys, T: 8 });
  const bound = 5 / Math.sqrt(6 * 16);
  const real = noise.subarray(0, 6 * 16);
  const largest = Math.max(...real.map(Math.abs));
  assert.ok(largest <= bound + 1e-6 && largest > 0.9 * bound, `${largest}`);
  const mean = real.reduce((a, b) => a + b, 0) / real.length;
  const variance = real.reduce((a, b) => a + b * b, 0) / real.length;
  assert.ok(Math.abs(mean) < 0.15 * bound, `${mean}`);
  assert.ok(Math.abs(variance / (bound * bound / 3) - 1) < 0.25);
  // the documented rule, element by element, on one table only: the positions have none
  const found = [0, 1, 2, 3].find((stream) =>
    [0, 5, 40, 95].every((i) =>
      Math.abs(
        real[i] -
          (2 * uniformAt(keys[Math.floor(i / 16)], stream, i % 16) - 1) * bound,
      ) < 1e-6
    )
  );
  assert.notEqual(found, undefined);
});

Deno.test("the noise of an example does not depend on what stands beside it", async () => {
  const alone = await noiseOf({ alpha: 5, segments: one, keys, T: 8 });
  const packed = await noiseOf({
    alpha: 5,
    segments: Int32Array.of(1, 1, 1, 1, 1, 1, 2, 2),
    keys,
    T: 8,
  });
  assert.deepEqual(packed.subarray(0, 96), alone.subarray(0, 96));
  assert.deepEqual([...segmentLengths(Int32Array.of(1, 1, 2, 2, 2, 0, 3, 3), {
    B: 2,
    T: 4,
  })], [2, 2, 2, 2, 1, 1, 2, 2]);
});

Deno.test("the same keys give the same noise, others give other noise, evaluation none", async () => {
  const options = { alpha: 5, segments: one, keys, T: 8 };
  const first = await noiseOf(options);
  assert.deepEqual(await noiseOf(options), first);
  const other = await noiseOf({ ...options, keys: keys.map((k) => k + 1) });
  assert.notDeepEqual(other, first);
  const none = await noiseOf({ ...options, training: false });
  assert.ok(none.every((v) => v === 0));
});

Deno.test("noise with lora is saved as plain lora, with all weights trained as a model", async () => {
  using folder = testFolder();
  const losses: Record<string, readonly number[]> = {};
  const evaluations: Record<string, number | null> = {};
  const of = { use: "lora", r: 2, target_modules: ["q_proj"] };
  for (
    const [name, adapter] of Object.entries({
      full: null,
      noisy: { use: "neftune", alpha: 5 },
      lora: of,
      "noisy-lora": { use: "neftune", alpha: 5, of },
    })
  ) {
    const run = await runConfig(tinyRun(folder.at(name), {
      adapter,
      model: { from_config: TINY_LLAMA },
      data: { train: tinyRun("").data.train, eval_fraction: 0.1 },
      training: { max_steps: 3, eval_on_start: true, save_steps: 2 },
    }));
    losses[name] = run.losses;
    evaluations[name] = run.of("eval")[0].eval_loss;
  }
  assert.notDeepEqual(losses.noisy, losses.full);
  assert.notDeepEqual(losses["noisy-lora"], losses.lora);
  // before the first step there is nothing but the noise, and evaluation has none
  assert.equal(evaluations.noisy, evaluations.full);
  assert.equal(evaluations["noisy-lora"], evaluations.full);
  assert.equal(
    weightBytes(folder.at("noisy")).length,
    weightBytes(folder.at("full")).length,
  );
  const files = (name: string) =>
    [...Deno.readDirSync(folder.at(name))].map((e) => e.name).sort();
  assert.deepEqual(files("noisy"), files("full"));
  assert.deepEqual(files("noisy-lora"), files("lora"));
  const config = (name: string) =>
    Deno.readTextFileSync(folder.at(name, "adapter_config.json"));
  assert.equal(config("noisy-lora"), config("lora"));
});
