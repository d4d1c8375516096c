/** What a plan leaves out when weights are frozen: no products for their gradients, nothing below the first adapted layer. */
import assert from "node:assert/strict";
import type { KernelCall, Optimizer } from "@denotune/denotune/core";
import { planEngine } from "../../../core/engine/plan_engine.ts";
import { loraAdapter } from "../../../plugins/adapters/_attach.ts";
import {
  type LoraOptions,
  loraOptions,
} from "../../../plugins/adapters/_options.ts";
import { adamwRule } from "../../../plugins/optimizers/adamw_rule.ts";
import { llamaArchitecture } from "../../conformance/model/architectures.ts";
import { attachTo } from "../../conformance/adapter/run.ts";

const optimizer: Optimizer = adamwRule({
  learning_rate: 1e-3,
  betas: [0.9, 0.999],
  eps: 1e-8,
  weight_decay: 0,
  decay_norm_and_bias: false,
});
const LAYERS = 4;
const spec = llamaArchitecture.describe({
  model_type: "llama",
  vocab_size: 23,
  hidden_size: 16,
  intermediate_size: 24,
  num_hidden_layers: LAYERS,
  num_attention_heads: 4,
  num_key_value_heads: 2,
  max_position_embeddings: 32,
  rms_norm_eps: 1e-5,
  tie_word_embeddings: false,
  hidden_act: "silu",
  rope_theta: 10000,
});

/** Kernel calls of `micro`, with the variable that lies at each input's place, if one does. */
function microCalls(
  options: Partial<LoraOptions> | null,
  more: { frozen?: ReadonlySet<string>; checkpointing?: boolean } = {},
) {
  const adapter = options === null ? null : attachTo(
    { spec, weights: new Map() },
    loraAdapter(loraOptions.parse({ r: 4, lora_alpha: 8, ...options })),
  );
  const planned = planEngine({
    spec,
    adapter,
    frozen: more.frozen,
    frozenDtype: "f32",
    causal: true,
    train: {
      B: 2,
      T: 6,
      optimizer,
      maxGradNorm: 1,
      checkpointing: more.checkpointing ?? false,
    },
    evaluate: null,
    generate: null,
    sources: 1,
  }, { alignment: 4, maxBufferBytes: 2 ** 40 });
  const names = new Map<string, string>();
  for (const [name, { buffer, offset }] of planned.memory.variables) {
    if (!name.includes(":")) names.set(`${buffer}/${offset}`, name);
  }
  const calls = planned.programs.find((p) => p.plan.name === "micro")!.plan
    .segments.flatMap((s) => s.calls);
  const variablesOf = (call: KernelCall) =>
    call.inputs.flatMap((v) => names.get(`${v.buffer}/${v.offset}`) ?? []);
  return { calls, variablesOf, planned };
}

const isBackward = (call: KernelCall) => call.label.startsWith("backward.");
const blockOf = (call: KernelCall): number | null => {
  const found = /(?:layers|attention)\.(\d+)(?:\.|$)/.exec(call.label);
  return found === null ? null : Number(found[1]);
};
/** Products over all rows of a batch that make a gradient of a weight: dW = dY^T x. */
const weightGradients = (calls: readonly KernelCall[]) =>
  calls.filter((c) => c.kernel === "matmul" && c.attributes.layout === "TN");

Deno.test("with LoRA there is one product for each of A and B, and none for a frozen weight", () => {
  const { calls, planned } = microCalls({});
  const products = weightGradients(calls);
  assert.equal(products.length, 2 * 7 * LAYERS);
  assert.equal(planned.trainables?.tensors.length, 2 * 7 * LAYERS);
  // as large as a trained matrix, never as a frozen one
  for (const call of products) {
    assert.ok(call.kernel === "matmul");
    const { m, n } = call.attributes;
    assert.ok(m === 4 || n === 4, `${call.label}: ${m} x ${n}`);
  }
  assert.ok(!calls.some((c) => c.kernel === "scatter_add"), "no table");
  const sums = calls.filter((c) => c.kernel === "column_sum" && isBackward(c));
  assert.deepEqual(sums.map((c) => c.label), [], "no norm, no bias");
});

Deno.test("gradients stop at the first adapted layer", () => {
  const { calls } = microCalls({
    target_modules: ["v_proj", "down_proj"],
    layers_to_transform: [2, 3],
  });
  const blocks = new Set(calls.filter(isBackward).map(blockOf));
  assert.ok(blocks.has(2) && blocks.has(3));
  assert.ok(!blocks.has(0) && !blocks.has(1), [...blocks].join(", "));
  // in the lowest block nothing before v_proj: neither queries and keys, nor the norm
  const lowest = calls.filter((c) => isBackward(c) && blockOf(c) === 2)
    .map((c) => c.label);
  assert.ok(
    !lowest.some((l) => /q_proj|k_proj|input_layernorm|rope/.test(l)),
    lowest.join("\n"),
  );
});

Deno.test("frozen weights are read in the backward pass only to send the gradient on", () => {
  const { calls, variablesOf } = microCalls({ layers_to_transform: [3] });
  const read = new Set(calls.filter(isBackward).flatMap(variablesOf));
  for (const name of read) {
    const lower = /layers\.([012])\./.test(name) || /embed_tokens/.test(name);
    assert.ok(!lower, `${name} is read in the backward pass`);
  }
});

Deno.test("model.freeze leaves out the products of frozen weights and what is before them", () => {
  const all = microCalls(null);
  const names = all.planned.inventory.weights.map((w) => w.name);
  const frozen = new Set(
    names.filter((n) => /layers\.[012]\.|embed_tokens/.test(n)),
  );
  const { calls } = microCalls(null, { frozen });
  const blocks = new Set(calls.filter(isBackward).map(blockOf));
  assert.deepEqual([...blocks].filter((b) => b !== null), [3]);
  // 7 layers; the head's gradient is made with the loss
  const products = weightGradients(calls).filter(isBackward);
  assert.equal(products.length, 7);
  assert.equal(
    weightGradients(all.calls).filter(isBackward).length,
    7 * LAYERS,
  );
});

Deno.test("with gradient checkpointing frozen blocks below are not computed again", () => {
  const { calls } = microCalls(
    { target_modules: ["v_proj"], layers_to_transform: [2, 3] },
    { checkpointing: true },
  );
  const again = new Set(
    calls.filter((c) => c.label.includes("recompute")).map(blockOf),
  );
  again.delete(null); // residual sums have no name of a layer
  assert.deepEqual([...again].sort(), [2, 3]);
});
