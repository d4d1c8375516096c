import assert from "node:assert/strict";
import {
  type Batch,
  type Inputs,
  type Objective,
  randomFrom,
  type StepKey,
  type WeightedExample,
} from "@denotune/denotune/core";
import { testObjective } from "@denotune/denotune/testing";
import { maskedDiffusion } from "../../../plugins/objectives/mod.ts";
import { layOutExamples } from "../../conformance/objective/lay_out.ts";
import { testHost, tokenizerFacts } from "../../conformance/host.ts";
import { make } from "../../core/data/_support.ts";

const MASK = 20;
const host = testHost({
  tokenizer: tokenizerFacts({
    idOf: (token) => token === "<|mask|>" ? MASK : null,
  }),
});
const objective = (options: Record<string, unknown> = {}): Promise<Objective> =>
  make("objective", maskedDiffusion, options, host);

for (
  const options of [
    {},
    { normalize: "rows", steps: 2, block_length: 3, remasking: "margin" },
    { shift: true, remasking: "entropy", guidance: 0.5 },
    { remasking: "random", answer_length: 5, steps: 2 },
  ]
) {
  testObjective(
    `masked-diffusion ${JSON.stringify(options)}`,
    () => objective(options),
  );
}

const key: StepKey = { seed: 3, step: 5, firstRow: 0, training: true };

/** Prompts and answers of random lengths, with weights of 1. */
function examples(count: number, seed = 1): WeightedExample[] {
  const random = randomFrom(seed, count);
  return Array.from({ length: count }, (_, row) => {
    const [prompt, answer] = [1 + random.below(6), 1 + random.below(9)];
    const T = prompt + answer;
    return {
      ids: Int32Array.from({ length: T }, () => 1 + random.below(19)),
      weights: Float32Array.from({ length: T }, (_, t) => t < prompt ? 0 : 1),
      source: row % 2,
      row,
    };
  });
}

const padded = (rows: readonly WeightedExample[]): Batch =>
  layOutExamples(rows.map((row) => [row]));

/** Places of the masked tokens. */
function maskedAt({ tokens }: Inputs, batch: Batch): number[] {
  return [...tokens.keys()].filter((at) => tokens[at] !== batch.tokens[at]);
}

Deno.test("hidden tokens are the supervised rows, and their targets are what is under the mask", async () => {
  const batch = padded(examples(16));
  const inputs = (await objective()).inputs(batch, key);
  assert.ok(inputs.rows.length > 0);
  assert.deepEqual(maskedAt(inputs, batch), [...inputs.rows]);
  inputs.rows.forEach((at, r) => {
    assert.equal(inputs.tokens[at], MASK);
    assert.equal(inputs.targets[r], batch.tokens[at]);
  });
});

Deno.test("with shift a hidden token is predicted at the place before it, and the first of a sequence stays", async () => {
  const own = examples(32).map((e) => ({ ...e, weights: e.weights.fill(1) }));
  const batch = padded(own);
  const inputs = (await objective({ shift: true })).inputs(batch, key);
  assert.deepEqual(
    maskedAt(inputs, batch),
    [...inputs.rows].map((at) => at + 1),
  );
  for (let b = 0; b < batch.B; b++) {
    assert.equal(inputs.tokens[b * batch.T], batch.tokens[b * batch.T]);
  }
});

Deno.test("no token of a prompt is ever hidden, packed or padded", async () => {
  const made = await objective();
  const total = Deno.env.get("DENOTUNE_TEST_ALL") === "1" ? 10_000 : 1_000;
  for (let step = 0; step < total; step++) {
    const own = examples(6, step);
    const batch = step % 2 === 0
      ? padded(own)
      : layOutExamples([own.slice(0, 2), own.slice(2)]);
    const inputs = made.inputs(batch, { ...key, step });
    for (const at of maskedAt(inputs, batch)) {
      assert.equal(batch.weights[at], 1);
    }
  }
});

