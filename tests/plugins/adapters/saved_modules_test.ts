/** What the settings of a saved adapter mean, by PEFT's rules (`peft_random_test.ts` has PEFT's numbers). */
import assert from "node:assert/strict";
import type { Adapter } from "@denotune/denotune/core";
import { inventoryOf } from "../../../core/engine/model/build_model.ts";
import { loraAdapter } from "../../../plugins/adapters/_attach.ts";
import {
  type LoraOptions,
  loraOptions,
} from "../../../plugins/adapters/_options.ts";
import { tinyBases } from "../../conformance/adapter.ts";
import { attachTo } from "../../conformance/adapter/run.ts";

const { llama, gpt2 } = tinyBases();
const make = (options: Partial<LoraOptions> = {}): Adapter =>
  loraAdapter(loraOptions.parse({ r: 4, lora_alpha: 8, ...options }));

Deno.test("saved settings that PEFT trains with are read: a rank above the layer's size, eva, lora_alpha 0", () => {
  const saved = make().configured!({
    peft_type: "LORA",
    r: 24,
    lora_alpha: 0,
    target_modules: ["q_proj"],
    init_lora_weights: "eva",
    eva_config: { rho: 2, tau: 0.99 },
  });
  assert.ok(saved);
  const [a, b] = attachTo(llama, saved).parameters;
  assert.deepEqual([a.shape, b.shape], [[24, 16], [16, 24]]);
});

Deno.test("modules_to_save of a saved adapter are ends of any name, of a module with what is in it", () => {
  const trained = (...modules_to_save: string[]) => {
    const saved = make().configured!({
      peft_type: "LORA",
      target_modules: ["q_proj"],
      modules_to_save,
    });
    assert.ok(saved);
    const adapter = attachTo(llama, saved);
    return [...llama.weights.keys()].filter((n) => adapter.trainsBase(n));
  };
  assert.equal(trained("norm").length, 5, "norm and every layernorm");
  assert.deepEqual(trained("nothing"), []);
  assert.ok(
    trained("layers.1.mlp").every((n) => n.includes("layers.1.mlp.")),
  );
  assert.equal(trained("layers.1.mlp", "nothing").length >= 3, true);
});

Deno.test("a tied head is untied only where it or its embedding is trained apart", () => {
  const tied = (options: Partial<LoraOptions>) =>
    make(options).untiesHead!(inventoryOf(gpt2.spec, 8));
  const table = { modules_to_save: ["wte"] };
  assert.equal(tied({}), false);
  assert.equal(tied({ ensure_weight_tying: false }), false);
  assert.equal(tied(table), false);
  assert.equal(tied({ ...table, ensure_weight_tying: false }), true);
  assert.equal(
    tied({ modules_to_save: ["lm_head"], ensure_weight_tying: false }),
    true,
  );
  const saved = (config: Record<string, unknown>, ...tensors: string[]) =>
    make().configured!(
      { peft_type: "LORA", target_modules: ["c_attn"], ...table, ...config },
      { tensors: new Set(tensors) },
    )!.untiesHead!(inventoryOf(gpt2.spec, 8));
  assert.equal(saved({}), true, "PEFT's default");
  // PEFT 0.21 does not know `wte` as an embedding; a head in the file ties it all the same
  assert.equal(saved({ ensure_weight_tying: true }), true);
  assert.equal(
    saved({ ensure_weight_tying: true }, "base_model.model.lm_head.weight"),
    false,
  );
});
