/** Runs with the model's own dropout: what it changes, and what it must not. */
import assert from "node:assert/strict";
import type { RunInput } from "../../../../core/config/types.ts";
import {
  runConfig,
  testFolder,
  TINY_LLAMA,
  tinyRows,
  tinyRun,
  weightBytes,
} from "../../../run_harness.ts";

const GPT2 = {
  model_type: "gpt2",
  vocab_size: 259,
  n_embd: 32,
  n_layer: 2,
  n_head: 4,
  n_positions: 256,
};

function gpt2(
  outputDir: string,
  dropout: number | "config",
  training: RunInput["training"] = {},
  config: Record<string, number | string> = {},
): RunInput {
  return tinyRun(outputDir, {
    model: { from_config: { ...GPT2, ...config }, dropout },
    data: {
      train: [{ rows: tinyRows(32), format: "alpaca" }],
      eval: [{ rows: tinyRows(8, 2), format: "alpaca" }],
      template: { use: "plain", separator: "\n" },
    },
    training: { max_steps: 6, eval_steps: 3, ...training },
  });
}

Deno.test("config is GPT-2's 0.1 everywhere, and without dropout the same rows give other losses", async () => {
  using folder = testFolder();
  const none = await runConfig(gpt2(folder.at("none"), 0));
  const own = await runConfig(gpt2(folder.at("own"), "config"));
  const tenth = await runConfig(gpt2(folder.at("tenth"), 0.1));
  assert.deepEqual(own.losses, tenth.losses);
  assert.notDeepEqual(own.losses, none.losses);
  const pdrops = { attn_pdrop: 0, resid_pdrop: 0.2, embd_pdrop: 0 };
  const other = await runConfig(
    gpt2(folder.at("other"), "config", {}, pdrops),
  );
  assert.notDeepEqual(other.losses, own.losses);
});

Deno.test("dropout keeps its bits over checkpointing, accumulation and a stop", async () => {
  using folder = testFolder();
  const whole = await runConfig(gpt2(folder.at("whole"), 0.2));
  const recomputed = await runConfig(
    gpt2(folder.at("again"), 0.2, { gradient_checkpointing: true }),
  );
  assert.deepEqual(recomputed.losses, whole.losses);
  assert.deepEqual(
    weightBytes(folder.at("again")),
    weightBytes(folder.at("whole")),
  );
  const controller = new AbortController();
  await runConfig(gpt2(folder.at("stopped"), 0.2), {
    signal: controller.signal,
    onEvent: (e) => e.event === "step" && e.step === 4 && controller.abort(),
  });
  const resumed = await runConfig(gpt2(folder.at("stopped"), 0.2));
  assert.equal(resumed.of("start")[0].resumed_at, 4);
  assert.deepEqual(
    weightBytes(folder.at("stopped")),
    weightBytes(folder.at("whole")),
  );
  const halves = await runConfig(
    gpt2(folder.at("halves"), 0.2, {
      batch_size: 2,
      gradient_accumulation_steps: 2,
    }),
  );
  halves.losses.forEach((loss, i) =>
    assert.ok(Math.abs(loss - whole.losses[i]) < 1e-4 * loss)
  );
});

Deno.test("evaluation and answers are without dropout", async () => {
  using folder = testFolder();
  const of = async (name: string, dropout: number) =>
    await runConfig({
      ...gpt2(folder.at(name), dropout, {
        max_steps: 1,
        eval_on_start: true,
      }),
      samples: { prompts: ["abc"], at: ["start"] },
      generation: { max_new_tokens: 8, temperature: 0 },
    });
  const [none, most] = [await of("none", 0), await of("most", 0.9)];
  assert.equal(most.of("eval")[0].eval_loss, none.of("eval")[0].eval_loss);
  assert.equal(most.of("sample")[0].text, none.of("sample")[0].text);
  assert.notEqual(most.losses[0], none.losses[0]);
});

Deno.test("llama-like models drop in attention alone, and where a config drops nothing it is said", async () => {
  using folder = testFolder();
  const llama = (name: string, dropout: number | "config") =>
    tinyRun(folder.at(name), {
      model: { from_config: TINY_LLAMA, dropout },
      training: { max_steps: 2 },
    });
  const none = await runConfig(llama("none", 0));
  const some = await runConfig(llama("some", 0.3));
  assert.notDeepEqual(some.losses, none.losses);
  await assert.rejects(runConfig(llama("config", "config")), {
    name: "ConfigError",
    message: /has no dropout above 0; give a number, or 0/,
  });
});
