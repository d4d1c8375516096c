import assert from "node:assert/strict";
import { type Architecture, ConfigError } from "@denotune/denotune/core";
import { ReferenceExecutor } from "../../../../backends/reference/mod.ts";
import { inventoryOf } from "../../../../core/engine/model/build_model.ts";
import { planEngine } from "../../../../core/engine/plan_engine.ts";
import { stateElements } from "../../../../core/engine/model/layer_states.ts";
import { weightStorage } from "../../../../core/engine/storage.ts";
import { localDevice } from "../../../../core/device/local_device.ts";
import { hybridArchitecture } from "../../../../examples/hybrid_model/hybrid.ts";
import { testModel } from "../../../conformance/model.ts";

const C = 12;
const init = { kind: "normal", std: 0.02 } as const;

/**
 * Three layers of attention: keys and values of 8 columns, of 4 within a window, and those of the first layer. The
 * head has a bias and caps its logits.
 */
const shared: Architecture = {
  modelTypes: ["shared"],
  describe: (config) => {
    const { quantization_config: quantized, model_type } = config;
    if (model_type !== "shared" || quantized !== undefined) {
      throw new ConfigError(`no: ${JSON.stringify(config)}`);
    }
    const V = typeof config.vocab_size === "number" ? config.vocab_size : 19;
    return {
      modelType: "shared",
      config: { model_type: "shared", vocab_size: V },
      vocabSize: V,
      hiddenSize: C,
      layers: 3,
      maxPositions: null,
      positionsAreBounded: false,
      head: {
        name: "lm_head.weight",
        tied: false,
        init,
        bias: "lm_head.bias",
        logits: (x) => x.mul(0.5).tanh().mul(2),
      },
      ignores: () => false,
      aliases: () => [],
      forward(builder) {
        const linear = (
          x: typeof builder.tokens,
          name: string,
          out: number,
          addend?: typeof x,
        ) =>
          builder.linear(
            x,
            { name, in: C, out, bias: false, layout: "NT", init },
            addend,
          );
        let x = builder.embedding(builder.tokens, {
          name: "embed",
          rows: V,
          columns: C,
          init,
        });
        const norm = (y: typeof x, name: string) =>
          builder.norm(y, {
            name,
            kind: "rms",
            columns: C,
            eps: 1e-6,
            weight: false,
          });
        let first: readonly [typeof x, typeof x] | undefined;
        for (const [layer, kvHeads] of [2, 1, 2].entries()) {
          const before = x;
          x = builder.block(layer, () => {
            const h = norm(before, `norm.${layer}`);
            const [k, v] = layer === 2 && first !== undefined
              ? first
              : ["k", "v"].map((name) =>
                linear(h, `${layer}.${name}`, 4 * kvHeads)
              );
            first ??= [k, v];
            const out = builder.attention(
              layer,
              linear(h, `${layer}.q`, 16),
              k,
              v,
              {
                heads: 4,
                kvHeads,
                headDim: 4,
                scale: 0.5,
                window: layer === 1 ? 3 : null,
                ...(layer === 2 ? { sharedWith: 0 } : {}),
              },
            );
            return builder.linear(out, {
              name: `${layer}.o`,
              in: 16,
              out: C,
              bias: true,
              layout: "NT",
              init,
            }, before);
          });
        }
        return norm(x, "norm");
      },
    };
  },
};

testModel("a model that shares keys and values", shared, {
  tiny: { model_type: "shared" },
});

Deno.test("a layer that shares keeps nothing, and others keep their own width", () => {
  const spec = shared.describe({ model_type: "shared" });
  const { states } = inventoryOf(spec, 8);
  assert.deepEqual(states.map((s) => [s.name, s.shape]), [
    ["state.0.k", ["capacity", 8]],
    ["state.0.v", ["capacity", 8]],
    ["state.1.k", ["capacity", 4]],
    ["state.1.v", ["capacity", 4]],
  ]);
  assert.equal(stateElements(states[0], 10), 80);
});

const config = {
  model_type: "hybrid",
  vocab_size: 32,
  hidden_size: 64,
  num_heads: 2,
  key_dim: 64,
  conv_taps: 3,
};

Deno.test("the memory plan counts what layers keep, and a longer context costs the hybrid nothing", async () => {
  await using device = localDevice(new ReferenceExecutor());
  const cache = (capacity: number, rows: number) =>
    planEngine({
      spec: hybridArchitecture.describe(config),
      adapter: null,
      frozenDtype: "f32",
      causal: true,
      train: null,
      evaluate: null,
      generate: { rows, capacity, prefill: 8 },
      sources: 1,
    }, device.info).report.cache;
  const perRow = 4 * (2 * 64 + 2 * 64 * 32);
  assert.equal(cache(64, 2), cache(4096, 2));
  const grown = cache(64, 9) - cache(64, 1);
  // beside the states a row has a few numbers of decoding
  assert.ok(grown >= 8 * perRow && grown < 8 * perRow + 8192, `${grown}`);
});

Deno.test("a free parameter stays in float32 however frozen weights are stored", () => {
  const inventory = inventoryOf(hybridArchitecture.describe(config), 8);
  const storage = weightStorage(inventory, {
    trained: new Set(),
    adapter: null,
    frozenDtype: "bf16",
    quantization: null,
    quantizationPattern: {},
    headQuantization: null,
    byOutput: false,
  });
  assert.equal(storage.get("layers.0.conv.weight")?.dtype, "f32");
  assert.equal(storage.get("layers.0.in_proj.weight")?.dtype, "bf16");
});
