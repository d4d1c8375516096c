/** `memory: auto`: the mildest change that fits is taken, said, written down, and kept by whoever resumes. */
import assert from "node:assert/strict";
import { readResolvedFile } from "../../../../core/config/resolved.ts";
import type { RunInput } from "../../../../core/config/types.ts";
import {
  runConfig,
  testFolder,
  tinyRows,
  tinyRun,
} from "../../../run_harness.ts";

/** Shares of the memory that the run needs as it is written. */
const SHARES = Deno.env.get("DENOTUNE_TEST_ALL") === "1"
  ? [0.98, 0.9, 0.8, 0.7, 0.6, 0.5]
  : [0.8, 0.5];

// the reference backend has a memory of its own: the size of this process does not count
const base = (
  output: string,
  limit: number | null,
  more: Partial<RunInput> = {},
): RunInput =>
  tinyRun(output, {
    backend: "reference",
    memory: "auto",
    memory_limit: limit === null ? null : `${Math.floor(limit)}B`,
    ...more,
    data: { train: [{ rows: tinyRows(16), format: "alpaca" }], max_length: 32 },
    training: {
      max_steps: 2,
      batch_size: 4,
      gradient_accumulation_steps: 2,
      ...more.training,
    },
  });

async function ran(input: RunInput) {
  const { result, of, losses } = await runConfig(input);
  const { training, model } = await readResolvedFile(
    `${result.outputDir}/config.resolved.yaml`,
  ) as unknown as RunInput;
  return {
    result,
    training,
    model,
    memory: of("start")[0].memory,
    losses,
    said: of("notice").map(({ message }) => message)
      .filter((text) => text.startsWith("memory: auto")),
  };
}

Deno.test("a tighter limit gets smaller micro-batches, then computes activations again; the steps stay the same", async () => {
  using folder = testFolder();
  const whole = await ran(base(folder.at("whole"), null));
  assert.match(whole.said[0], /changes nothing, the run fits as it is written/);
  assert.equal(whole.training?.batch_size, 4);
  const found = new Set<string>();
  for (const [i, share] of SHARES.entries()) {
    const limit = share * whole.memory.total;
    const run = await ran(base(folder.at(`run-${i}`), limit)).catch(
      (error) => {
        assert.match(String(error), /The run needs .* smaller model/);
        return null;
      },
    );
    if (run === null) continue;
    const { batch_size, gradient_accumulation_steps, gradient_checkpointing } =
      run.training ?? {};
    assert.ok(run.memory.total <= limit, `${share}`);
    assert.equal(batch_size! * gradient_accumulation_steps!, 8);
    assert.match(
      run.said[0],
      /chose training\..*: [\d.]+ [kM]B of [\d.]+ [kM]B; as written the run needs/,
    );
    found.add(`${batch_size} ${gradient_checkpointing}`);
    run.losses.forEach((loss, step) =>
      assert.ok(
        Math.abs(loss / whole.losses[step] - 1) < 1e-5,
        `${share}: ${loss}, ${whole.losses[step]}`,
      )
    );
  }
  assert.ok(found.size >= 2, [...found].join("; "));
});

Deno.test("frozen weights are stored in fewer bits only where nothing milder fits", async () => {
  using folder = testFolder();
  const adapter = { use: "lora", r: 2 };
  const least = await ran(base(folder.at("least"), null, {
    adapter,
    training: {
      batch_size: 1,
      gradient_accumulation_steps: 8,
      gradient_checkpointing: true,
    },
  }));
  const tight = await ran(
    base(folder.at("tight"), least.memory.total - 1000, { adapter }),
  );
  assert.ok(tight.model?.dtype === "bfloat16" || tight.model?.quantization);
  assert.match(tight.said[0], /chose .*model\./);
});

Deno.test("an unfinished run goes on with what it was begun with, whatever the memory is now", async () => {
  using folder = testFolder();
  const whole = await ran(base(folder.at("whole"), null));
  const at = folder.at("run");
  const more = { training: { save_steps: 1, logging_steps: 1 } };
  const tight = 0.9 * whole.memory.total;
  const straight = await ran(base(folder.at("straight"), tight, more));
  const stop = new AbortController();
  const first = await runConfig(base(at, tight, more), {
    signal: stop.signal,
    onEvent: ({ event }) => event === "save" && stop.abort(),
  });
  assert.equal(first.result.status, "interrupted");
  const resumed = await ran(base(at, null, more));
  assert.equal(resumed.result.status, "done");
  assert.equal(resumed.training?.batch_size, straight.training?.batch_size);
  assert.deepEqual(resumed.losses.at(-1), straight.losses.at(-1));
});
