import assert from "node:assert/strict";
import { type Random, randomFrom } from "@denotune/denotune/core";
import {
  drawsOf,
  epochOrder,
  type OrderRequest,
  sharesOf,
} from "../../../core/data/prepared/epoch_order.ts";
import { prepareDataset } from "../../../core/data/prepared/prepare.ts";
import type { PreparedDataset } from "../../../core/data/prepared/prepared_dataset.ts";
import type { DataOptions, DataSource } from "../../../core/data/types.ts";
import { packed, padded } from "../../../plugins/collators/mod.ts";
import { completionOnly } from "../../../plugins/maskers/mod.ts";
import { asIs, bytes, chatTemplate, make, storeOf } from "./_support.ts";

/** A mixture of two to five sources, of very different sizes and weights. */
function anyMixture(random: Random, seed: number): OrderRequest {
  const k = 2 + random.below(4);
  const counts = Array.from(
    { length: k },
    () => 1 + Math.floor(2 ** (14 * random.next())),
  );
  const weights = counts.map(() => 0.05 + random.next());
  const sum = weights.reduce((a, b) => a + b, 0);
  return {
    counts,
    shares: random.next() < 0.8 ? weights.map((w) => w / sum) : null,
    passes: random.next() < 0.4
      ? counts.map(() => random.next() < 0.5 ? null : 0.3 + 3 * random.next())
      : null,
    stopping: random.next() < 0.5 ? "first_exhausted" : "all_exhausted",
    shuffle: random.next() < 0.8,
    seed,
    epoch: 0,
  };
}

/** Source of an example. */
function sourceOf(counts: readonly number[], index: number): number {
  let end = 0;
  return counts.findIndex((count) => index < (end += count));
}

Deno.test("mixtures lose nothing and draw nothing twice before all of its source, across epochs", () => {
  const random = randomFrom(11);
  for (let seed = 0; seed < 40; seed++) {
    const request = anyMixture(random, seed);
    const { counts } = request;
    const draws = drawsOf(request);
    if (draws.reduce((a, b) => a + b, 0) > 300_000) continue;
    const times = new Uint32Array(counts.reduce((a, b) => a + b, 0));
    for (const epoch of [0, 1, 2]) {
      const order = epochOrder({ ...request, epoch });
      const seen = counts.map(() => 0);
      for (const index of order) {
        times[index]++;
        seen[sourceOf(counts, index)]++;
      }
      assert.deepEqual(seen, draws);
      // every example as often as any other of its source, or once more
      if (request.shares === null && request.passes === null) continue;
      for (let k = 0, start = 0; k < counts.length; start += counts[k++]) {
        const own = times.subarray(start, start + counts[k]);
        const least = Math.floor((epoch + 1) * draws[k] / counts[k]);
        assert.ok(own.every((n) => n === least || n === least + 1));
      }
    }
  }
});

Deno.test("mixtures meet their weights within 1% over 10,000 draws", () => {
  const random = randomFrom(12);
  for (let seed = 0; seed < 12; seed++) {
    const counts = Array.from(
      { length: 2 + random.below(4) },
      () => 20_000 + random.below(20_000),
    );
    const weights = counts.map(() => 0.1 + random.next());
    const sum = weights.reduce((a, b) => a + b, 0);
    const shares = weights.map((w) => w / sum);
    const order = epochOrder({
      counts,
      shares,
      stopping: seed % 2 === 0 ? "first_exhausted" : "all_exhausted",
      shuffle: true,
      seed,
      epoch: seed % 3,
    });
    for (let from = 0; from + 10_000 <= order.length; from += 10_000) {
      const seen = counts.map(() => 0);
      for (const i of order.subarray(from, from + 10_000)) {
        seen[sourceOf(counts, i)]++;
      }
      for (const [k, n] of seen.entries()) {
        assert.ok(Math.abs(n / 10_000 - shares[k]) <= 0.01 * shares[k]);
      }
    }
  }
});

