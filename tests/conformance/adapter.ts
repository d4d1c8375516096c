/**
 * What every adapter must do. Call it with your own: it registers tests, on two tiny models with random
 * weights, one with Linear layers and one with Conv1D's.
 * @module
 */
import { localDevice } from "../../core/device/local_device.ts";
import { inventoryOf } from "../../core/engine/model/build_model.ts";
import { initialWeights } from "../../core/io/initial_weights.ts";
import assert from "node:assert/strict";
import {
  type Adapter,
  type AttachedAdapter,
  type ModelSpec,
  type Optimizer,
  randomFrom,
} from "@denotune/denotune/core";
import { ReferenceExecutor } from "../../backends/reference/mod.ts";
import { sgdRule } from "../../plugins/optimizers/sgd_rule.ts";
import { gpt2Architecture, llamaArchitecture } from "./model/architectures.ts";
import {
  attachTo,
  type Base,
  inputsOf,
  lossOf,
  openAdapted,
  reader,
} from "./adapter/run.ts";

/** What an adapter is not held to. */
export interface AdapterSuiteOptions {
  /** Whether a fresh adapter leaves the model as it is; true where absent. */
  readonly startsNeutral?: boolean;
  /** Whether the gradient of a tensor is the slope of the loss (DoRA's is not: it takes a norm as constant). */
  isSlope?(name: string): boolean;
}

/** Tiny models by name, of random weights: their files' layouts differ. */
export function tinyBases(): Readonly<Record<string, Base>> {
  return {
    llama: baseOf(llamaArchitecture.describe({
      model_type: "llama",
      vocab_size: 23,
      hidden_size: 16,
      intermediate_size: 24,
      num_hidden_layers: 2,
      num_attention_heads: 4,
      num_key_value_heads: 2,
      max_position_embeddings: 32,
      rms_norm_eps: 1e-5,
      tie_word_embeddings: false,
      attention_bias: true,
      hidden_act: "silu",
      rope_theta: 10000,
    })),
    gpt2: baseOf(gpt2Architecture.describe({
      model_type: "gpt2",
      vocab_size: 23,
      n_embd: 16,
      n_layer: 2,
      n_head: 4,
      n_positions: 32,
      n_ctx: 32,
      layer_norm_epsilon: 1e-5,
      activation_function: "gelu_new",
      tie_word_embeddings: true,
    })),
  };
}

function baseOf(spec: ModelSpec): Base {
  const weights = new Map<string, Float32Array>();
  for (const weight of inventoryOf(spec, 8).weights) {
    const random = randomFrom(weight.name.length, weight.shape[0]);
    weights.set(
      weight.name,
      initialWeights(weight, 1).map((v) => v + 0.2 * random.normal()),
    );
  }
  return { spec, weights };
}

const batch = inputsOf({
  input_ids: [[3, 7, 1, 9, 22, 4], [5, 2, 8, 0, 0, 0]],
  labels: [[-100, 7, 1, 9, -100, 4], [5, 2, 8, -100, -100, -100]],
  lengths: [6, 3],
});
const size = { B: 2, T: 6 };

/** Tensors of a trained adapter: everything that is trained, moved a little, under its name in the file. */
function moved(
  base: Base,
  adapter: AttachedAdapter,
  fresh: (name: string) => Float32Array,
): Map<string, Float32Array> {
  const random = randomFrom(31);
  const tensors = new Map<string, Float32Array>();
  const move = (values: Float32Array) =>
    values.map((v) => v + 0.1 * random.normal());
  for (const { name } of adapter.parameters) {
    tensors.set(name, move(fresh(name)));
  }
  for (const [name, values] of base.weights) {
    if (adapter.trainsBase(name)) {
      tensors.set(adapter.savedName(name), move(values));
    }
  }
  return tensors;
}

