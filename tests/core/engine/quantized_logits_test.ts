/**
 * Log-probabilities of models in int8, head and tied embedding included, beside PyTorch's of the same rounded numbers:
 * prompts that are read at once and tokens that are written one by one, one row and several.
 */
import assert from "node:assert/strict";
import { Engine } from "../../../core/engine/engine.ts";
import { planEngine } from "../../../core/engine/plan_engine.ts";
import { writeQuantized } from "../../../core/engine/quantized_weights.ts";
import { isQuantized } from "../../../core/graph/dtype.ts";
import type { Device } from "@denotune/denotune/core";
import { openCpu } from "../../backends/cpu/open.ts";
import { readBase } from "../../conformance/adapter/run.ts";
import { hasModules, python } from "../../python.ts";
import { scoredAnswer } from "../../scored_answer.ts";
import { testFolder } from "../../run_harness.ts";

/** Sums of some hundred float32 numbers through two layers: PyTorch's own orders differ by as much. */
const TOLERANCE = 1e-4;
const SCRIPT = new URL(
  "../../golden/witness_quantized_logits.py",
  import.meta.url,
).pathname;
const LONG = Deno.env.get("DENOTUNE_TEST_ALL") === "1";

interface Expected {
  readonly seed: string;
  readonly prompt: readonly number[];
  readonly ids: readonly number[];
  /** Of all tokens but the first. */
  readonly scores: readonly number[];
  /** By how much each written token was likelier than the second. */
  readonly margins: readonly number[];
}

/** What we make of the same prompt, in `rows` equal rows. */
async function answer(
  device: Device,
  folder: string,
  { prompt, ids, rows }: Expected & { readonly rows: number },
): Promise<{ ids: readonly number[]; scores: readonly number[] }[]> {
  const base = await readBase(folder);
  const planned = planEngine({
    spec: base.spec,
    adapter: null,
    frozenDtype: "f32",
    quantization: "int8",
    headQuantization: "int8",
    causal: true,
    train: null,
    evaluate: null,
    generate: { rows, capacity: 40, prefill: 16, logits: true },
    sources: 1,
  }, device.info);
  await using engine = await Engine.open(planned, device);
  const { session, generator } = engine;
  assert.ok(generator !== null);
  for (const [name, data] of base.weights) {
    if (isQuantized(session.dtypeOf(name))) {
      writeQuantized(session, name, (s, n) => data.subarray(s, s + n));
    } else session.write(name, data);
  }
  return await Promise.all(
    Array.from(
      { length: rows },
      (_, key) => scoredAnswer(generator, { prompt, tokens: ids.length, key }),
    ),
  );
}

Deno.test({
  name: LONG
    ? "models in int8 have the log-probabilities of the same numbers in PyTorch (200 models)"
    : "models in int8 have the log-probabilities of the same numbers in PyTorch (run in full with DENOTUNE_TEST_ALL=1)",
  ignore: !LONG || !hasModules("torch", "transformers"),
  async fn() {
    using folder = testFolder();
    const seeds = Array.from(
      { length: Number(Deno.env.get("DENOTUNE_TEST_SEEDS") ?? 200) },
      (_, i) => String((i * 7919) % 100_003),
    );
    const lines = (await python([SCRIPT, folder.at("."), ...seeds])).trim()
      .split("\n");
    assert.equal(lines.length, seeds.length);
    const devices: Device[] = [];
    for (const [workers, blas] of [[1, "off"], [2, "auto"]] as const) {
      devices.push(await openCpu({ workers, blas }));
    }
    let compared = 0;
    for (const [i, line] of lines.entries()) {
      const expected: Expected = JSON.parse(line);
      const rows = [1, 2, 4, 7][i % 4];
      const device = devices[Math.floor(i / 4) % 2];
      const path = folder.at(expected.seed);
      for (const found of await answer(device, path, { ...expected, rows })) {
        // two tokens that are equally likely: either is right, and what follows is another text
        const close = expected.margins.findIndex((m) => m < 10 * TOLERANCE);
        const count = close < 0 ? expected.ids.length : close;
        const where = `seed ${expected.seed}, ${rows} rows`;
        assert.deepEqual(
          found.ids.slice(0, count),
          expected.ids.slice(0, count),
          where,
        );
        for (let t = 0; t < expected.prompt.length - 1 + count; t++) {
          compared++;
          const error = Math.abs(found.scores[t] - expected.scores[t]);
          assert.ok(error < TOLERANCE, `${where}, token ${t}: ${error} off`);
        }
      }
    }
    for (const device of devices) await device[Symbol.asyncDispose]();
    assert.ok(compared > 10 * seeds.length, `${compared} compared`);
  },
});
