/**
 * Real data on a real model: every instruction file is inspected and checked, stories260k learns from
 * alpaca_999, and packed batches have the loss and the gradients of the same examples as padded rows.
 *
 * Tolerances: losses 1e-6, gradients 1e-5 of the tensor's norm. Sums run in another order, in float32, over
 * some thousand tokens; measured 1e-7 and 2e-6. Attention across a border of two examples, or positions that
 * do not start again, would change the loss by percents.
 */
import { loadWeights } from "../../../core/io/weights/load_weights.ts";
import { openModelFolder } from "../../../core/io/model_folder.ts";
import assert from "node:assert/strict";
import { inspect } from "@denotune/denotune";
import type { Batch } from "../../../core/contracts/collator.ts";
import { loadRun } from "../../../core/config/load.ts";
import type { RunInput } from "../../../core/config/types.ts";
import { prepareRun } from "../../../core/library/prepare.ts";
import { planRun } from "../../../core/run/open/open_run.ts";
import { createPart } from "../../../core/mod.ts";
import { Engine } from "../../../core/engine/engine.ts";
import { planEngine } from "../../../core/engine/plan_engine.ts";
import { allBatches } from "../../../core/run/open/plan_request.ts";
import { openCpu } from "../../backends/cpu/open.ts";
import { layOutLines, type Row } from "../../golden/_lines.ts";
import {
  builtinRegistry,
  runConfig,
  testFolder,
  tinyRun,
} from "../../run_harness.ts";
import { testData } from "../../test_data.ts";
import { trainRequest } from "../../train_request.ts";

const stories = testData("models/stories260k");
const FILES = {
  "alpaca_999.json": { format: "alpaca", rows: 999 },
  "sharegpt_500.json": { format: "sharegpt", rows: 500 },
  "messages_5.jsonl": { format: "messages", rows: 5 },
  "messages_parts_500.jsonl": { format: "messages", rows: 500 },
} as const;

function fileRun(
  outputDir: string,
  file: string,
  more: Partial<RunInput["data"]> = {},
): RunInput {
  return tinyRun(outputDir, {
    model: { path: stories },
    tokenizer: "huggingface",
    data: {
      train: [{ path: testData(`instruct/${file}`) }], // format: auto
      template: "auto",
      max_length: 512,
      ...more,
    },
    training: { max_steps: 5 },
  });
}

for (const [file, { format, rows }] of Object.entries(FILES)) {
  Deno.test({
    name: `${file} goes through inspect and check`,
    ignore: stories === null || testData(`instruct/${file}`) === null,
    async fn() {
      using folder = testFolder();
      const run = fileRun(folder.at("out"), file);
      const shown = await inspect(run, { examples: 3 });
      assert.equal(shown.length, 3);
      for (const { tokens } of shown) {
        assert.ok(tokens.some((t) => t.weight > 0), "something is trained");
        assert.ok(tokens.some((t) => t.weight === 0), "a prompt is not");
      }
      const loaded = await loadRun({
        object: run,
        registry: builtinRegistry(),
      });
      const notices: string[] = [];
      const onNotice = (message: string) => void notices.push(message);
      using prepared = await prepareRun(loaded, { onNotice });
      const plan = await planRun(prepared, { onNotice });
      assert.ok(
        notices.some((n) => n.includes(`format ${format}`)),
        notices.join("\n"),
      );
      const { report } = prepared.data.train;
      assert.equal(report.rows, rows);
      assert.ok(report.trainedTokens > 0);
      assert.ok(plan.request.train !== null && plan.totalSteps === 5);
    },
  });
}

Deno.test({
  name:
    "stories260k learns from alpaca_999: the loss falls, of held-out rows too",
  ignore: stories === null || testData("instruct/alpaca_999.json") === null,
  async fn() {
    using folder = testFolder();
    const { losses, of, result } = await runConfig({
      ...fileRun(folder.at("out"), "alpaca_999.json", {
        max_length: 256,
        eval_fraction: 0.04,
      }),
      optimizer: { use: "adamw", learning_rate: 2e-3 },
      schedule: { use: "cosine", warmup_steps: 5 },
      training: {
        max_steps: 60,
        batch_size: 8,
        logging_steps: 1,
        eval_on_start: true,
        eval_steps: null,
      },
    });
    const mean = (part: readonly number[]) =>
      part.reduce((a, b) => a + b, 0) / part.length;
    const [first, last] = [mean(losses.slice(0, 10)), mean(losses.slice(-10))];
    assert.ok(last < first - 0.5, `from ${first} to ${last}`);
    const [before, after] = of("eval").map((e) => e.eval_loss ?? NaN);
    assert.ok(after < before - 0.5, `held out: from ${before} to ${after}`);
    assert.equal(result.metrics.eval_loss, after);
  },
});

