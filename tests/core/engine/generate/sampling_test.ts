/**
 * How often tokens are drawn, held against their probabilities by Pearson's chi-square test. The keys are
 * fixed, so a test passes always or never; a right sampler fails one limit in a hundred thousand keys.
 */
import { Session } from "../../../../core/engine/session.ts";
import { dim } from "../../../../core/graph/dims.ts";
import { Memory } from "../../../../core/graph/memory.ts";
import { planProgram } from "../../../../core/graph/planner.ts";
import { wordsOfBits } from "../../../../core/graph/kernels/mod.ts";
import { sample } from "../../../../core/graph/ops/sampling.ts";
import assert from "node:assert/strict";
import { type Device, Graph, hash32 } from "../../../../core/mod.ts";
import {
  optionsOf,
  type SamplingOptions,
} from "../../../../core/engine/generate/sampling.ts";
import { BACKENDS, openBackend } from "../../../golden/_backends.ts";

const LOGITS = [2, -1, 0.5, 2, 1.25, -3, 0, 0.75, -0.5, 1.5];
const SEEN = [0, 4, 5]; // of which one is negative
const ROWS = 4000;

/** Limits of chi-square at a probability of 1e-5, by degrees of freedom (scipy.stats.chi2.isf). */
const LIMITS: Readonly<Record<number, number>> = {
  0: 0,
  1: 19.511,
  2: 23.026,
  3: 25.902,
  5: 30.856,
  9: 39.341,
};

const PLAIN: SamplingOptions = {
  temperature: 1,
  topK: null,
  topP: 1,
  repetitionPenalty: 1,
  seed: 11,
};

/** Columns that may be drawn and their probabilities: worked out by hand from the options. */
interface Case {
  readonly title: string;
  readonly options: SamplingOptions;
  readonly weights: readonly number[];
}

const exp = (temperature: number, logits = LOGITS) =>
  logits.map((x) => Math.exp(x / temperature));
const only = (weights: readonly number[], kept: readonly number[]) =>
  weights.map((w, i) => kept.includes(i) ? w : 0);

const CASES: readonly Case[] = [
  { title: "by their probabilities", options: PLAIN, weights: exp(1) },
  {
    title: "at a temperature",
    options: { ...PLAIN, temperature: 0.6 },
    weights: exp(0.6),
  },
  {
    title: "among the likeliest 4",
    options: { ...PLAIN, topK: 4 },
    weights: only(exp(1), [0, 3, 9, 4]),
  },
  {
    // probabilities 0.259 0.259 0.157 0.122 0.074 ..: three are 0.675, four 0.797
    title: "among the fewest with 0.75 of all",
    options: { ...PLAIN, topP: 0.75 },
    weights: only(exp(1), [0, 3, 9, 4]),
  },
  {
    // 0.259 are not enough for 0.3: of two equal ones both stay
    title: "among two equal ones",
    options: { ...PLAIN, topP: 0.3 },
    weights: only(exp(1), [0, 3]),
  },
  {
    title: "the first of two equal ones where one is enough",
    options: { ...PLAIN, topP: 0.2 },
    weights: only(exp(1), [0]),
  },
  {
    // k first: of the likeliest 3 the first two have 0.767
    title: "by k before p",
    options: { ...PLAIN, topK: 3, topP: 0.76 },
    weights: only(exp(1), [0, 3]),
  },
  {
    // the penalty comes before the temperature, and this before p
    title: "with a penalty on what was seen",
    options: { ...PLAIN, temperature: 0.8, repetitionPenalty: 2, topP: 0.9 },
    weights: only(
      exp(
        0.8,
        LOGITS.map((x, i) => SEEN.includes(i) ? (x > 0 ? x / 2 : x * 2) : x),
      ),
      [3, 9, 0, 7, 4, 2],
    ),
  },
];

async function open(device: Device): Promise<Session> {
  const V = LOGITS.length;
  const graph = new Graph();
  const R = dim("R");
  const integers = (name: string) => graph.input(name, [R], "i32");
  graph.output(
    "chosen",
    sample(graph, {
      logits: graph.input("logits", [R, V]),
      options: graph.input("options", [R, 4]),
      keys: integers("keys"),
      places: integers("places"),
      index: integers("index"),
      seen: graph.input("seen", [1, wordsOfBits(V)], "i32"),
    }),
  );
  const memory = new Memory(device.info);
  const planned = planProgram(graph, {
    name: "sample",
    memory,
    capacities: { R: ROWS },
  });
  return await Session.open(device, memory, [planned]);
}

/** What is drawn with one key at many places, or at one place with many keys. */
async function draw(
  session: Session,
  options: SamplingOptions,
  vary: "keys" | "places",
): Promise<Int32Array> {
  const counted = Int32Array.from({ length: ROWS }, (_, i) => i);
  const one = new Int32Array(ROWS).fill(3);
  session.run("sample", { R: ROWS }, {
    logits: Float32Array.from(
      { length: ROWS * LOGITS.length },
      (_, i) => LOGITS[i % LOGITS.length],
    ),
    options: optionsOf(new Array(ROWS).fill(options)),
    keys: (vary === "keys" ? counted : one).map((i) => hash32(options.seed, i)),
    places: vary === "places" ? counted : one,
    index: new Int32Array(ROWS),
    seen: Int32Array.of(SEEN.reduce((bits, id) => bits | 1 << id, 0)),
  });
  const chosen = await session.output("sample", "chosen", { R: ROWS });
  return Int32Array.from(chosen);
}

function chiSquare(
  chosen: Int32Array,
  weights: readonly number[],
): { value: number; freedom: number } {
  const total = weights.reduce((a, b) => a + b, 0);
  const counts = new Array(weights.length).fill(0);
  for (const id of chosen) counts[id]++;
  let value = 0;
  weights.forEach((w, i) => {
    const expected = w / total * chosen.length;
    if (expected === 0) assert.equal(counts[i], 0, `${i} cannot be drawn`);
    else value += (counts[i] - expected) ** 2 / expected;
  });
  return { value, freedom: weights.filter((w) => w > 0).length - 1 };
}

for (const part of BACKENDS) {
  Deno.test(`${part.name} draws tokens`, async (t) => {
    await using device = await openBackend(part);
    await using session = await open(device);
    for (const { title, options, weights } of CASES) {
      await t.step(`${part.name} draws tokens ${title}`, async () => {
        for (const vary of ["keys", "places"] as const) {
          const chosen = await draw(session, options, vary);
          const { value, freedom } = chiSquare(chosen, weights);
          const limit = LIMITS[freedom];
          assert.ok(
            value <= limit,
            `chi-square over ${vary} is ${value}, at most ${limit}`,
          );
        }
      });
    }
    await t.step(
      `${part.name} draws the same again, and other tokens by another seed`,
      async () => {
        const first = await draw(session, PLAIN, "keys");
        assert.deepEqual(await draw(session, PLAIN, "keys"), first);
        const other = await draw(session, { ...PLAIN, seed: 12 }, "keys");
        assert.notDeepEqual(other, first);
      },
    );
    await t.step(
      `${part.name} takes the first of the largest at temperature 0, after the penalty`,
      async () => {
        const greedy = { ...PLAIN, temperature: 0 };
        assert.deepEqual([...new Set(await draw(session, greedy, "keys"))], [
          0,
        ]);
        const penalised = { ...greedy, repetitionPenalty: 1.1 };
        assert.deepEqual([...new Set(await draw(session, penalised, "keys"))], [
          3,
        ]);
      },
    );
  });
}
