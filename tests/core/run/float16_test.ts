/** `training.precision: float16`: whole runs, their loss scale, and what they share with float32. */
import assert from "node:assert/strict";
import type { RunInput } from "../../../core/config/types.ts";
import { missing } from "../../backends/webgpu/_device.ts";
import {
  type RanRun,
  runConfig,
  testFolder,
  TINY_LLAMA,
  tinyRows,
  tinyRun,
  weightBytes,
} from "../../run_harness.ts";
import { testData } from "../../test_data.ts";
import quickstart from "../../../examples/quickstart/run.ts";

const WEBGPU = { use: "webgpu", allow_software: true, tune: "off" } as const;
const ALL = Deno.env.get("DENOTUNE_TEST_ALL") === "1";

function run(path: string, more: Partial<RunInput> = {}): RunInput {
  return tinyRun(path, {
    backend: "reference",
    ...more,
    data: {
      train: [{ rows: tinyRows(12), format: "alpaca" }],
      max_length: 32,
      ...more.data,
    },
    training: {
      precision: "float16",
      max_steps: 6,
      batch_size: 2,
      logging_steps: 1,
      ...more.training,
    },
  });
}

/** Interrupts a run after some steps, which saves a checkpoint. */
async function stoppedAt(
  step: number,
  path: string,
  more: Partial<RunInput> = {},
): Promise<RanRun> {
  const controller = new AbortController();
  return await runConfig(run(path, more), {
    signal: controller.signal,
    onEvent: (e) => {
      if (e.event === "step" && e.step === step) controller.abort();
    },
  });
}

Deno.test({
  name:
    "a run in float16 logs its loss scale, and one stopped between ends with the same bits",
  ignore: missing !== null || !ALL,
  async fn() {
    using folder = testFolder();
    const more = { backend: WEBGPU };
    const whole = await runConfig(run(folder.at("whole"), more));
    assert.deepEqual(
      whole.of("step").map((e) => e.loss_scale),
      Array.from({ length: 6 }, () => 65536),
    );
    // the checkpoint has the scale and the weights, and bits are those of one device
    const { losses } = await stoppedAt(3, folder.at("stopped"), more);
    const rest = await runConfig(run(folder.at("stopped"), more));
    assert.deepEqual([...losses, ...rest.losses], whole.losses);
    assert.deepEqual(
      weightBytes(folder.at("stopped")),
      weightBytes(folder.at("whole")),
    );
  },
});

Deno.test({
  name:
    "a scale that is too large is halved with each update that is left out, and the schedule waits",
  async fn() {
    using folder = testFolder();
    const ran = await runConfig(run(folder.at("large"), {
      // weights far from 0 make gradients that are too large for f16 at the scale of the first step
      model: { from_config: { ...TINY_LLAMA, initializer_range: 1 } },
      schedule: { use: "linear", warmup_steps: 3 },
      training: { max_steps: 12 },
    }));
    const steps = ran.of("step");
    const skipped = steps.map((e) => e.skipped_updates);
    const left = skipped.at(-1) ?? 0;
    assert.ok(left > 1 && left < 10, `${skipped}`);
    assert.deepEqual(
      steps.map((e) => e.loss_scale),
      skipped.map((count) => 2 ** (16 - count)),
    );
    // rates are those of the updates that were made, from the first one
    const rates = steps.map((e) => e.learning_rate);
    const made = rates.filter((_, i) => skipped[i] === (skipped[i - 1] ?? 0));
    assert.deepEqual(made.slice(0, 3), [0, 1e-3, 2e-3]);
    const [notice] = ran.of("notice").filter(({ message }) =>
      message.includes("float16")
    );
    assert.match(
      notice.message,
      /^The gradient of step 1 is not finite in float16: its update was left out and the loss scale lowered to 32768, as is usual/,
    );
  },
});

Deno.test({
  name:
    "a backend without products in float16 refuses it, and says who has them",
  async fn() {
    using folder = testFolder();
    await assert.rejects(
      runConfig(run(folder.at("refused"), { backend: "cpu" })),
      /`training\.precision` is float16, which no backend of the run can do \(cpu: it multiplies in float32 or bfloat16 only\)/,
    );
  },
});

const stories = testData("models/stories260k");
const alpaca = testData("instruct/alpaca_999.json");
const STEPS = 40;
const WINDOW = 20;

/** Runs whose losses are compared; null: their data are not here. */
const MODELS: Readonly<Record<string, (() => Promise<RunInput>) | null>> = {
  "stories260k, all weights": stories === null || alpaca === null
    ? null
    : () =>
      Promise.resolve(run("", {
        model: { path: stories },
        tokenizer: "huggingface",
        data: { train: [{ path: alpaca }], template: "auto", max_length: 128 },
        optimizer: { use: "adamw", learning_rate: 2e-3 },
      })),
  "the quickstart": () => Promise.resolve(quickstart),
};

for (const [name, make] of Object.entries(MODELS)) {
  Deno.test({
    name:
      `${name}: ${STEPS} steps in float16 on webgpu lose what float32 loses, to 1%`,
    ignore: missing !== null || make === null || !ALL,
    async fn() {
      using folder = testFolder();
      const config = await make!();
      const losses = async (precision: "float32" | "float16") => {
        const ran = await runConfig({
          ...config,
          output_dir: folder.at(precision),
          backend: WEBGPU,
          samples: { prompts: [] },
          training: {
            ...config.training,
            epochs: 50,
            max_steps: STEPS,
            eval_steps: null,
            eval_on_start: false,
            save_steps: null,
            logging_steps: 1,
            precision,
          },
        });
        return ran.losses;
      };
      const [wide, narrow] = [await losses("float32"), await losses("float16")];
      assert.equal(narrow.length, STEPS);
      assert.notDeepEqual(narrow, wide);
      for (let from = 0; from < STEPS; from += WINDOW) {
        // of steps that are near by: the loss of one small batch follows every accident of the steps before it
        const [a, b] = [narrow, wide].map((losses) =>
          losses.slice(from, from + WINDOW).reduce((sum, x) => sum + x, 0)
        );
        assert.ok(Math.abs(a / b - 1) < 0.01, `from step ${from}: ${a / b}`);
      }
    },
  });
}
