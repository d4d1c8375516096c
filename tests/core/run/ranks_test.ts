/**
 * Ranks that train together make the steps of one: `parallel` in the run file, here in one process.
 *
 * Tolerance: 1e-6 relative in every loss, as for other cuts of a window (accumulation_test.ts): sums over ranks add
 * in another order. Between ranks there is none.
 */
import assert from "node:assert/strict";
import { choose, definePart } from "../../../core/mod.ts";
import type { RunInput } from "../../../core/config/types.ts";
import { z } from "zod";
import { testCollective } from "../../conformance/collective.ts";
import {
  type RanRun,
  runConfig,
  type RunTestOptions,
  testFolder,
  tinyRows,
  tinyRun,
} from "../../run_harness.ts";
import { ranksInProcess } from "./_ranks.ts";

const ALL = Deno.env.get("DENOTUNE_TEST_ALL") === "1";
const WORLD = ALL ? 3 : 2;

testCollective("ranks in one process", ranksInProcess);

/** Runs all ranks of a world at once, each in a folder of its own. */
async function together(
  world: number,
  folder: string,
  more: Partial<RunInput>,
  { shardsOptimizer = false, optionsOf = () => ({}) }: {
    readonly shardsOptimizer?: boolean;
    /** How each rank is watched and stopped. */
    readonly optionsOf?: (rank: number) => RunTestOptions;
  } = {},
): Promise<RanRun[]> {
  const ranks = ranksInProcess(world).map((ranks) => ({
    ...ranks,
    shardsOptimizer,
  }));
  const runs = ranks.map((collective) =>
    runConfig({
      ...tinyRun(`${folder}/${world}-${collective.rank}`, more),
      backend: { use: "cpu", blas: "off", workers: 1 },
      parallel: choose(
        definePart({
          kind: "collective",
          name: "in-process",
          description: "For a test",
          options: z.strictObject({}),
          create: () => collective,
        }),
        {},
      ),
    }, optionsOf(collective.rank))
  );
  return await Promise.all(runs);
}

for (
  const [what, more] of [
    ["all weights", {}],
    ["an adapter with dropout, two sources", {
      adapter: { use: "lora", r: 4, lora_dropout: 0.3 },
      data: {
        train: [
          { rows: tinyRows(12, 1), format: "alpaca" },
          { rows: tinyRows(11, 2), format: "alpaca" },
        ],
      },
    }],
  ] as readonly [string, Partial<RunInput>][]
) {
  Deno.test(`two ranks make the steps of one, and have the same bits: ${what}`, async () => {
    using folder = testFolder();
    const run: Partial<RunInput> = {
      data: { train: [{ rows: tinyRows(23), format: "alpaca" }] },
      ...more,
      // the last window of the epoch has three micro-batches
      training: { epochs: 2, batch_size: 2, gradient_accumulation_steps: 4 },
    };
    const [one] = await together(1, folder.path, run);
    const two = await together(2, folder.path, run);
    assert.equal(one.losses.length, 6);
    const saved = more.adapter === undefined
      ? "model.safetensors"
      : "adapter_model.safetensors";
    // rank 0 writes; the hash is of all trained weights
    const [first, second] = two.map(({ result }) => result.weightsHash);
    assert.match(first ?? "", /^[0-9a-f]{64}$/);
    assert.equal(first, second);
    assert.deepEqual(two.map(({ result }) => result.rank), [0, 1]);
    assert.ok(Deno.statSync(folder.at("2-0", saved)).isFile);
    assert.throws(() => Deno.statSync(folder.at("2-1")), Deno.errors.NotFound);
    assert.deepEqual(two[0].losses, two[1].losses);
    const norms = (of: RanRun) => of.of("step").map((e) => e.grad_norm ?? NaN);
    for (
      const [name, found, wanted] of [
        ["loss", two[0].losses, one.losses],
        ["gradient norm", norms(two[0]), norms(one)],
      ] as const
    ) {
      found.forEach((value, i) =>
        assert.ok(
          Math.abs(value / wanted[i] - 1) <= 1e-6,
          `${name} of step ${i + 1} is ${value}, not ${wanted[i]}`,
        )
      );
    }
    const last = (of: RanRun) => of.of("step").at(-1);
    assert.equal(last(two[0])?.trained_tokens, last(one)?.trained_tokens);
    assert.equal(last(two[0])?.token_accuracy, last(one)?.token_accuracy);
  });
}

