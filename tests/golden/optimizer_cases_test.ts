/**
 * Optimizers beside their authors' code (`make_optimizer_cases.py`): 530 random cases of 20 steps, in shuffled order:
 * shapes, learning rates of each step, coefficients, decay, clipping, gradients of several micro-batches, states in 8
 * bits. CI runs a sample; where every case is asked for, other seeds are drawn too, if Python has the witnesses.
 *
 * Differences are shares of 1 + the largest number of the case. Witnesses compute in float64, where they can: 1e-6 is
 * what float32 rounds in 20 steps; schedule-free divides by 1 - beta, which amplifies it. On processors
 * bitsandbytes looks codes of 8 bits up at a resolution of 1/65536, so a state near the middle of two may get the other,
 * which moves its element alone by a share of a step: so may four of the 6 to 10 in a case, by a hundredth of its
 * learning rates in sum.
 */
import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { ReferenceExecutor } from "../../backends/reference/mod.ts";
import type { Device, Optimizer } from "@denotune/denotune/core";
import { localDevice } from "../../core/device/local_device.ts";
import { optimizers } from "../../plugins/optimizers/mod.ts";
import { openCpu } from "../backends/cpu/open.ts";
import { builtinHost } from "../conformance/builtin_host.ts";
import { makePart } from "../conformance/host.ts";
import { trainSteps } from "../conformance/optimizer/steps.ts";
import { hasModules, python } from "../python.ts";
import { testFolder } from "../run_harness.ts";
import { sample } from "../sample.ts";
import { hashed } from "./_hashed.ts";
import cases from "./optimizer_cases.json" with { type: "json" };

type Case = (typeof cases)[number];

const ALL = Deno.env.get("DENOTUNE_TEST_ALL") === "1";
const STEPS = 20;
const TOLERANCE = 1e-6;
const OTHERS: Readonly<Record<string, number>> = {
  "schedule-free": 5e-6,
};
/** Elements of a case in 8 bits whose states may have got the other code. */
const OTHERS_A_CASE = 4;
/** Share of the sum of all learning rates by which one element of a case in 8 bits may differ. */
const OTHER_CODE = 0.01;

const count = (shape: readonly number[]) => shape.reduce((a, b) => a * b, 1);

/** Sums of micro-batches as the witness made them: of float32 in float32, of float64 rounded once. */
function gradientOf(c: Case, step: number, k: number): Float32Array {
  const isSingle = c.name === "lion" || "state_bits" in c.options;
  const round = isSingle ? Math.fround : (x: number) => x;
  const total = new Float64Array(count(c.shapes[k]));
  for (let m = 0; m < c.micro; m++) {
    hashed(c.key + 10 * (step + 1) + k + 300 * m, total.length).forEach(
      (x, i) => total[i] = round(total[i] + round(x * c.scale)),
    );
  }
  return Float32Array.from(total);
}

const host = await builtinHost();

function make({ name, options }: Case): Promise<Optimizer> {
  const parts = optimizers.filter((part) => part.name === name);
  return makePart({ parts }, "optimizer", options, host);
}

/** How far an element is from the witness's. */
interface Difference {
  readonly of: string;
  readonly value: number;
}

/** Differences of the kept elements from the witness, as shares of 1 + the largest of them. */
async function differences(c: Case, device: Device): Promise<Difference[]> {
  const tensors = c.shapes.map((shape, k) => ({
    name: `tensor${k}`,
    shape,
    values: hashed(c.key + k, count(shape)),
  }));
  const steps = Array.from({ length: STEPS }, (_, step) => ({
    learningRate: c.rates[step % c.rates.length],
    gradients: Object.fromEntries(
      tensors.map(({ name }, k) => [name, gradientOf(c, step, k)]),
    ),
  }));
  const found = await trainSteps(await make(c), {
    tensors,
    steps,
    device,
    maxGradNorm: c.clip,
  });
  return Object.entries(c.steps).flatMap(([step, wanted]) => {
    const largest = Math.max(...wanted.flat().map(Math.abs));
    return wanted.flatMap((numbers, k) => {
      const own = found[Number(step) - 1].get(`tensor${k}`);
      return numbers.map((value, i) => ({
        of: `tensor${k}[${c.places[k][i]}]`,
        value: Math.abs(value - (own?.[c.places[k][i]] ?? Infinity)) /
          (1 + largest),
      }));
    });
  });
}

const DEVICES: Readonly<Record<string, () => Promise<Device>>> = {
  reference: () => Promise.resolve(localDevice(new ReferenceExecutor())),
  "cpu with one worker": () => openCpu({ blas: "off", workers: 1 }),
  "cpu with two workers": () => openCpu({ blas: "off", workers: 2 }),
};

async function checkAll(
  chosen: readonly Case[],
  device: Device,
): Promise<void> {
  for (const c of chosen) {
    const bits = "state_bits" in c.options ? 8 : 32;
    const tolerance = OTHERS[c.name] ?? TOLERANCE;
    const found = (await differences(c, device)).sort((a, b) =>
      b.value - a.value
    );
    const others = new Set(
      found.filter(({ value }) => value >= tolerance).map(({ of }) => of),
    );
    const most = found[0].value;
    const rates = c.rates.reduce((a, b) => a + b, 0) * STEPS / c.rates.length;
    assert.ok(
      others.size === 0 ||
        bits === 8 && others.size <= OTHERS_A_CASE && most < OTHER_CODE * rates,
      `${c.name} in ${bits} bits, key ${c.key}, ${
        JSON.stringify(c.options)
      }: ${most}, at ${[...others].join()}`,
    );
  }
}

const chosen = sample(cases, { count: 12, seed: 4 });

for (const [name, open] of Object.entries(DEVICES)) {
  Deno.test({
    name:
      `${chosen.length} random cases of optimizers take 20 steps on ${name} as their authors' code does`,
    ignore: !ALL && name !== "cpu with two workers",
    async fn() {
      await using device = await open();
      await checkAll(chosen, device);
    },
  });
}

const hasWitnesses = ALL &&
  hasModules("torch", "transformers", "bitsandbytes", "schedulefree");

for (const seed of [101, 102, 103]) {
  Deno.test({
    name: `random cases of optimizers of seed ${seed}, made now`,
    ignore: !hasWitnesses,
    async fn() {
      using folder = testFolder();
      const file = folder.at("cases.json");
      const script = new URL("make_optimizer_cases.py", import.meta.url);
      await python([fileURLToPath(script), String(seed), file]);
      const made: Case[] = JSON.parse(Deno.readTextFileSync(file));
      assert.equal(made.length, cases.length);
      await using device = await DEVICES["cpu with two workers"]();
      await checkAll(made, device);
    },
  });
}
