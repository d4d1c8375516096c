/** `training.precision: bfloat16`: whole runs, what they share with float32, and what is refused. */
import assert from "node:assert/strict";
import type { RunInput } from "../../../core/config/types.ts";
import { ConfigError } from "../../../core/contracts/errors.ts";
import { findBfloat16 } from "../../../backends/cpu/blas/bfloat16.ts";
import { runConfig, testFolder, tinyRun } from "../../run_harness.ts";

const ignore = findBfloat16(null).found === null;

function run(
  path: string,
  { workers = 2, training, ...more }: Partial<RunInput> & {
    readonly workers?: number;
  } = {},
): RunInput {
  return tinyRun(path, {
    ...more,
    backend: { use: "cpu", workers },
    training: { max_steps: 8, ...training },
  });
}

const bfloat16 = { precision: "bfloat16", max_steps: 8 } as const;
const lora = { use: "lora", r: 4, lora_dropout: 0.1 } as const;

Deno.test({
  name: "a run in bfloat16 is another one than in float32, and loses as much",
  ignore,
  fn: async () => {
    using folder = testFolder();
    const wide = await runConfig(run(folder.at("float32")));
    const narrow = await runConfig(
      run(folder.at("bfloat16"), { training: bfloat16 }),
    );
    assert.equal(narrow.losses.length, 8);
    assert.notDeepEqual(narrow.losses, wide.losses);
    narrow.losses.forEach((loss, i) =>
      assert.ok(
        Math.abs(loss / wide.losses[i] - 1) < 0.01,
        `step ${i + 1}: ${loss} and ${wide.losses[i]}`,
      )
    );
  },
});

Deno.test({
  name:
    "runs in bfloat16 with 1 and 3 workers, and one stopped between, end with the same bits",
  ignore,
  fn: async () => {
    using folder = testFolder();
    const training = { ...bfloat16, gradient_checkpointing: true };
    const model = { from_config: run("").model.from_config };
    for (
      const [kind, more] of [
        ["full", {}],
        ["lora", { adapter: lora, model: { ...model, dtype: "bfloat16" } }],
      ] as const
    ) {
      const config = (name: string, workers: number) =>
        run(folder.at(kind, name), { ...more, workers, training });
      const file = kind === "full"
        ? "model.safetensors"
        : "adapter_model.safetensors";
      const bits = (name: string) =>
        Deno.readFileSync(folder.at(kind, name, file));
      const whole = await runConfig(config("whole", 1));
      await runConfig(config("three", 3));
      assert.deepEqual(bits("three"), bits("whole"));
      const controller = new AbortController();
      const first = await runConfig(config("stopped", 2), {
        signal: controller.signal,
        onEvent: (e) => {
          if (e.event === "step" && e.step === 3) controller.abort();
        },
      });
      const second = await runConfig(config("stopped", 2));
      assert.deepEqual([...first.losses, ...second.losses], whole.losses);
      assert.deepEqual(bits("stopped"), bits("whole"));
    }
  },
});

Deno.test("a backend without products in a precision refuses it before any work, and says who has them", async () => {
  using folder = testFolder();
  const refused = (more: Partial<RunInput>, message: RegExp) =>
    assert.rejects(
      runConfig({ ...tinyRun(folder.at("refused")), ...more }),
      (error) => {
        assert.ok(error instanceof ConfigError, String(error));
        assert.match(error.message, message);
        return true;
      },
    );
  await refused(
    {
      backend: { use: "cpu", bfloat16_path: "no-such-library.so" },
      training: { precision: "bfloat16" },
    },
    /^`training\.precision` is bfloat16, .*no-such-library\.so; install oneDNN.*set it to float32/,
  );
  await refused(
    { backend: "cpu", training: { precision: "float16" } },
    /`training\.precision` is float16, .*cpu: it multiplies in float32 or bfloat16 only/,
  );
});
