/**
 * Every family that trains, its golden numbers (`families/TYPE.json`), and the devices that they are compared on.
 * @module
 */
import assert from "node:assert/strict";
import type { Architecture, Device } from "@denotune/denotune/core";
import { gptNeoxWith } from "../../examples/gpt_neox_model/gpt_neox.ts";
import { inventoryOf } from "../../core/engine/model/build_model.ts";
import { loraAdapter } from "../../plugins/adapters/_attach.ts";
import { loraOptions } from "../../plugins/adapters/_options.ts";
import {
  eurobertWith,
  gemma2With,
  gemma3With,
  gpt2With,
  graniteWith,
  lfm2With,
  llamaWith,
  ministral3With,
  mistral3With,
  olmo2With,
  olmo3With,
  phi3With,
  smollm3With,
} from "../../plugins/models/mod.ts";
import { adamwRule } from "../../plugins/optimizers/adamw_rule.ts";
import { missing, openDevice } from "../backends/webgpu/_device.ts";
import {
  attachTo,
  inputsOf,
  lossOf,
  openAdapted,
  trainStep,
} from "../conformance/adapter/run.ts";
import { builtinActivations } from "../conformance/model/architectures.ts";
import { openTiny } from "../conformance/model/tiny_model.ts";
import { BACKENDS, openBackend } from "./_backends.ts";
import { hashed, hashedWeights } from "./_hashed.ts";
import {
  close,
  type Golden,
  type GoldenSource,
  norm2,
} from "./_model_checks.ts";

/** What `make_families.py` writes of a type. */
export interface FamilyGolden extends Golden {
  readonly config: { readonly [key: string]: unknown };
  readonly key: number;
  readonly lora: Pick<Golden, "loss" | "grad_norms" | "adamw"> & {
    readonly config: { readonly [key: string]: unknown };
    readonly shapes: { readonly [name: string]: readonly number[] };
  };
}

/** Half of the range of hashed weights. */
const SCALE = 0.3;

const activations = await builtinActivations();
const llama = llamaWith(activations);
const gemma3 = gemma3With(activations);

/** Every type, by what opens it. */
export const FAMILIES: { readonly [type: string]: Architecture } = {
  eurobert: eurobertWith(activations),
  gemma2: gemma2With(activations),
  gemma3,
  gemma3_text: gemma3,
  gpt2: gpt2With(activations),
  gpt_neox: gptNeoxWith(activations),
  granite: graniteWith(activations),
  lfm2: lfm2With(activations),
  llama,
  ministral3: ministral3With(activations),
  mistral: llama,
  mistral3: mistral3With(activations),
  olmo2: olmo2With(activations),
  olmo3: olmo3With(activations),
  phi3: phi3With(activations),
  qwen2: llama,
  qwen3: llama,
  smollm3: smollm3With(activations),
};

/** A kind of device. */
export interface Opener {
  readonly name: string;
  open(): Promise<Device>;
}

/** Every backend, and where there is an adapter, one with no more than WebGPU's least limits. */
export const DEVICES: readonly Opener[] = [
  ...BACKENDS.map((part) => ({
    name: part.name,
    open: () => openBackend(part),
  })),
  ...(missing === null
    ? [{
      name: "webgpu with the least limits",
      open: () => openDevice({ limits: "default" }),
    }]
    : []),
];

/** The golden numbers of a type. */
export function goldenOf(type: string): FamilyGolden {
  const path = new URL(`families/${type}.json`, import.meta.url);
  return JSON.parse(Deno.readTextFileSync(path));
}

/** The golden model of a type on a device. */
export function sourceOf(type: string, device: Device): GoldenSource {
  const expected = goldenOf(type);
  const spec = FAMILIES[type].describe(expected.config);
  return {
    expected,
    adamwTolerance: 1e-3,
    async open(options) {
      const model = await openTiny(device, spec, options);
      const { weights } = model.inventory;
      const values = hashedWeights(weights, {
        key: expected.key,
        scale: SCALE,
      });
      for (const [name, data] of values) model.write(name, data);
      return model;
    },
  };
}

/** PEFT's adapter on a type: loss, norms of gradients, and its steps of AdamW. */
export async function checkLora(type: string, opener: Opener): Promise<void> {
  const { lora, ...golden } = goldenOf(type);
  const inputs = inputsOf(golden);
  {
    const { engine, savedName } = await openLora(type, inputs, opener);
    await using _ = engine;
    close([await lossOf(engine, inputs)], [lora.loss], { relative: 1e-5 });
    engine.micro(inputs, inputs.divisor);
    const found = new Map<string, number>();
    for (const { name } of engine.planned.trainables?.tensors ?? []) {
      found.set(savedName(name), norm2(await engine.gradient(name)));
    }
    assert.deepEqual(
      [...found.keys()].sort(),
      Object.keys(lora.grad_norms).sort(),
    );
    for (const [name, norm] of Object.entries(lora.grad_norms)) {
      close([found.get(name) ?? 0], [norm], { relative: 1e-3, what: name });
    }
  }
  const { engine } = await openLora(type, inputs, opener);
  await using _ = engine;
  const { lr, losses } = lora.adamw;
  for (const [i, wanted] of losses.entries()) {
    const { loss } = await trainStep(engine, inputs, {
      step: i + 1,
      learningRate: lr,
    });
    close([loss], [wanted], { relative: 1e-4, what: `step ${i}` });
  }
}

/** A family with PEFT's adapter, ready to train. */
async function openLora(
  type: string,
  { B, T }: { B: number; T: number },
  opener: Opener,
) {
  const { config, key, lora } = goldenOf(type);
  const spec = FAMILIES[type].describe(config);
  const { weights } = inventoryOf(spec, 8);
  const base = { spec, weights: hashedWeights(weights, { key, scale: SCALE }) };
  const adapter = attachTo(base, loraAdapter(loraOptions.parse(lora.config)));
  const tensors = new Map(
    Object.entries(lora.shapes).map(([name, [rows, columns]], number) => [
      name,
      hashed(key + 500 + number, rows * columns).map((v) => v * SCALE),
    ]),
  );
  const { lr, eps, weight_decay, betas: [b1, b2] } = lora.adamw;
  const engine = await openAdapted(await opener.open(), base, {
    adapter,
    tensors,
    optimizer: adamwRule({
      learning_rate: lr,
      betas: [b1, b2],
      eps,
      weight_decay,
      decay_norm_and_bias: true,
    }),
    B,
    T,
  });
  return {
    engine,
    savedName: (name: string) =>
      tensors.has(name) ? name : adapter.savedName(name),
  };
}