Deno.test("packed and padded rows have the same noise", async () => {
  for (const options of [{}, { normalize: "rows" }, { shift: true }]) {
    const made = await objective(options);
    for (let step = 0; step < 50; step++) {
      const own = examples(7, step);
      const one = made.inputs(padded(own), { ...key, step, sequences: 7 });
      const packed = made.inputs(
        layOutExamples([own.slice(0, 4), own.slice(4)]),
        { ...key, step, sequences: 7 },
      );
      assert.deepEqual(packed.targets, one.targets);
      assert.deepEqual(packed.weights, one.weights);
      assert.equal(packed.divisor, one.divisor);
      assert.deepEqual(packed.divisorBySource, one.divisorBySource);
    }
  }
});

Deno.test("micro-batches of a step have the noise of the whole", async () => {
  const made = await objective();
  const own = examples(8);
  const whole = made.inputs(padded(own), { ...key, sequences: 8 });
  const parts = own.map((example, n) =>
    made.inputs(padded([example]), {
      ...key,
      firstRow: n,
      firstSequence: n,
      sequences: 8,
    })
  );
  assert.deepEqual(parts.flatMap(({ targets }) => [...targets]), [
    ...whole.targets,
  ]);
  assert.deepEqual(parts.flatMap(({ weights }) => [...weights]), [
    ...whole.weights,
  ]);
  assert.equal(parts.reduce((n, { divisor }) => n + divisor, 0), whole.divisor);
});

Deno.test("levels of a step are spread evenly: each of n equal parts of [0, 1) has one", async () => {
  const made = await objective({ eps: 0 });
  const long: WeightedExample[] = Array.from({ length: 8 }, (_, row) => ({
    ids: new Int32Array(400).fill(1),
    weights: new Float32Array(400).fill(1),
    source: 0,
    row,
  }));
  for (let step = 0; step < 20; step++) {
    const { rows, weights } = made.inputs(padded(long), { ...key, step });
    // the weight of a hidden token is 1 / t
    const parts = long.map((_, b) => {
      const r = rows.findIndex((at) => Math.floor(at / 400) === b);
      return r < 0 ? 0 : Math.floor(8 / weights[r]);
    });
    assert.deepEqual(parts.toSorted(), [0, 1, 2, 3, 4, 5, 6, 7]);
  }
});

Deno.test("what the losses are divided by: candidates' weights, or rows with a candidate, also by source", async () => {
  const own = examples(5);
  own[4] = { ...own[4], weights: new Float32Array(own[4].ids.length) };
  own[1] = { ...own[1], weights: own[1].weights.map((w) => 0.5 * w) };
  const sum = (rows: readonly WeightedExample[]) =>
    rows.flatMap(({ weights }) => [...weights]).reduce((a, b) => a + b, 0);
  const tokens = (await objective()).inputs(padded(own), key);
  assert.equal(tokens.divisor, sum(own));
  assert.deepEqual(Array.from(tokens.divisorBySource ?? []), [
    sum([own[0], own[2]]),
    sum([own[1], own[3]]),
  ]);
  const rows = (await objective({ normalize: "rows" })).inputs(
    padded(own),
    key,
  );
  assert.equal(rows.divisor, 4);
  assert.deepEqual(Array.from(rows.divisorBySource ?? []), [2, 2]);
});

Deno.test("random_length cuts rows without a prompt, in training, and no others", async () => {
  const made = await objective({ random_length: 1 });
  const [first] = examples(1);
  const T = first.ids.length;
  const document = { ...first, weights: new Float32Array(T).fill(1) };
  const lengths = new Set<number>();
  for (let step = 0; step < 200; step++) {
    const cut = made.inputs(padded([document]), { ...key, step });
    const left = cut.segments.filter((s) => s !== 0).length;
    assert.ok(left >= 1 && left <= T);
    assert.ok(cut.rows.every((at) => at < left));
    assert.equal(cut.divisor, left);
    lengths.add(left);
    for (
      const whole of [
        made.inputs(padded([first]), { ...key, step }),
        made.inputs(padded([document]), { ...key, step, training: false }),
      ]
    ) assert.ok(whole.segments.every((s) => s === 1));
  }
  assert.equal(lengths.size, T);
});

/**
 * Losses of four tokens under every set of hidden ones, as a model might give them: full enumeration of the sets
 * against the mean of many draws.
 */
