/**
 * The suite that every objective passes: what it lays out fits together, padding and accumulation change nothing,
 * and the gradient of its loss is its slope.
 *
 * ```ts
 * import { testObjective } from "@denotune/denotune/testing";
 * testObjective("my-objective", () => myObjective.create(options, testHost()), { sequences: 2 });
 * ```
 * @module
 */
import assert from "node:assert/strict";
import {
  type Inputs,
  type Objective,
  randomFrom,
  type WeightedExample,
} from "@denotune/denotune/core";
import { ReferenceExecutor } from "../../backends/reference/mod.ts";
import { localDevice } from "../../core/device/local_device.ts";
import { sequencesOf } from "../../core/engine/inputs/level_inputs.ts";
import { checkInputs } from "../../core/engine/inputs/check_inputs.ts";
import { Engine } from "../../core/engine/engine.ts";
import { planEngine } from "../../core/engine/plan_engine.ts";
import { inventoryOfLoss } from "../../core/engine/objective_loss.ts";
import { specWithHead } from "../../core/engine/objective_head.ts";
import { initialWeights } from "../../core/io/initial_weights.ts";
import { llamaArchitecture } from "./model/architectures.ts";
import { gradientRule } from "./objective/gradient_rule.ts";
import {
  type AnsweredBatch,
  inputsOf,
  ownInputs,
} from "../../core/run/ask/step_answers.ts";
import { trainedExamples } from "./objective/ask.ts";
import { layOutExamples } from "./objective/lay_out.ts";

/** What an objective is tried with. */
export interface ObjectiveSuiteOptions {
  /** Sequences of each example: 2 for pairs; default 1. */
  readonly sequences?: number;
  /**
   * Whether what it lays out is random and keyed by row and place, so that packed rows get other numbers than
   * padded ones. Default false: packed must equal padded.
   */
  readonly random?: boolean;
  /** Whether its loss has parts through which no gradient passes: then the gradient is not its slope. */
  readonly detached?: boolean;
}

const VOCABULARY = 23;
const MOST = 48;
const SOURCES = 2;

const spec = llamaArchitecture.describe({
  model_type: "llama",
  vocab_size: VOCABULARY,
  hidden_size: 16,
  intermediate_size: 20,
  num_hidden_layers: 2,
  num_attention_heads: 2,
  num_key_value_heads: 1,
  max_position_embeddings: MOST,
  rms_norm_eps: 1e-5,
  tie_word_embeddings: false,
});

