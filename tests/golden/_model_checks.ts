/**
 * What a golden model is held to on a backend: the numbers of transformers, each with the tolerance that
 * `models_test.ts` explains.
 * @module
 */
import assert from "node:assert/strict";
import type { Architecture, Device } from "@denotune/denotune/core";
import { loadWeights } from "../../core/io/weights/load_weights.ts";
import { openModelFolder } from "../../core/io/model_folder.ts";
import {
  type GoldenBatch,
  layOut,
  openTiny,
  rowsOf,
  type TinyModel,
  type TinyOptions,
} from "../conformance/model/tiny_model.ts";

/** What `make_models.py` writes beside a model's folder. */
export interface Golden extends GoldenBatch {
  readonly logits: { readonly [row: string]: readonly (readonly number[])[] };
  readonly loss: number;
  readonly grad_norms: { readonly [name: string]: number };
  readonly gradients: { readonly [name: string]: unknown };
  readonly adamw: {
    readonly lr: number;
    readonly betas: readonly number[];
    readonly eps: number;
    readonly weight_decay: number;
    readonly losses: readonly number[];
    readonly grad_norms: readonly number[];
    readonly loss_after: number;
  };
  /** Tokens, and those that greedy decoding puts behind them. */
  readonly prompt?: readonly number[];
  readonly greedy?: readonly number[];
}

/** A golden model: its folder, and the numbers beside it. */
export interface GoldenModel {
  /** Path of the folder; `PATH.json` has the numbers. */
  readonly path: string;
  readonly architecture: Architecture;
}

/** Golden numbers, and what opens their model. */
export interface GoldenSource {
  readonly expected: Golden;
  open(options?: TinyOptions): Promise<TinyModel>;
  /** Relative tolerance of the losses of AdamW; default 1e-4, which holds for five steps. */
  readonly adamwTolerance?: number;
  /** How many of the steps are compared; default: all. */
  readonly adamwSteps?: number;
}

/** The numbers of a golden model. */
export function goldenOf(path: string): Golden {
  return JSON.parse(Deno.readTextFileSync(`${path}.json`));
}

/** A golden model with its weights on a device. */
export async function loadGolden(
  device: Device,
  { path, architecture }: GoldenModel,
  options: TinyOptions = {},
): Promise<TinyModel> {
  using folder = openModelFolder(path);
  const spec = architecture.describe(folder.config);
  const model = await openTiny(device, spec, options);
  const { weights } = model.inventory;
  const { surplus } = await loadWeights(folder, { spec, weights }, {
    dtypeOf: (weight) =>
      options.storageOf?.(
        weight,
        weights.find((w) => w.name === weight)?.shape ?? [],
      ) ?? "f32",
    sink: ({ name, data }) => model.write(name, data), // tiny: one chunk each
  });
  assert.deepEqual(surplus, []);
  return model;
}

/** Logits, losses, gradients and steps of AdamW of a golden folder, padded and packed. */
export async function checkGolden(
  t: Deno.TestContext,
  device: Device,
  golden: GoldenModel,
): Promise<void> {
  await checkNumbers(t, {
    expected: goldenOf(golden.path),
    open: (options) => loadGolden(device, golden, options),
  });
}