const N = 4;
const lossOf = (set: number, token: number) =>
  1 + randomFrom(17, set, token).next();

/** sum over sets of P(set) * sum of weights * losses: the integral over t by Simpson's rule, which is exact here. */
function enumerated(eps: number): number {
  const pieces = 64;
  let total = 0;
  for (let k = 0; k <= pieces; k++) {
    const p = (1 - eps) * k / pieces + eps;
    const share = (k === 0 || k === pieces ? 1 : k % 2 === 1 ? 4 : 2) /
      (3 * pieces);
    for (let set = 1; set < 2 ** N; set++) {
      const hidden = tokensOf(set);
      const probability = p ** hidden.length * (1 - p) ** (N - hidden.length);
      const sum = hidden.reduce((s, token) => s + lossOf(set, token), 0);
      total += share * probability / p * sum / N;
    }
  }
  return total;
}

/** The same of exactly l hidden tokens, l from 1 to 4. */
function enumeratedExactly(): number {
  let total = 0;
  for (let set = 1; set < 2 ** N; set++) {
    const hidden = tokensOf(set);
    const l = hidden.length;
    const sets = [0, 4, 6, 4, 1][l];
    const sum = hidden.reduce((s, token) => s + lossOf(set, token), 0);
    total += sum / l / sets / N;
  }
  return total;
}

function tokensOf(set: number): number[] {
  return [0, 1, 2, 3].filter((token) => set & (1 << token));
}

for (const normalize of ["tokens", "rows"]) {
  for (
    const [training, eps] of [[true, 0.05], [true, 0.3], [false, 0]] as const
  ) {
    Deno.test(`the mean of 20,000 draws is that of full enumeration: ${normalize}, ${training ? `training, eps ${eps}` : "evaluation"}`, async () => {
      const made = await objective({ normalize, eps });
      const four: WeightedExample = {
        ids: Int32Array.of(9, 1, 2, 3, 4),
        weights: Float32Array.of(0, 1, 1, 1, 1),
        source: 0,
        row: 0,
      };
      const found: number[] = [];
      for (let step = 0; step < 20_000; step++) {
        const { rows, weights, divisor } = made.inputs(padded([four]), {
          ...key,
          step,
          training,
        });
        const set = rows.reduce((bits, at) => bits | 1 << (at - 1), 0);
        found.push(
          rows.reduce(
            (sum, at, r) => sum + weights[r] * lossOf(set, at - 1),
            0,
          ) /
            divisor,
        );
      }
      const mean = found.reduce((a, b) => a + b) / found.length;
      const squares = found.reduce((sum, v) => sum + (v - mean) ** 2, 0);
      const error = Math.sqrt(squares) / found.length;
      const wanted = training ? enumerated(eps) : enumeratedExactly();
      assert.ok(
        Math.abs(mean - wanted) <= 3 * error,
        `${mean} is not ${wanted} within 3 of ${error}`,
      );
    });
  }
}

Deno.test("with anneal_steps attention is causal with a probability that falls from 1 to 0, for all micro-batches of a step alike", async () => {
  const made = await objective({ anneal_steps: 400 });
  assert.equal(made.startsCausal, true);
  assert.equal((await objective()).startsCausal, false);
  const batch = padded(examples(2));
  const causal = Array.from({ length: 500 }, (_, step) => {
    const all = [0, 2, 4].map((firstRow) =>
      made.inputs(batch, { ...key, step, firstRow }).causal === true
    );
    assert.equal(new Set(all).size, 1);
    return all[0] ? 1 : 0;
  });
  const share = (from: number, to: number) =>
    causal.slice(from, to).reduce((a: number, b) => a + b, 0) / (to - from);
  assert.equal(causal[0], 1);
  assert.ok(Math.abs(share(0, 100) - 0.875) < 0.1);
  assert.ok(Math.abs(share(150, 250) - 0.5) < 0.15);
  assert.equal(share(400, 500), 0);
  const evaluated = made.inputs(batch, { ...key, step: 0, training: false });
  assert.equal(evaluated.causal, undefined);
});