/** Registers the tests of an objective. */
export function testObjective(
  name: string,
  make: () => Objective | Promise<Objective>,
  { sequences = 1, random = false, detached = false }: ObjectiveSuiteOptions =
    {},
): void {
  const examples = (objective: Objective) =>
    trainedExamples(objective, makeExamples(4, sequences), VOCABULARY);
  const laidOut = async (objective: Objective) => {
    const all = await examples(objective);
    const { loss = null } = objective;
    const lay = (rows: (typeof all)[], more?: number): AnsweredBatch => ({
      batch: layOutExamples(rows, more),
      own: ownInputs(rows.flat(), loss),
    });
    const middle = Math.ceil(all.length / 2);
    return {
      padded: (more = 0) => lay(all.map((e) => [e]), more),
      packed: () => lay([all]),
      halves: () =>
        [all.slice(0, middle), all.slice(middle)]
          .map((half) => lay(half.map((e) => [e]))),
    };
  };

  Deno.test(`${name}: lays out what fits together, the same each time`, async () => {
    const objective = await make();
    const { padded, packed } = await laidOut(objective);
    for (const given of [padded(), padded(3), packed()]) {
      const inputs = inputsOf(objective, given, keyOf(0));
      checkInputs(inputs, {
        described: `objective ${name}`,
        columns: objective.head?.columns ?? VOCABULARY,
        vocabSize: VOCABULARY,
        sources: SOURCES,
        loss: objective.loss ?? null,
      });
      assert.ok(inputs.rows.length > 0, "nothing is trained");
      assert.ok(inputs.divisor > 0);
      for (const at of inputs.rows) {
        assert.notEqual(inputs.segments[at], 0, "padding is trained");
      }
      for (const again of [objective, await make()]) {
        assert.deepEqual(inputsOf(again, given, keyOf(0)), inputs);
      }
    }
  });

  Deno.test(`${name}: a batch without a trained token has no supervised row`, async () => {
    const objective = await make();
    const { batch } = (await laidOut(objective)).padded();
    const inputs = objective.inputs(
      { ...batch, weights: new Float32Array(batch.B * batch.T) },
      keyOf(0),
    );
    assert.equal(inputs.rows.length, 0);
  });

  Deno.test(`${name}: what is measured has names`, async () => {
    const { loss } = await make();
    if (loss !== undefined) inventoryOfLoss(loss); // throws for names that are taken
  });

  Deno.test(`${name}: padding, packing and accumulation change nothing`, async () => {
    const objective = await make();
    const { padded, packed, halves } = await laidOut(objective);
    const whole = await stepOf(objective, [padded()]);
    const others: [string, readonly AnsweredBatch[]][] = [
      ["more padding", [padded(5)]],
      ["two micro-batches", halves()],
    ];
    if (!random) others.push(["packed", [packed()]]);
    for (const [what, batches] of others) {
      const found = await stepOf(objective, batches);
      near(found.loss, whole.loss, { tolerance: 1e-5, what: `${what}: loss` });
      for (const [metric, value] of Object.entries(whole.metrics)) {
        near(found.metrics[metric], value, {
          tolerance: 1e-5,
          what: `${what}: ${metric}`,
        });
      }
      for (const [weight, gradient] of whole.gradients) {
        const other = found.gradients.get(weight) ?? new Float32Array();
        const size = largest(gradient);
        gradient.forEach((g, i) =>
          assert.ok(
            Math.abs(g - other[i]) <= 1e-4 * size + 1e-7,
            `${what}: gradient of ${weight}[${i}] is ${other[i]}, not ${g}`,
          )
        );
      }
    }
  });

  Deno.test(`${name}: weights count in the loss as they count in the divisor`, async () => {
    const objective = await make();
    const { padded } = await laidOut(objective);
    const [once, twice] = [padded(), padded()];
    twice.batch.weights.forEach((w, i) => twice.batch.weights[i] = 2 * w);
    const [one, two] = [once, twice].map((given) =>
      inputsOf(objective, given, keyOf(0)).divisor
    );
    if (Math.abs(two / one - 2) > 1e-6) return; // a loss by pair or by answer
    near(
      (await stepOf(objective, [twice])).loss,
      (await stepOf(objective, [once])).loss,
      {
        tolerance: 1e-5,
        what:
          "the loss where all weights and the divisor are twice as large (is it multiplied by `weights`?)",
      },
    );
  });

  Deno.test(`${name}: a decoder writes ids of the vocabulary, no more than asked for, the same each time`, async () => {
    const objective = await make();
    const { decoding } = objective;
    if (decoding === undefined || decoding === null || decoding === "tokens") {
      return;
    }
    await using engine = await openEngine(objective);
    const answers = async (temperature: number) => {
      const found = await engine.generator?.generate(
        [[1, 2, 3], [4, 5], [6, 7, 8, 9, 10]].map((prompt, key) => ({
          prompt: Int32Array.from(prompt),
          maxNewTokens: 4 + key,
          key,
          ends: new Set([0]),
          onToken: (id) => id === 0,
        })),
        { temperature, topK: null, topP: 1, repetitionPenalty: 1, seed: 3 },
      );
      return (found ?? []).map(({ ids }) => ids);
    };
    for (const temperature of [0, 1]) {
      const first = await answers(temperature);
      assert.equal(first.length, 3);
      first.forEach((ids, key) => {
        assert.ok(ids.length <= 4 + key);
        assert.ok(ids.every((id) => id >= 0 && id < VOCABULARY));
      });
      assert.deepEqual(await answers(temperature), first);
    }
  });

  if (detached) return;
  Deno.test(`${name}: the gradient is the slope of the loss`, async () => {
    const objective = await make();
    const { padded } = await laidOut(objective);
    const given = padded();
    const inputs = inputsOf(objective, given, keyOf(0));
    await using engine = await openEngine(objective, [given]);
    engine.micro(inputs, inputs.divisor);
    const pick = randomFrom(5);
    const lossAt = async () =>
      (await engine.evaluate([inputs])).lossSum / inputs.divisor;
    for (const { name: weight } of engine.planned.inventory.weights) {
      const gradient = await engine.gradient(weight);
      const before = await engine.readTrained(weight);
      const size = largest(gradient);
      for (let n = 0; n < 2; n++) {
        const i = pick.below(gradient.length);
        const h = 2 ** -7;
        const at = async (step: number) => {
          const moved = before.slice();
          moved[i] += step * h;
          engine.writeTrained(weight, moved);
          return await lossAt();
        };
        // fourth order: what is left of the loss's curvature is below h^4
        const slope = (8 * (await at(1) - await at(-1)) -
          (await at(2) - await at(-2))) / (12 * h);
        engine.writeTrained(weight, before);
        assert.ok(
          Math.abs(slope - gradient[i]) <= 5e-3 * size + 1e-4,
          `${weight}[${i}]: the gradient is ${
            gradient[i]
          }, and the slope ${slope}: no gradient passes through row.max, row.second and detach()`,
        );
      }
    }
  });
}

/** Where a micro-batch is in a step of so many sequences, of which so many rows and sequences came before. */
function keyOf(
  firstRow: number,
  more: { readonly firstSequence?: number; readonly sequences?: number } = {},
) {
  return { seed: 3, step: 5, firstRow, training: true, ...more };
}

