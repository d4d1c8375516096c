/** What `precision: bfloat16` makes of the memory plan, and of frozen weights that are stored in bf16. */
import assert from "node:assert/strict";
import type { MemoryReport } from "../../../core/graph/memory.ts";
import { inventoryOf } from "../../../core/engine/model/build_model.ts";
import type { EngineRequest } from "../../../core/engine/engine_request.ts";
import {
  planEngine,
  type PlannedEngine,
} from "../../../core/engine/plan_engine.ts";
import type { ModelSpec } from "../../../core/mod.ts";
import { loraAdapter } from "../../../plugins/adapters/_attach.ts";
import { loraOptions } from "../../../plugins/adapters/_options.ts";
import { sgdRule } from "../../../plugins/optimizers/sgd_rule.ts";
import {
  gpt2Architecture,
  llamaArchitecture,
} from "../../conformance/model/architectures.ts";

const T = 512;
const LLAMA_135M = llamaArchitecture.describe({
  model_type: "llama",
  vocab_size: 49152,
  hidden_size: 576,
  intermediate_size: 1536,
  num_hidden_layers: 30,
  num_attention_heads: 9,
  num_key_value_heads: 3,
  max_position_embeddings: 2048,
  rms_norm_eps: 1e-5,
  tie_word_embeddings: true,
});
const GPT2_124M = gpt2Architecture.describe({
  model_type: "gpt2",
  vocab_size: 50257,
  n_positions: 1024,
  n_embd: 768,
  n_layer: 12,
  n_head: 12,
});

function plan(
  spec: ModelSpec,
  more: Partial<EngineRequest> & { readonly checkpointing?: boolean },
): PlannedEngine {
  const { checkpointing = false, ...request } = more;
  return planEngine({
    spec,
    adapter: null,
    frozenDtype: "f32",
    causal: true,
    train: {
      B: 4,
      T,
      optimizer: sgdRule({
        learning_rate: 0.01,
        momentum: 0,
        nesterov: false,
        weight_decay: 0,
        decay_norm_and_bias: false,
      }),
      maxGradNorm: 1,
      checkpointing,
    },
    evaluate: null,
    generate: null,
    sources: 1,
    ...request,
  }, { alignment: 64, maxBufferBytes: 2 ** 40 });
}

function lora(spec: ModelSpec): EngineRequest["adapter"] {
  return loraAdapter(loraOptions.parse({ r: 16 }))
    .attach({ spec, ...inventoryOf(spec, T) });
}

const RUNS: Readonly<
  Record<
    string,
    { readonly spec: ModelSpec; readonly more: Partial<EngineRequest> }
  >
> = {
  "GPT-2 124M, all weights": { spec: GPT2_124M, more: {} },
  "Llama 135M, LoRA": {
    spec: LLAMA_135M,
    more: { adapter: lora(LLAMA_135M), frozenDtype: "bf16" },
  },
};

for (const [name, { spec, more }] of Object.entries(RUNS)) {
  Deno.test(`${name}: activations in bfloat16 are planned in less than 70% of float32's memory`, () => {
    const [wide, narrow]: MemoryReport[] = (["float32", "bfloat16"] as const)
      .map((precision) => plan(spec, { ...more, precision }).report);
    const share = narrow.activations / wide.activations;
    assert.ok(share < 0.7, `${share}`);
    assert.equal(
      narrow.total - narrow.activations,
      wide.total - wide.activations,
      "weights, gradients and the optimizer's states stay as they are",
    );
  });
}

Deno.test("frozen weights in bfloat16 are factors as they are; those in float32 are rounded before each product", () => {
  for (const frozenDtype of ["bf16", "f32"] as const) {
    const planned = plan(LLAMA_135M, {
      ...RUNS["Llama 135M, LoRA"].more,
      precision: "bfloat16",
      frozenDtype,
    });
    const [micro] = planned.programs;
    const calls = micro.plan.segments.flatMap((s) => s.calls);
    const { buffer } = planned.memory.variables.get(
      "model.layers.3.mlp.up_proj.weight",
    ) ?? {};
    const readers = calls.filter(({ inputs }) =>
      inputs.some((view) => view.buffer === buffer)
    ).map(({ kernel }) => kernel);
    const kernel = frozenDtype === "bf16" ? "matmul" : "copy";
    assert.deepEqual(readers, [kernel, kernel]);
    for (const call of calls) {
      if (call.kernel !== "matmul") continue;
      assert.equal(call.attributes.factors, "bf16", call.label);
    }
  }
});