Deno.test("epochs of a source are passes: exactly so many without weights, at most with them", () => {
  const base = {
    counts: [100, 30],
    stopping: "first_exhausted",
  } as const;
  assert.deepEqual(drawsOf({ ...base, shares: null, passes: [2, null] }), [
    200,
    30,
  ]);
  assert.deepEqual(drawsOf({ ...base, shares: null, passes: [0.5, 3] }), [
    50,
    90,
  ]);
  const shares = [0.5, 0.5];
  assert.deepEqual(drawsOf({ ...base, shares, passes: [null, 2] }), [60, 60]);
  assert.deepEqual(
    drawsOf({ ...base, shares, passes: [null, 2], stopping: "all_exhausted" }),
    [100, 60],
  );
  const order = epochOrder({
    ...base,
    shares: null,
    passes: [1, 2],
    shuffle: false,
    seed: 0,
    epoch: 0,
  });
  const small = [...Array(30).keys()].map((i) => 100 + i);
  assert.deepEqual([...order], [...Array(100).keys(), ...small, ...small]);
});

Deno.test("weights by tokens are shares of the trained tokens", () => {
  const counts = [
    { rows: 0, examples: 100, tokens: 0, trainedTokens: 100 * 30 },
    { rows: 0, examples: 400, tokens: 0, trainedTokens: 400 * 10 },
  ];
  const sources = [{ name: "a", weight: 1 }, { name: "b", weight: 1 }];
  assert.deepEqual(sharesOf(sources, counts, "rows"), [0.5, 0.5]);
  assert.deepEqual(sharesOf(sources, counts, "tokens"), [0.25, 0.75]);
});

/** Long answers in one source, short ones in the other. */
async function mixed(
  collator: typeof padded | typeof packed,
  options: Partial<DataOptions>,
): Promise<PreparedDataset> {
  const masker = await make("masker", completionOnly);
  const random = randomFrom(13);
  const source = (name: string, rows: number, length: number): DataSource => ({
    name,
    store: storeOf(
      Array.from({ length: rows }, (_, i) => ({
        prompt: `${name}${i}:`,
        completion: name.repeat(1 + random.below(length)),
      })),
    ),
    format: asIs,
    template: chatTemplate,
    masker,
    weight: name === "a" ? 0.7 : 0.3,
  });
  return await prepareDataset({
    sources: [source("a", 6000, 40), source("b", 30_000, 8)],
    tokenizer: bytes(),
    collator: await make("collator", collator),
    options: { max_length: 64, batch_size: 10, ...options },
    cacheDir: "unused",
  });
}

Deno.test("trained tokens meet weights by tokens within 1 in 100 over 10,000 draws", async () => {
  using set = await mixed(padded, { weight_by: "tokens" });
  const trained = [0, 0];
  let examples = 0;
  for (let step = 0; examples < 10_000; step++) {
    for (const batch of set.batches(0, step)) {
      examples += batch.examples;
      batch.weights.forEach((weight, i) => {
        if (weight > 0) trained[batch.sources[i]]++;
      });
    }
  }
  const share = trained[0] / (trained[0] + trained[1]);
  assert.ok(Math.abs(share - 0.7) < 0.01, String(share));
});

Deno.test("a mixture opened anew gives the same batch at any step: resume goes on where it was", async () => {
  for (const weight_by of ["rows", "tokens"] as const) {
    using first = await mixed(packed, { weight_by });
    using second = await mixed(packed, { weight_by });
    assert.equal(first.fingerprint, second.fingerprint);
    const step = first.stepsInEpoch(1) - 2;
    for (let s = 0; s < 5; s++) first.batches(1, s);
    assert.deepEqual(second.batches(1, step), first.batches(1, step));
  }
  using rows = await mixed(packed, { weight_by: "rows" });
  using tokens = await mixed(packed, { weight_by: "tokens" });
  assert.notEqual(rows.fingerprint, tokens.fingerprint);
});