/** Registers the tests of an adapter. */
export function testAdapter(
  name: string,
  make: () => Adapter | Promise<Adapter>,
  { startsNeutral = true, isSlope = () => true }: AdapterSuiteOptions = {},
): void {
  for (const [model, base] of Object.entries(tinyBases())) {
    const device = () => localDevice(new ReferenceExecutor());
    const fresh = (adapter: AttachedAdapter) => {
      const given = adapter.initialise?.(reader(base.weights));
      return (own: string): Float32Array =>
        given?.get(own) ?? initialWeights(
          adapter.parameters.find((p) => p.name === own)!,
          5,
        );
    };

    Deno.test(`${name} on ${model}: has parameters of its own names, and starts that fit them`, async () => {
      const adapter = attachTo(base, await make());
      const specs = [...adapter.parameters, ...adapter.constants ?? []];
      assert.ok(adapter.parameters.length > 0, "something is trained");
      const names = [...specs.map((p) => p.name), ...base.weights.keys()];
      assert.equal(new Set(names).size, names.length, "names are distinct");
      const values = adapter.initialise?.(reader(base.weights)) ?? new Map();
      for (const [own, data] of values) {
        const wanted = specs.find((p) => p.name === own)?.shape
          .reduce((a, b) => a * b, 1) ?? base.weights.get(own)?.length;
        assert.equal(data.length, wanted, own);
        assert.ok(data.every(Number.isFinite), own);
      }
      for (const { name: constant } of adapter.constants ?? []) {
        assert.ok(values.has(constant), `${constant} has a value`);
      }
    });

    if (startsNeutral) {
      Deno.test(`${name} on ${model}: a fresh adapter changes nothing`, async () => {
        const adapter = attachTo(base, await make());
        await using with_ = await openAdapted(device(), base, {
          adapter,
          ...size,
        });
        await using without = await openAdapted(device(), base, {
          adapter: null,
          ...size,
        });
        near(await lossOf(with_, batch), await lossOf(without, batch), 1e-6);
      });
    }

    Deno.test(`${name} on ${model}: gradients are slopes of the loss`, async () => {
      const adapter = attachTo(base, await make());
      const tensors = moved(base, adapter, fresh(adapter));
      const optimizer: Optimizer = sgdRule({
        learning_rate: 0,
        momentum: 0,
        nesterov: false,
        weight_decay: 0,
        decay_norm_and_bias: false,
      });
      await using engine = await openAdapted(device(), base, {
        adapter,
        tensors,
        optimizer,
        ...size,
      });
      engine.micro(batch, batch.divisor);
      const h = 2 ** -8;
      const random = randomFrom(8);
      for (const { name: own, shape } of engine.planned.trainables!.tensors) {
        if (!isSlope(own)) continue;
        const gradient = await engine.gradient(own);
        const centre = await engine.readTrained(own);
        // along one random direction of signs: sum of its products with the gradient
        const signs = centre.map(() => random.next() < 0.5 ? -1 : 1);
        const at = async (step: number) => {
          engine.writeTrained(own, centre.map((v, i) => v + step * signs[i]));
          return await lossOf(engine, batch);
        };
        const slope = (8 * (await at(h) - await at(-h)) -
          (await at(2 * h) - await at(-2 * h))) / (12 * h);
        engine.writeTrained(own, centre);
        const wanted = gradient.reduce((sum, g, i) => sum + g * signs[i], 0);
        const scale = gradient.reduce((sum, g) => sum + Math.abs(g), 0);
        // losses are read in float32: 3e-7 of a loss of 4 by h is 2e-4
        assert.ok(
          Math.abs(slope - wanted) <= 2e-4 + 2e-3 * scale,
          `${own} (${shape}): slope ${slope}, gradient ${wanted}`,
        );
      }
    });

    Deno.test(`${name} on ${model}: merged, the model says the same`, async () => {
      const adapter = attachTo(base, await make());
      const tensors = moved(base, adapter, fresh(adapter));
      await using beside = await openAdapted(device(), base, {
        adapter,
        tensors,
        ...size,
      });
      const read = reader(base.weights, tensors);
      const weights = new Map(
        [...base.weights].map(([weight, values]) => [
          weight,
          adapter.trainsBase(weight)
            ? tensors.get(adapter.savedName(weight))!
            : adapter.merged(weight, read) ?? values,
        ]),
      );
      await using merged = await openAdapted(device(), { ...base, weights }, {
        adapter: null,
        ...size,
      });
      near(await lossOf(merged, batch), await lossOf(beside, batch), 1e-5);
    });

    Deno.test(`${name} on ${model}: its config is JSON, and reads back where it can be read`, async () => {
      const part = await make();
      const adapter = attachTo(base, part);
      const config = adapter.config({ path: "some/model", revision: "main" });
      assert.deepEqual(JSON.parse(JSON.stringify(config)), config);
      assert.equal(config.base_model_name_or_path, "some/model");
      assert.equal(typeof config.peft_type, "string");
      const again = part.configured?.(config);
      if (again === undefined || again === null) return;
      const read = attachTo(base, again);
      assert.deepEqual(read.parameters, adapter.parameters);
      for (const weight of base.weights.keys()) {
        assert.equal(read.trainsBase(weight), adapter.trainsBase(weight));
      }
    });
  }
}

function near(found: number, wanted: number, relative: number): void {
  assert.ok(
    Math.abs(found - wanted) <= relative * Math.abs(wanted),
    `${found}, expected ${wanted}`,
  );
}
