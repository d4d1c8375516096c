/**
 * Dense families against transformers and PEFT: `families/TYPE.json`, one config a type, with weights that both
 * sides make by the same hash; the rows are longer than the windows and than the first training's positions. The
 * reference computes in double precision, torch in float32: 1e-4 on logits, 1e-4 relative on gradients, 1e-3
 * relative on losses of twenty steps of AdamW.
 */
import assert from "node:assert/strict";
import type { Architecture, Device } from "@denotune/denotune/core";
import { gptNeoxWith } from "../../examples/gpt_neox_model/gpt_neox.ts";
import { ReferenceExecutor } from "../../backends/reference/mod.ts";
import { localDevice } from "../../core/device/local_device.ts";
import { inventoryOf } from "../../core/engine/build_model.ts";
import { loraAdapter } from "../../plugins/adapters/_attach.ts";
import { loraOptions } from "../../plugins/adapters/_options.ts";
import {
  gemma2With,
  gemma3With,
  graniteWith,
  lfm2With,
  ministral3With,
  olmo2With,
  olmo3With,
  phi3With,
  smollm3With,
} from "../../plugins/models/mod.ts";
import { adamwRule } from "../../plugins/optimizers/adamw.ts";
import {
  attachTo,
  inputsOf,
  lossOf,
  openAdapted,
  trainStep,
} from "../conformance/adapter/run.ts";
import { builtinActivations } from "../conformance/model/architectures.ts";
import { layOut, openTiny, rowsOf } from "../conformance/model/tiny_model.ts";
import { BACKENDS, openBackend } from "./_backends.ts";
import { hashed, hashedWeights } from "./_hashed.ts";
import {
  checkGreedy,
  checkNumbers,
  close,
  type Golden,
  type GoldenSource,
  norm2,
} from "./_model_checks.ts";

interface FamilyGolden extends Golden {
  readonly config: { readonly [key: string]: unknown };
  readonly key: number;
  readonly lora: Pick<Golden, "loss" | "grad_norms" | "adamw"> & {
    readonly config: { readonly [key: string]: unknown };
    readonly shapes: { readonly [name: string]: readonly number[] };
  };
}

const ALL = Deno.env.get("DENOTUNE_TEST_ALL") === "1";
/** Half of the range of hashed weights. */
const SCALE = 0.3;
/** In every run, a type of each kind of layer goes through the backends besides the reference. */
const SAMPLE = ["gemma3_text", "lfm2", "phi3"];

const activations = await builtinActivations();
const FAMILIES: { readonly [type: string]: Architecture } = {
  gemma2: gemma2With(activations),
  gemma3_text: gemma3With(activations),
  gpt_neox: gptNeoxWith(activations),
  granite: graniteWith(activations),
  lfm2: lfm2With(activations),
  ministral3: ministral3With(activations),
  olmo2: olmo2With(activations),
  olmo3: olmo3With(activations),
  phi3: phi3With(activations),
  smollm3: smollm3With(activations),
};

function goldenOf(type: string): FamilyGolden {
  const path = new URL(`families/${type}.json`, import.meta.url);
  return JSON.parse(Deno.readTextFileSync(path));
}

function sourceOf(type: string, device: Device): GoldenSource {
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

Deno.test("every family has its golden numbers", () => {
  const files = [...Deno.readDirSync(new URL("families/", import.meta.url))];
  assert.deepEqual(
    files.map(({ name }) => name.replace(".json", "")).sort(),
    Object.keys(FAMILIES),
  );
});

for (const type of Object.keys(FAMILIES)) {
  for (const backend of BACKENDS) {
    const isReference = backend.name === "reference";
    if (!isReference && !ALL && !SAMPLE.includes(type)) continue;
    Deno.test(`${type} on ${backend.name} computes what transformers computes`, async (t) => {
      await using device = await openBackend(backend);
      const source = sourceOf(type, device);
      await checkNumbers(t, {
        ...source,
        adamwSteps: isReference || ALL ? undefined : 2,
      });
      if (!isReference && !ALL) return;
      await t.step("greedy ids", () => checkGreedy(source));
    });
  }

  Deno.test(`${type}: gradients are the same bits when blocks are computed again`, async () => {
    await using device = localDevice(new ReferenceExecutor());
    const { expected, open } = sourceOf(type, device);
    const batch = layOut(rowsOf(expected).map((r) => [r]));
    await using plain = await open();
    const wanted = await plain.step(batch);
    await using again = await open({ checkpoint: true });
    const found = await again.step(batch);
    assert.equal(found.loss, wanted.loss);
    for (const [weight, gradient] of wanted.gradients) {
      assert.deepEqual(found.gradients.get(weight), gradient, weight);
    }
  });

  Deno.test(`${type}: LoRA trains as PEFT's does`, async () => {
    const { lora, ...golden } = goldenOf(type);
    const inputs = inputsOf(golden);
    {
      const { engine, savedName } = await openLora(type, inputs);
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
    const { engine } = await openLora(type, inputs);
    await using _ = engine;
    const { lr, losses } = lora.adamw;
    for (const [i, wanted] of losses.entries()) {
      const { loss } = await trainStep(engine, inputs, {
        step: i + 1,
        learningRate: lr,
      });
      close([loss], [wanted], { relative: 1e-4, what: `step ${i}` });
    }
  });
}

/** A family with PEFT's adapter on the reference, ready to train. */
async function openLora(type: string, { B, T }: { B: number; T: number }) {
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
  const engine = await openAdapted(
    localDevice(new ReferenceExecutor()),
    base,
    {
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
    },
  );
  return {
    engine,
    savedName: (name: string) =>
      tensors.has(name) ? name : adapter.savedName(name),
  };
}