/** The examples of a batch, one a row. */
function unpack(batch: Batch): Row[] {
  const { B, T } = batch;
  const rows: Row[] = [];
  for (let b = 0; b < B; b++) {
    for (let t = 0; t < T;) {
      const segment = batch.segments[b * T + t];
      let end = t + 1;
      while (end < T && batch.segments[b * T + end] === segment) end++;
      if (segment !== 0) {
        const at = (i: number) => b * T + t + i;
        const places = Array.from({ length: end - t }, (_, i) => at(i));
        rows.push({
          ids: places.map((i) => batch.tokens[i]),
          labels: places.map((i) =>
            batch.weights[i] > 0 ? batch.tokens[i] : -100
          ),
        });
      }
      t = end;
    }
  }
  return rows;
}

Deno.test({
  name:
    "packed batches of alpaca_999 have the loss and gradients of padded rows",
  ignore: stories === null || testData("instruct/alpaca_999.json") === null,
  async fn() {
    using folder = testFolder();
    const run = await loadRun({
      object: {
        ...fileRun(folder.at("out"), "alpaca_999.json", {
          max_length: 640,
          collator: "packed",
        }),
        training: { batch_size: 2 },
      },
      registry: builtinRegistry(),
    });
    using prepared = await prepareRun(run);
    using files = openModelFolder(stories!);
    const { spec } = prepared.model;
    const batches = [...allBatches(prepared.data.train)]
      .filter((batch) => unpack(batch).length >= batch.B + 3).slice(0, 12);
    assert.equal(batches.length, 12, "batches of many examples");
    const padded = batches.map((batch) => unpack(batch));
    await using device = await openCpu({ blas: "off", workers: 2 });
    const planned = planEngine(
      trainRequest(spec, {
        adamw: { learning_rate: 0 },
        train: {
          B: Math.max(...padded.map((rows) => rows.length)),
          T: 640,
          maxGradNorm: null,
        },
      }),
      device.info,
    );
    await using engine = await Engine.open(planned, device);
    await loadWeights(files, { spec, weights: planned.inventory.weights }, {
      dtypeOf: () => "f32",
      sink: ({ name, start, data }) => engine.session.write(name, data, start),
    });
    const objective = await createPart(
      "objective",
      "causal-lm",
      prepared.creating,
    );
    const measure = async (micro: Parameters<Engine["micro"]>[0]) => {
      engine.micro(micro, micro.divisor);
      const gradients = new Map<string, Float32Array>();
      for (const { name } of planned.inventory.weights) {
        gradients.set(name, await engine.gradient(name));
      }
      engine.update({ learningRate: 0, step: 1 }); // zeroes them
      const [{ lossSum }] = await engine.results(1);
      return { lossSum, gradients, divisor: micro.divisor };
    };
    for (const [i, batch] of batches.entries()) {
      const packs = await measure(
        objective.inputs(batch, {
          seed: 1,
          step: 0,
          firstRow: 0,
          training: true,
        }),
      );
      const rows = await measure(layOutLines(padded[i].map((row) => [row])));
      assert.equal(packs.divisor, rows.divisor);
      assert.ok(Math.abs(packs.lossSum / rows.lossSum - 1) < 1e-6);
      for (const [name, wanted] of rows.gradients) {
        const found = packs.gradients.get(name)!;
        let off = 0;
        let norm = 0;
        wanted.forEach((w, k) => {
          off += (found[k] - w) ** 2;
          norm += w * w;
        });
        assert.ok(off <= 1e-10 * norm, `${name}: ${Math.sqrt(off / norm)}`);
      }
    }
  },
});
