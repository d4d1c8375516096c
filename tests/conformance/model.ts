/**
 * The suite that every model passes: what it says of itself holds, tokens do not see later ones (or do, where the
 * model says so), packing, recomputation, accumulation and resuming a run change nothing, what layers keep gives what a
 * whole pass gives, for rows that join and leave too, and gradients are slopes.
 *
 * ```ts
 * import { testModel } from "@denotune/denotune/testing";
 * testModel("my-model", myArchitecture, { tiny: { model_type: "mine", hidden_size: 16 } });
 * ```
 * @module
 */
import { localDevice } from "../../core/device/local_device.ts";
import { inventoryOf } from "../../core/engine/model/build_model.ts";
import { initialWeights } from "../../core/io/initial_weights.ts";
import assert from "node:assert/strict";
import {
  type Architecture,
  isDenotuneError,
  type ModelSpec,
  randomFrom,
} from "@denotune/denotune/core";
import { ReferenceExecutor } from "../../backends/reference/mod.ts";
import {
  layOut,
  openTiny,
  type Row,
  type TinyModel,
  type TinyOptions,
} from "./model/tiny_model.ts";
import { checkResume } from "./model/resume.ts";

/** A `config.json` of a tiny model. */
export type ModelConfig = { readonly [key: string]: unknown };

/**
 * Registers the tests of an architecture. `configs` are tiny models by name, each with at least 32
 * positions and two layers: they run in plain loops. A `vocab_size` must be followed: runs have the byte tokenizer's.
 */
export function testModel(
  name: string,
  architecture: Architecture,
  configs: { readonly [name: string]: ModelConfig },
): void {
  Deno.test(`${name} refuses a model_type that it does not list, by name`, () => {
    const [config] = Object.values(configs);
    assert.ok(architecture.modelTypes.length > 0);
    assert.throws(
      () => architecture.describe({ ...config, model_type: "no-such-model" }),
      (error) =>
        isConfigError(error) && error.message.includes("no-such-model"),
    );
  });
  const types = new Set<unknown>();
  for (const [tiny, config] of Object.entries(configs)) {
    const spec = architecture.describe(config);
    if (!types.has(config.model_type)) {
      Deno.test(`${name} (${tiny}) ends with the same bits when a run is resumed`, () =>
        checkResume(architecture, config));
    }
    types.add(config.model_type);
    Deno.test(`${name} (${tiny}) lists weights and sites that fit together`, () =>
      checkInventory(architecture, spec));
    Deno.test(`${name} (${tiny}) refuses quantized weights by name`, () => {
      assert.throws(
        () =>
          architecture.describe({
            ...config,
            quantization_config: { quant_method: "gptq" },
          }),
        (error) =>
          isConfigError(error) && error.message.includes("quantization_config"),
      );
    });
    Deno.test(`${name} (${tiny}) computes what it should`, async (t) => {
      await using device = localDevice(new ReferenceExecutor());
      const open = (options?: TinyOptions) =>
        withWeights(openTiny(device, spec, options));
      const isCausal = spec.attention !== "bidirectional";
      const sees = isCausal ? "does not see later ones" : "sees later ones";
      await t.step(`a token ${sees}`, async () => {
        await using model = await open();
        await checkSight(model, spec, isCausal);
      });
      await t.step("packing and recomputation change nothing", async () => {
        await using model = await open();
        const rows = makeRows(spec, [7, 4, 9]);
        const padded = await model.step(layOut(rows.map((r) => [r])));
        const packed = await model.step(layOut([rows]));
        near(packed.loss, padded.loss, 1e-5, "loss");
        sameGradients(packed.gradients, padded.gradients, 1e-5);
        await using again = await open({ checkpoint: true });
        const found = await again.step(layOut(rows.map((r) => [r])));
        sameGradients(found.gradients, padded.gradients, 0);
      });
      await t.step("accumulation changes nothing", async () => {
        await using model = await open();
        await checkAccumulation(model, spec);
      });
      // what sees later tokens cannot be read piece by piece
      await t.step({
        name: "the cache gives what a whole pass gives",
        ignore: !isCausal,
        async fn() {
          await using model = await open();
          await checkCache(model, spec);
        },
      });
      await t.step({
        name: "rows join and leave the cache",
        ignore: !isCausal,
        async fn() {
          await using model = await open();
          await checkRows(model, spec);
        },
      });
      await t.step("gradients are slopes", async () => {
        await using model = await open();
        await checkSlope(model, spec);
      });
    });
  }
}