/** Examples of random ids, the first of each sequence a prompt; the longest sequence has 9 tokens. */
function makeExamples(count: number, sequences: number): WeightedExample[] {
  const random = randomFrom(11, sequences);
  return Array.from({ length: count }, (_, n) => {
    const lengths = Array.from(
      { length: sequences },
      () => 5 + random.below(5),
    );
    const ids: number[] = [];
    const weights: number[] = [];
    for (const length of lengths) {
      for (let t = 0; t < length; t++) {
        ids.push(1 + random.below(VOCABULARY - 1));
        weights.push(t < 2 ? 0 : 1);
      }
    }
    return {
      ids: Int32Array.from(ids),
      weights: Float32Array.from(weights),
      ...(sequences === 1 ? {} : { lengths }),
      source: n % SOURCES,
      row: n,
    };
  });
}

interface StepFound {
  readonly loss: number;
  readonly metrics: Readonly<Record<string, number>>;
  readonly gradients: ReadonlyMap<string, Float32Array>;
}

/** One optimizer step over micro-batches, without its update. */
async function stepOf(
  objective: Objective,
  batches: readonly AnsweredBatch[],
): Promise<StepFound> {
  const counts = batches.map(({ batch }) => sequencesOf(batch));
  const sequences = counts.reduce((a, b) => a + b, 0);
  let [firstRow, firstSequence] = [0, 0];
  const micro: Inputs[] = batches.map((given, i) => {
    const key = keyOf(firstRow, { firstSequence, sequences });
    const inputs = inputsOf(objective, given, key);
    firstRow += given.batch.B;
    firstSequence += counts[i];
    return inputs;
  });
  const divisor = micro.reduce((sum, inputs) => sum + inputs.divisor, 0);
  await using engine = await openEngine(objective, batches);
  if (engine.windowVariables.length > 0) {
    for (const inputs of micro) engine.window(inputs);
  }
  for (const inputs of micro) engine.micro(inputs, divisor);
  const gradients = new Map<string, Float32Array>();
  for (const { name } of engine.planned.inventory.weights) {
    gradients.set(name, await engine.gradient(name));
  }
  engine.update({ learningRate: 0, step: 1 });
  const [{ lossSum, metrics }] = await engine.results(1);
  return {
    loss: lossSum / divisor,
    metrics: Object.fromEntries(
      Object.entries(metrics).map(([name, { sum, weight }]) => [
        name,
        sum / weight,
      ]),
    ),
    gradients,
  };
}

/** A small Llama on the reference backend, for batches as large as these. */
async function openEngine(
  objective: Objective,
  given: readonly AnsweredBatch[] = [],
): Promise<Engine> {
  const largest = (of: "B" | "T") =>
    Math.max(1, ...given.map(({ batch }) => batch[of]));
  const size = { B: largest("B"), T: largest("T") };
  const device = localDevice(new ReferenceExecutor());
  const { decoding } = objective;
  const planned = planEngine({
    spec: specWithHead(spec, objective.head),
    adapter: null,
    frozenDtype: "f32",
    causal: objective.attention === "causal",
    loss: objective.loss ?? null,
    train: {
      ...size,
      optimizer: gradientRule,
      maxGradNorm: null,
      checkpointing: false,
    },
    evaluate: size,
    generate: typeof decoding === "object" && decoding !== null
      ? { rows: 2, capacity: MOST, prefill: MOST }
      : null,
    decoding,
    sources: SOURCES,
  }, device.info);
  const engine = await Engine.open(planned, device);
  for (const weight of planned.inventory.weights) {
    const values = initialWeights(weight, 3);
    // larger than models start with, so that gradients are not lost in rounding
    engine.session.write(
      weight.name,
      weight.shape.length > 1 ? values.map((v) => 8 * v) : values,
    );
  }
  await engine.startBase();
  if (objective.loss?.second !== undefined) await moveWeights(engine);
  return engine;
}

/** Moves the weights away from the base: what is measured between the two is 0 where they are equal. */
async function moveWeights(engine: Engine): Promise<void> {
  const random = randomFrom(17);
  for (const { name } of engine.planned.inventory.weights) {
    const values = await engine.readTrained(name);
    engine.writeTrained(
      name,
      values.map((v) => v + 0.2 * (random.next() - 0.5)),
    );
  }
}

function largest(values: Float32Array): number {
  return values.reduce((most, v) => Math.max(most, Math.abs(v)), 0);
}

function near(
  found: number,
  wanted: number,
  { tolerance, what }: { tolerance: number; what: string },
): void {
  assert.ok(
    Math.abs(found - wanted) <= tolerance * Math.max(1, Math.abs(wanted)),
    `${what} is ${found}, not ${wanted}`,
  );
}