for (
  const [what, more] of [
    ["all weights", {}],
    ["an adapter", { adapter: { use: "lora", r: 4 } }],
  ] as readonly [string, Partial<RunInput>][]
) {
  const isSample = ALL || what === "all weights";
  const title =
    `three ranks that share out the optimizer (ZeRO-1) have the bits of three that do not, and a third of its memory: ${what}`;
  Deno.test({ name: title, ignore: !isSample }, async () => {
    using folder = testFolder();
    const run = (more: Partial<RunInput["training"]>): Partial<RunInput> => ({
      data: { train: [{ rows: tinyRows(23), format: "alpaca" }] },
      training: {
        max_steps: 5,
        batch_size: 2,
        gradient_accumulation_steps: 4,
        save_steps: 2,
        ...more,
      },
    });
    const whole = await together(WORLD, folder.at("whole"), {
      ...more,
      ...run({}),
    });
    const sharded = await together(
      WORLD,
      folder.at("sharded"),
      { ...more, ...run({}) },
      { shardsOptimizer: true },
    );
    const hash = whole[0].result.weightsHash;
    assert.match(hash ?? "", /^[0-9a-f]{64}$/);
    for (const { result, losses } of [...whole, ...sharded]) {
      assert.equal(result.weightsHash, hash);
      assert.deepEqual(losses, whole[0].losses);
    }
    const memory = ([one]: RanRun[]) => one.of("start")[0].memory;
    const bytes = (of: RanRun[]) => memory(of).optimizer;
    // a share of the weights has no memory of its own
    assert.equal(memory(sharded).weights, memory(whole).weights);
    const planned = (of: RanRun[]) => {
      const { weights, gradients, optimizer, activations } = memory(of);
      return weights + gradients + optimizer + activations;
    };
    assert.ok(planned(sharded) < planned(whole));
    // shares are multiples of 64 values
    const share = bytes(whole) / WORLD;
    assert.ok(bytes(sharded) >= share && bytes(sharded) <= share * 1.1 + 4096);

    // to the bit with as many ranks, shared out or not; else as close as other sums are
    const resume = folder.at("sharded", `${WORLD}-0`, "checkpoint-2");
    const again = await together(
      WORLD,
      folder.at("again"),
      { ...more, ...run({ resume }) },
      { shardsOptimizer: true },
    );
    assert.equal(again[0].result.weightsHash, hash);
    if (!ALL) return;
    const two = await together(2, folder.at("two"), {
      ...more,
      ...run({ resume }),
    });
    two[0].losses.forEach((loss, i) =>
      assert.ok(Math.abs(loss / whole[0].losses[i + 2] - 1) <= 1e-6)
    );
    assert.equal(two[0].losses.length, 3);
  });
}

for (
  const [name, optimizer, reason] of [
    ["adafactor", { use: "adafactor" }, /whole tensors/],
    ["ema", { use: "ema", of: "adamw" }, /average/],
  ] as const
) {
  Deno.test(`ranks do not share out the states of ${name}, and say why`, async () => {
    using folder = testFolder();
    await assert.rejects(
      together(2, folder.path, { optimizer }, { shardsOptimizer: true }),
      (error: Error) =>
        error.name === "ConfigError" && reason.test(error.message) &&
        /optimizer_sharding/.test(error.message),
    );
  });
}

for (const world of ALL ? [2, 3, 4] : [3]) {
  Deno.test(`${world} ranks share out the rows for evaluation, and have the figures of one`, async () => {
    using folder = testFolder();
    const run: Partial<RunInput> = {
      data: {
        train: [{ rows: tinyRows(4), format: "alpaca" }],
        eval: [{ rows: tinyRows(11, 2), format: "alpaca" }],
      },
      training: { batch_size: 2, eval_steps: 1 },
    };
    const [one] = await together(1, folder.path, run);
    const ranks = await together(world, folder.path, run);
    const figures = (of: RanRun) =>
      of.of("eval").map(({ eval_loss, eval_perplexity, eval_token_accuracy }) =>
        [eval_loss, eval_perplexity, eval_token_accuracy].map((n) => n ?? NaN)
      );
    assert.equal(figures(one).length, 2);
    figures(ranks[0]).forEach((found, i) =>
      found.forEach((value, k) => {
        const wanted = figures(one)[i][k];
        assert.ok(Math.abs(value / wanted - 1) <= 1e-6, `${value}, ${wanted}`);
      })
    );
    for (const { result } of ranks) {
      assert.equal(result.metrics.eval_loss, ranks[0].result.metrics.eval_loss);
    }
    // six batches an evaluation: each is run by one rank
    const evaluated = ranks.map((of) =>
      of.of("progress").filter(({ task }) => task === "evaluating")
        .map(({ done }) => done)
    );
    for (const [rank, done] of evaluated.entries()) {
      assert.ok(done.length > 0 && done.every((i) => i % world === rank));
    }
    assert.equal(evaluated.flat().length, 2 * 6);
  });
}

Deno.test("a rank that is interrupted while it evaluates ends all, and the evaluation is left to the resumed run", async () => {
  using folder = testFolder();
  const controller = new AbortController();
  const run: Partial<RunInput> = {
    data: {
      train: [{ rows: tinyRows(8), format: "alpaca" }],
      eval: [{ rows: tinyRows(11, 2), format: "alpaca" }],
    },
    training: { batch_size: 2, eval_steps: 2 },
  };
  const stop = (rank: number): RunTestOptions => ({
    signal: controller.signal,
    onEvent: (event) => {
      if (
        rank === 1 && event.event === "progress" && event.task === "evaluating"
      ) controller.abort();
    },
  });
  const ranks = await together(2, folder.path, run, { optionsOf: stop });
  for (const { result } of ranks) {
    assert.deepEqual([result.status, result.steps], ["interrupted", 2]);
  }
  assert.deepEqual(ranks.flatMap((of) => of.of("eval")), []);
});

Deno.test({
  name:
    "without a launcher a run is one process, whatever parallel says, and opens no library",
  permissions: { ffi: false, read: true, write: true, env: true, sys: true },
  async fn() {
    using folder = testFolder();
    const run = (name: string, parallel?: RunInput["parallel"]) =>
      runConfig({
        ...tinyRun(folder.at(name), { training: { max_steps: 2 } }),
        ...(parallel === undefined ? {} : { parallel }),
      });
    const alone = await run("default");
    for (
      const [name, parallel] of [
        ["null", null],
        ["single", { use: "single" }],
        ["mpi", { use: "mpi", optimizer_sharding: true }],
      ] as const
    ) {
      const { losses, result } = await run(name, parallel);
      assert.deepEqual(losses, alone.losses);
      assert.deepEqual([result.rank, result.weightsHash], [0, null]);
    }
  },
});