function checkInventory(architecture: Architecture, spec: ModelSpec): void {
  assert.ok(architecture.modelTypes.includes(spec.modelType));
  assert.equal(spec.config.model_type, spec.modelType);
  const { weights, sites, constants } = inventoryOf(spec, 32);
  const names = weights.map((w) => w.name);
  assert.equal(new Set(names).size, names.length, "no name comes twice");
  for (const { shape, name } of weights) {
    assert.ok(shape.every((d) => Number.isSafeInteger(d) && d > 0), name);
    assert.ok(!spec.ignores(name), `${name} is a weight, and ignored`);
    for (const alias of spec.aliases(name)) {
      assert.ok(!names.includes(alias), `${alias} is another weight's name`);
    }
  }
  const head = weights.find((w) => w.name === spec.head.name);
  assert.deepEqual(head?.shape, [spec.vocabSize, spec.hiddenSize]);
  const blocks = new Set(sites.map((s) => s.kind === "head" ? null : s.block));
  for (let i = 0; i < spec.layers; i++) assert.ok(blocks.has(i), `block ${i}`);
  for (const { name, shape, make } of constants) {
    const data = make();
    assert.equal(data.length, shape.reduce((a, b) => a * b, 1), name);
    assert.ok(data.every(Number.isFinite), `${name} is finite`);
    assert.deepEqual(make(), data, `${name} is the same each time`);
  }
  // what is saved describes the same model
  const again = architecture.describe(JSON.parse(JSON.stringify(spec.config)));
  assert.deepEqual(inventoryOf(again, 32).weights, weights);
  assert.deepEqual(again.config, spec.config);
}

async function checkSight(
  model: TinyModel,
  spec: ModelSpec,
  isCausal: boolean,
): Promise<void> {
  const [row] = makeRows(spec, [9]);
  const logits = await model.logits(layOut([[row]]));
  const changed = [...row.ids];
  changed[6] = (changed[6] + 1) % spec.vocabSize;
  const other = await model.logits(layOut([[{ ...row, ids: changed }]]));
  const V = spec.vocabSize;
  const before = other.subarray(0, 6 * V);
  if (isCausal) assert.deepEqual(before, logits.subarray(0, 6 * V));
  else assert.notDeepEqual(before, logits.subarray(0, 6 * V));
  assert.notDeepEqual(other.subarray(6 * V), logits.subarray(6 * V));
}

async function checkCache(model: TinyModel, spec: ModelSpec): Promise<void> {
  const [row] = makeRows(spec, [11]);
  const V = spec.vocabSize;
  const whole = await model.logits(layOut([[row]]));
  const compare = (found: Float32Array, from: number) => {
    for (let i = 0; i < found.length; i++) {
      near(found[i], whole[from * V + i], 1e-4, `logit ${i} from ${from} on`);
    }
  };
  compare(await model.cached(row.ids.slice(0, 5), 0), 0);
  compare(await model.cached(row.ids.slice(5, 7), 5), 5);
  for (let at = 7; at < 11; at++) {
    compare(await model.cached([row.ids[at]], at), at);
  }
}

/** Two halves of a batch, one after the other, add up to its gradients. */
async function checkAccumulation(
  model: TinyModel,
  spec: ModelSpec,
): Promise<void> {
  const rows = makeRows(spec, [7, 4, 9]);
  const whole = await model.step(layOut(rows.map((r) => [r])));
  const parts = [rows.slice(0, 1), rows.slice(1)].map((part) =>
    layOut(part.map((r) => [r]))
  );
  const trained = parts.reduce((n, part) => n + part.trained, 0);
  const first = await model.step(parts[0], { divisor: trained });
  const both = await model.step(parts[1], { divisor: trained, keep: true });
  near(first.loss + both.loss, whole.loss, 1e-5, "loss");
  sameGradients(both.gradients, whole.gradients, 1e-5);
}

/**
 * Rows of unequal length are read together, padded, in any slots; one leaves, and its slot goes to another, of
 * which nothing is left over. Each gives what a whole pass over it alone gives.
 */
