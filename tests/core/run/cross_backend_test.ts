/**
 * The same run file on `webgpu` and on `cpu`: the same losses within float rounding, and a run that was begun on
 * one goes on on the other. Skipped where there is no adapter.
 */
import assert from "node:assert/strict";
import { missing } from "../../backends/webgpu/_device.ts";
import type { RunInput } from "../../../core/config/types.ts";
import {
  runConfig,
  testFolder,
  TINY_LLAMA,
  tinyRows,
  tinyRun,
} from "../../run_harness.ts";
import { sample } from "../../sample.ts";

const webgpu = { use: "webgpu", allow_software: true } as const;
const cpu = { use: "cpu" } as const;

function config(outputDir: string, backend: typeof webgpu | typeof cpu) {
  return tinyRun(outputDir, {
    backend,
    // small enough that rounding does not grow beyond the tolerance within the run
    optimizer: { use: "adamw", learning_rate: 1e-3 },
    data: {
      train: [{ rows: tinyRows(64), format: "alpaca" }],
      template: { use: "plain", separator: "\n" },
    },
    training: { epochs: 50, max_steps: 50, logging_steps: 1, eval_steps: null },
  });
}

/**
 * Largest relative difference of two lists of losses. 1e-3: float32 sums in another order differ by 1e-6 a step,
 * and AdamW's first steps have the size of the learning rate whatever the gradient's, so that signs of
 * gradients near zero let runs drift apart (between torch and cpu 1e-4 was seen within 20 steps).
 */
function assertClose(a: readonly number[], b: readonly number[]): void {
  assert.equal(a.length, b.length);
  a.forEach((loss, i) => {
    const difference = Math.abs(loss - b[i]) / b[i];
    assert.ok(difference < 1e-3, `step ${i + 1}: ${loss} and ${b[i]}`);
  });
}

Deno.test({
  name: "50 steps on webgpu have the losses of cpu",
  ignore: missing !== null,
  async fn() {
    using folder = testFolder();
    const onCpu = await runConfig(config(folder.at("cpu"), cpu));
    const onGpu = await runConfig(config(folder.at("webgpu"), webgpu));
    assert.equal(onGpu.losses.length, 50);
    assert.ok(onCpu.losses[49] < 0.9 * onCpu.losses[0]);
    assertClose(onGpu.losses, onCpu.losses);
  },
});

Deno.test({
  name: "a run begun on webgpu goes on on cpu, and says that bits will differ",
  ignore: missing !== null,
  async fn() {
    using folder = testFolder();
    const whole = await runConfig(config(folder.at("whole"), cpu));
    const controller = new AbortController();
    const first = await runConfig(config(folder.at("moved"), webgpu), {
      signal: controller.signal,
      onEvent: (event) => {
        if (event.event === "step" && event.step === 20) controller.abort();
      },
    });
    assert.equal(first.result.status, "interrupted");
    const second = await runConfig(config(folder.at("moved"), cpu));
    const resumedAt = second.of("start")[0].resumed_at;
    assert.ok(resumedAt !== null && resumedAt >= 20);
    assert.ok(
      second.of("notice").some((n) => n.message.includes("bits will differ")),
    );
    assertClose(second.losses, whole.losses.slice(resumedAt));
  },
});

/** How frozen weights may be stored, and the limits that the GPU is opened with. */
const STORAGES = [
  { name: "float32", model: {}, limits: "adapter" },
  { name: "bfloat16", model: { dtype: "bfloat16" }, limits: "default" },
  { name: "float16", model: { dtype: "float16" }, limits: "adapter" },
  { name: "int8", model: { quantization: "int8" }, limits: "adapter" },
  { name: "nf4", model: { quantization: "nf4" }, limits: "default" },
] as const;

for (const { name, model, limits } of sample(STORAGES, { count: 2, seed: 5 })) {
  Deno.test({
    name:
      `a LoRA beside ${name} has the losses of cpu on webgpu (limits: ${limits})`,
    ignore: missing !== null,
    async fn() {
      using folder = testFolder();
      const run = (at: string, backend: RunInput["backend"]) =>
        runConfig(tinyRun(folder.at(at), {
          backend,
          model: { from_config: TINY_LLAMA, ...model },
          adapter: {
            use: "lora",
            r: 4,
            lora_alpha: 8,
            target_modules: ["q_proj", "down_proj"],
          },
          optimizer: { use: "adamw", learning_rate: 1e-3 },
          data: {
            train: [{ rows: tinyRows(32), format: "alpaca" }],
            template: { use: "plain", separator: "\n" },
            max_length: 48,
          },
          training: { max_steps: 6, logging_steps: 1, eval_steps: null },
        }));
      const onCpu = await run("cpu", cpu);
      const onGpu = await run("webgpu", { ...webgpu, limits });
      assert.equal(onGpu.losses.length, 6);
      assertClose(onGpu.losses, onCpu.losses);
      const [a, b] = [onGpu, onCpu].map((r) => r.of("start")[0].memory.weights);
      // tensors start at other multiples
      assert.ok(Math.abs(a / b - 1) < 0.05, `${a} and ${b} bytes`);
    },
  });
}