/** The same of any golden numbers. */
export async function checkNumbers(
  t: Deno.TestContext,
  { expected, open, adamwTolerance = 1e-4, adamwSteps }: GoldenSource,
): Promise<void> {
  const rows = rowsOf(expected);
  const padded = layOut(rows.map((r) => [r]));
  const packed = layOut([rows]);
  await using model = await open(); // only AdamW changes its weights, and comes last

  await t.step("logits", async () => {
    const logits = await model.logits(padded);
    const V = model.inventory.weights[0].shape[0];
    for (const [row, wanted] of Object.entries(expected.logits)) {
      const start = Number(row) * padded.extents.T * V;
      const found = logits.subarray(start, start + wanted.length * V);
      close(found, wanted.flat(), { absolute: 1e-4 });
    }
  });

  for (
    const [layout, batch] of [["padded", padded], [
      "packed",
      packed,
    ]] as const
  ) {
    await t.step(`loss and gradients, ${layout}`, async () => {
      const { loss, gradients } = await model.step(batch);
      close([loss], [expected.loss], { relative: 1e-5 });
      assert.deepEqual(
        [...gradients.keys()].sort(),
        Object.keys(expected.grad_norms).sort(),
      );
      for (const [weight, norm] of Object.entries(expected.grad_norms)) {
        const found = norm2(gradients.get(weight) ?? []);
        close([found], [norm], { relative: 1e-4, what: weight });
      }
      for (const [weight, wanted] of Object.entries(expected.gradients)) {
        const flat = [wanted].flat(3).map(Number);
        const largest = Math.max(...flat.map(Math.abs));
        close(gradients.get(weight) ?? [], flat, {
          absolute: 1e-4 * largest,
          what: weight,
        });
      }
    });
  }

  const { losses, grad_norms, loss_after } = expected.adamw;
  const steps = adamwSteps ?? losses.length;
  await t.step(`${steps} steps of AdamW`, async () => {
    const adamw = new HostAdamW(expected.adamw);
    for (const [i, wanted] of losses.slice(0, steps).entries()) {
      const { loss, gradients } = await model.step(padded);
      close([loss], [wanted], { relative: adamwTolerance, what: `step ${i}` });
      const total = norm2([...gradients.values()].map(norm2));
      // PyTorch's own norms move ten times as far as its losses where its weights start a rounding apart: 3.3e-3 and
      // 2.3e-4 within 20 steps of gemma3_text
      close([total], [grad_norms[i]], { relative: 10 * adamwTolerance });
      await adamw.update(model, gradients);
    }
    if (steps < losses.length) return;
    const { loss } = await model.step(padded);
    close([loss], [loss_after], { relative: adamwTolerance, what: "after" });
  });
}

/** The ids that greedy decoding puts behind the prompt, each from what the layers keep. */
export async function checkGreedy(
  { expected, open }: GoldenSource,
): Promise<void> {
  const { prompt, greedy } = expected;
  assert.ok(prompt !== undefined && greedy !== undefined);
  await using model = await open({ maxLength: 80 });
  const V = model.inventory.weights[0].shape[0];
  const best = (logits: Float32Array) => {
    const last = logits.subarray(-V);
    return last.indexOf(Math.max(...last));
  };
  const ids = [best(await model.cached(prompt, 0))];
  while (ids.length < greedy.length) {
    const from = prompt.length + ids.length - 1;
    ids.push(best(await model.cached([ids[ids.length - 1]], from)));
  }
  assert.deepEqual(ids, greedy);
}

export function norm2(values: ArrayLike<number>): number {
  let sum = 0;
  for (let i = 0; i < values.length; i++) sum += values[i] ** 2;
  return Math.sqrt(sum);
}

export function close(
  found: ArrayLike<number>,
  wanted: ArrayLike<number>,
  tolerance: { absolute?: number; relative?: number; what?: string },
): void {
  const { absolute = 0, relative = 0, what = "value" } = tolerance;
  assert.equal(found.length, wanted.length, `${what}: number of values`);
  for (let i = 0; i < wanted.length; i++) {
    const limit = absolute + relative * Math.abs(wanted[i]);
    const off = Math.abs(found[i] - wanted[i]);
    assert.ok(
      off <= limit,
      `${what} [${i}] is ${found[i]}, expected ${wanted[i]} within ${limit}`,
    );
  }
}

/** One step of AdamW on the host, in double precision, with decoupled decay on every weight. */
class HostAdamW {
  readonly #state = new Map<string, { m: Float64Array; v: Float64Array }>();
  #step = 0;

  constructor(
    readonly settings: {
      readonly lr: number;
      readonly betas: readonly number[];
      readonly eps: number;
      readonly weight_decay: number;
    },
  ) {}

  /** Updates every weight by its gradient. */
  async update(
    model: TinyModel,
    grads: ReadonlyMap<string, Float32Array>,
  ): Promise<void> {
    const { lr, betas: [b1, b2], eps, weight_decay } = this.settings;
    this.#step++;
    for (const [name, g] of grads) {
      const p = await model.read(name);
      const { m, v } = this.#state.get(name) ??
        { m: new Float64Array(p.length), v: new Float64Array(p.length) };
      this.#state.set(name, { m, v });
      for (let i = 0; i < p.length; i++) {
        m[i] = b1 * m[i] + (1 - b1) * g[i];
        v[i] = b2 * v[i] + (1 - b2) * g[i] * g[i];
        const step = m[i] / (1 - b1 ** this.#step) /
          (Math.sqrt(v[i] / (1 - b2 ** this.#step)) + eps);
        p[i] = p[i] * (1 - lr * weight_decay) - lr * step;
      }
      model.write(name, p);
    }
  }
}