async function checkRows(model: TinyModel, spec: ModelSpec): Promise<void> {
  const V = spec.vocabSize;
  const rows = makeRows(spec, [11, 8, 6, 9]).map(({ ids }) => ids);
  const seen = rows.map(() => 0);
  const whole: Float32Array[] = [];
  for (const ids of rows) {
    whole.push(await model.logits(layOut([[{ ids, labels: ids }]])));
  }
  const read = async (
    what: readonly (readonly [row: number, slot: number, count: number])[],
  ) => {
    const found = await model.cachedRows(
      what.map(([row, slot, count]) => ({
        ids: rows[row].slice(seen[row], seen[row] + count),
        from: seen[row],
        slot,
      })),
    );
    what.forEach(([row, , count], b) => {
      const wanted = whole[row].subarray(seen[row] * V);
      found[b].forEach((v, i) =>
        near(v, wanted[i], 1e-4, `row ${row}, token ${seen[row]}, logit ${i}`)
      );
      seen[row] += count;
    });
  };
  await read([[0, 2, 5], [1, 0, 2]]); // padded: row 1 has two tokens of five
  await read([[1, 0, 1], [0, 2, 1]]); // in another order
  await read([[2, 1, 1], [0, 2, 1], [1, 0, 1]]); // row 2 joins with its first token
  await read([[2, 1, 4], [0, 2, 1]]);
  await read([[3, 0, 6], [2, 1, 1]]); // row 1 has left, and row 3 has its slot
  await read([[0, 2, 3], [3, 0, 2]]);
  await read([[3, 0, 1]]);
}

/** The loss along a random direction of all weights at once: its slope is gradient times direction. */
async function checkSlope(model: TinyModel, spec: ModelSpec): Promise<void> {
  const batch = layOut(makeRows(spec, [7, 4, 9]).map((r) => [r]));
  const { gradients } = await model.step(batch);
  const random = randomFrom(7);
  const start = new Map<string, Float32Array>();
  const direction = new Map<string, Float32Array>();
  let slope = 0;
  for (const [name, gradient] of gradients) {
    start.set(name, await model.read(name));
    // along the gradient's own sign, so that no weight's part cancels another's
    const along = gradient.map((g) => Math.sign(g) * (0.5 + random.next()));
    direction.set(name, along);
    gradient.forEach((g, i) => slope += g * along[i]);
  }
  const step = 1e-4;
  const at = async (distance: number) => {
    for (const [name, values] of start) {
      const along = direction.get(name) ?? values;
      model.write(name, values.map((v, i) => v + distance * along[i]));
    }
    return (await model.step(batch)).loss;
  };
  // of fourth order: norms behind small outputs bend the loss within a step
  const measured = (8 * (await at(step) - await at(-step)) -
    (await at(2 * step) - await at(-2 * step))) / (12 * step);
  near(measured, slope, 1e-2 * Math.abs(slope), "slope");
}

/** Fills in weights large enough that a mistake shows: as at the start of training they are too small. */
async function withWeights(opening: Promise<TinyModel>): Promise<TinyModel> {
  const model = await opening;
  for (const { name, shape, init } of model.inventory.weights) {
    const noise = initialWeights({
      name,
      shape,
      init: { kind: "normal", std: 0.2 },
    }, 1);
    // around where it starts: norms multiply by 1
    model.write(name, init.kind === "ones" ? noise.map((v) => v + 1) : noise);
  }
  return model;
}

function makeRows(spec: ModelSpec, lengths: readonly number[]): Row[] {
  const random = randomFrom(3);
  return lengths.map((n) => {
    const ids = Array.from({ length: n }, () => random.below(spec.vocabSize));
    return { ids, labels: ids.map((id, i) => i < 2 ? -100 : id) };
  });
}

function sameGradients(
  found: ReadonlyMap<string, Float32Array>,
  wanted: ReadonlyMap<string, Float32Array>,
  tolerance: number,
): void {
  for (const [name, values] of wanted) {
    const other = found.get(name) ?? [];
    assert.equal(other.length, values.length, name);
    const largest = values.reduce((a, b) => Math.max(a, Math.abs(b)), 1e-3);
    values.forEach((v, i) => near(other[i], v, tolerance * largest, name));
  }
}

function near(
  found: number,
  wanted: number,
  limit: number,
  what: string,
): void {
  assert.ok(
    Math.abs(found - wanted) <= limit,
    `${what} is ${found}, expected ${wanted} within ${limit}`,
  );
}

function isConfigError(error: unknown): error is Error {
  return isDenotuneError(error) && error.name === "ConfigError";
}
