/**
 * Answers of engines whose matrices are in panels, beside transformers' and PEFT's: random models of every family, most
 * with a LoRA, prompts that are read at once and tokens that are written one by one, up to 64 rows at a time, in shuffled
 * order. One and four workers have the same bits, and an engine without panels has the same answers.
 */
import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { inventoryOf } from "../../../../core/engine/model/build_model.ts";
import { openModelFolder } from "../../../../core/io/model_folder.ts";
import { loadWeights } from "../../../../core/io/weights/load_weights.ts";
import { type Device, type Random, randomFrom } from "../../../../core/mod.ts";
import { loraAdapter } from "../../../../plugins/adapters/_attach.ts";
import { loraOptions } from "../../../../plugins/adapters/_options.ts";
import { openCpu } from "../../../backends/cpu/open.ts";
import {
  attachTo,
  openAdapted,
  readTensors,
} from "../../../conformance/adapter/run.ts";
import { FAMILIES } from "../../../golden/_families.ts";
import { hasModules, python } from "../../../python.ts";
import { scoredAnswer } from "../../../scored_answer.ts";
import { testFolder } from "../../../run_harness.ts";
import { asking, inPanels, PANELS, readsPanelsHere } from "./_panels.ts";

/** Share of 1 + a score: sums of some hundred float32 numbers, in other orders. */
const TOLERANCE = 2e-5;
/** A model amplifies roundings by its own measure: so many times what products in float64 change at the witness. */
const ROUNDINGS = 10;
const SCRIPT =
  new URL("../../../golden/witness_panel_logits.py", import.meta.url).pathname;
const LONG = Deno.env.get("DENOTUNE_TEST_ALL") === "1";

interface Row {
  readonly prompt: readonly number[];
  readonly ids: readonly number[];
  /** Of all tokens but the first. */
  readonly scores: readonly number[];
  /** By how much each written token was likelier than the second. */
  readonly margins: readonly number[];
  /** How far scores with products in float64 are from these at most. */
  readonly rounding: number;
}

interface Expected {
  readonly seed: string;
  readonly type: string;
  readonly lora: Readonly<Record<string, unknown>> | null;
  readonly rows: readonly Row[];
}

interface Found {
  readonly ids: readonly number[];
  readonly scores: readonly number[];
}

async function baseOf(path: string, type: string) {
  using folder = openModelFolder(path);
  const spec = FAMILIES[type].describe(folder.config);
  const weights = new Map<string, Float32Array>();
  await loadWeights(folder, { spec, weights: inventoryOf(spec, 8).weights }, {
    dtypeOf: () => "f32",
    sink: ({ name, data }) => void weights.set(name, Float32Array.from(data)),
  });
  return { spec, weights };
}

/** What we make of the same prompts, so many at a time; and the names of what is in panels. */
async function answer(
  device: Device,
  path: string,
  { type, lora, rows }: Expected,
  size: { readonly rows: number; readonly prefill: number },
): Promise<{ found: Found[]; panels: string[] }> {
  const base = await baseOf(path, type);
  const adapter = lora === null
    ? null
    : attachTo(base, loraAdapter(loraOptions.parse(lora)));
  const file = `${path}/adapter/adapter_model.safetensors`;
  await using engine = await openAdapted(device, base, {
    adapter,
    ...(existsSync(file) ? { tensors: readTensors(file) } : {}),
    generate: { ...size, capacity: 32, logits: true },
    B: 1,
    T: 8,
  });
  const { generator } = engine;
  assert.ok(generator !== null);
  const found = await Promise.all(
    rows.map(({ prompt, ids }, key) =>
      scoredAnswer(generator, { prompt, tokens: ids.length, key })
    ),
  );
  return { found, panels: inPanels(engine) };
}

/** Compares answers up to tokens that are as likely as another; how many scores were compared. */
function compare(
  found: readonly Found[],
  rows: readonly Row[],
  where: string,
): number {
  let compared = 0;
  for (const [r, row] of rows.entries()) {
    const { prompt, ids, scores, margins, rounding } = row;
    const allowed = (score: number) =>
      TOLERANCE * (1 + Math.abs(score)) + ROUNDINGS * rounding;
    const close = margins.findIndex((m) => m < 4 * allowed(m));
    const count = close < 0 ? ids.length : close;
    assert.deepEqual(found[r].ids.slice(0, count), ids.slice(0, count), where);
    for (let t = 0; t < prompt.length - 1 + count; t++) {
      compared++;
      const error = Math.abs(found[r].scores[t] - scores[t]);
      assert.ok(
        error < allowed(scores[t]),
        `${where}, row ${r}, token ${t}: ${found[r].scores[t]}, not ${
          scores[t]
        }`,
      );
    }
  }
  return compared;
}

const pick = <T>(random: Random, values: readonly T[]): T =>
  values[random.below(values.length)];

Deno.test({
  name: LONG
    ? "models with matrices in panels answer as transformers and PEFT do (200 models)"
    : "models with matrices in panels answer as transformers and PEFT do (run in full with DENOTUNE_TEST_ALL=1)",
  ignore: !LONG || !hasModules("torch", "transformers", "peft") ||
    !await readsPanelsHere(),
  async fn() {
    using folder = testFolder();
    const seeds = Array.from(
      { length: Number(Deno.env.get("DENOTUNE_TEST_SEEDS") ?? 200) },
      (_, i) => String((i * 7919 + 11) % 100_003),
    );
    const lines = (await python([SCRIPT, folder.at("."), ...seeds])).trim()
      .split("\n");
    assert.equal(lines.length, seeds.length);
    await using one = await openCpu({ workers: 1 });
    await using four = await openCpu({ workers: 4 });
    const random = randomFrom(48, 64);
    let compared = 0;
    const wrong: unknown[] = [];
    for (const line of lines) {
      const expected: Expected = JSON.parse(line);
      const size = {
        rows: pick(random, [1, 2, 3, 5, 8, 15, 16, 17, 33, 64]),
        prefill: pick(random, [1, 3, 8, 16, 24]),
      };
      const path = folder.at(expected.seed);
      const run = async (device: Device, panels: boolean) =>
        await answer(
          asking(device, panels ? PANELS : undefined),
          path,
          expected,
          size,
        );
      const where =
        `seed ${expected.seed}, ${expected.type}, ${size.rows} of ${expected.rows.length} rows, ${size.prefill} at once, ${
          JSON.stringify(expected.lora)
        }`;
      try {
        const shared = await run(four, true);
        assert.ok(shared.panels.length > 1, where);
        compared += compare(shared.found, expected.rows, where);
        assert.deepEqual((await run(one, true)).found, shared.found, where);
        const without = await run(pick(random, [one, four]), false);
        assert.deepEqual(without.panels, []);
        compare(without.found, expected.rows, `${where}, without panels`);
      } catch (error) {
        wrong.push(error);
      }
    }
    assert.deepEqual(wrong, []);
    assert.ok(compared > 100 * seeds.length, `${compared} compared`);
  },
});
