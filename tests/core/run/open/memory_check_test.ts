/** A run that does not fit is refused early, and what it is told to change makes it fit. */
import assert from "node:assert/strict";
import type { RunInput } from "../../../../core/config/types.ts";
import {
  runConfig,
  testFolder,
  tinyRows,
  tinyRun,
} from "../../../run_harness.ts";

const ROWS = [
  ...tinyRows(16),
  { instruction: "a long one", output: "abc ".repeat(25) },
];

// the reference backend has a memory of its own: the size of this process does not count
const base = (output: string, more: Partial<RunInput> = {}): RunInput =>
  tinyRun(output, {
    backend: "reference",
    ...more,
    data: {
      train: [{ rows: ROWS, format: "alpaca" }],
      max_length: 128,
      ...more.data,
    },
    training: { max_steps: 1, batch_size: 8, ...more.training },
  });

/** The memory of a run as its start event has it. */
async function memoryOf(run: RunInput) {
  const [start] = (await runConfig(run)).of("start");
  return start.memory;
}

async function refusal(run: RunInput): Promise<string> {
  try {
    await runConfig(run);
  } catch (error) {
    assert.ok(error instanceof Error);
    assert.equal(error.name, "DeviceError");
    return error.message;
  }
  assert.fail("the run was not refused");
}

const megabytes = (bytes: number) => `${(bytes / 2 ** 20).toFixed(3)}MiB`;

for (const adapter of [null, { use: "lora", r: 4 }]) {
  const name = adapter === null ? "all weights" : "lora";
  Deno.test(`every change that a refusal names would fit (${name})`, async () => {
    using folder = testFolder();
    const whole = await memoryOf(base(folder.at("whole"), { adapter }));
    assert.equal(whole.runtime, 0);
    const tight: Partial<RunInput> = {
      adapter,
      memory_limit: megabytes(0.8 * whole.total),
    };
    const run = base(folder.at("tight"), tight);
    const message = await refusal(run);
    assert.match(
      message,
      /^The run needs [\d.]+ MB; memory_limit allows [\d.]+ MB for it\. Any of these would fit: /,
    );
    assert.ok(
      ![...Deno.readDirSync(folder.path)].some((e) =>
        e.name === "tight" &&
        [...Deno.readDirSync(folder.at("tight"))].length > 0
      ),
      "nothing is written",
    );
    const named = message.split("would fit: ")[1].split("; ");
    assert.ok(named.some((n) => n.startsWith("training.batch_size=4 ")));
    assert.ok(named.some((n) => n.startsWith("data.max_length=")));
    assert.ok(
      named.some((n) => n.startsWith("training.gradient_checkpointing=true")),
    );
    for (const change of named) {
      const overrides = change.replace(/ \([^)]*\)$/, "").split(" ");
      const ran = await runConfig(run, { overrides });
      assert.equal(ran.result.status, "done", change);
      const [{ memory }] = ran.of("start");
      assert.ok(memory.total <= memory.available, change);
    }
  });
}

Deno.test("where no change alone is enough, those that are together are named", async () => {
  using folder = testFolder();
  const adapter = { use: "lora", r: 4 };
  const whole = await memoryOf(base(folder.at("whole"), { adapter }));
  const least = await memoryOf(base(folder.at("least"), {
    adapter,
    model: { ...base("").model, dtype: "bfloat16" },
    training: { batch_size: 1, gradient_checkpointing: true },
  }));
  const limit = least.total * 1.02;
  assert.ok(limit < whole.total / 2);
  const message = await refusal(
    base(folder.at("run"), { adapter, memory_limit: megabytes(limit) }),
  );
  assert.match(
    message,
    /These together would fit \(\d+ kB\): training\.gradient_checkpointing=true training\.batch_size=1 training\.gradient_accumulation_steps=8/,
  );
  const overrides = message.split("): ")[1].split(" ");
  const ran = await runConfig(
    base(folder.at("run"), { adapter, memory_limit: megabytes(limit) }),
    { overrides },
  );
  assert.equal(ran.result.status, "done");
  assert.match(
    await refusal(base(folder.at("run2"), { memory_limit: "10kB" })),
    /Even .* needs \d+ kB: train an adapter \(adapter: lora\) or a smaller model/,
  );
});

Deno.test("memory_limit is a size", async () => {
  await assert.rejects(
    () => runConfig(base("unused", { memory_limit: "much" })),
    /memory_limit.*expected a size such as 8GB or 500MB/s,
  );
});

Deno.test("the process counts where the device shares its memory", async () => {
  using folder = testFolder();
  const memory = await memoryOf({
    ...base(folder.at("cpu")),
    backend: { use: "cpu", blas: "off", workers: 1 },
  });
  const planned = memory.weights + memory.gradients + memory.optimizer +
    memory.activations + memory.cache + memory.inputs;
  assert.ok((memory.runtime ?? 0) > 50e6);
  assert.equal(memory.total, planned + (memory.runtime ?? 0));
});
