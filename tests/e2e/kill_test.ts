/**
 * Runs that die: kill -9 at twenty random moments (four in CI), Ctrl-C, Ctrl-C twice. What they leave must be whole, and
 * who goes on must end with the bits of a run that nobody disturbed. No tolerance: the bits are compared.
 */
import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { join } from "node:path";
import type { RunInput } from "../../core/config/types.ts";
import { randomFrom } from "../../core/mod.ts";
import {
  listCheckpoints,
  readCheckpointState,
} from "../../core/run/saving/checkpoint.ts";
import { SafetensorsFile } from "../../core/io/read_safetensors.ts";
import { tinyRows, tinyRun, weightBytes } from "../run_harness.ts";
import { emptyFolder, projectFile, type Running, start } from "./_denotune.ts";

/** Writes a run of the tiny model into a folder, its rows beside it. */
function writeRun(
  folder: string,
  name: string,
  more: Partial<RunInput> = {},
  tiny = tinyRows(80),
): void {
  const rows = join(folder, "rows.jsonl");
  Deno.writeTextFileSync(
    rows,
    tiny.map((row) => JSON.stringify(row) + "\n").join(""),
  );
  const run = tinyRun(join(folder, name), {
    trackers: ["console", "jsonl"],
    ...more,
    data: {
      train: [{ path: rows, format: "alpaca" }],
      template: { use: "plain", separator: "\n" },
      ...more.data,
    },
  });
  Deno.writeTextFileSync(join(folder, `${name}.json`), JSON.stringify(run));
}

function train(folder: string, name: string): Running {
  return start(folder, projectFile("mod.ts"), "train", `${name}.json`);
}

function kill(process: Deno.ChildProcess, signal: Deno.Signal): void {
  try {
    process.kill(signal);
  } catch (error) {
    if (!(error instanceof TypeError)) throw error; // it has ended by itself
  }
}

const LONG = Deno.env.get("DENOTUNE_TEST_ALL") === "1";
const sleep = (ms: number) => new Promise((done) => setTimeout(done, ms));

/** Every checkpoint in a folder can be read to its last byte. Returns the newest step, 0 where there is none. */
function checkCheckpoints(outputDir: string): number {
  if (!existsSync(outputDir)) return 0;
  let newest = 0;
  for (const { path, step } of listCheckpoints(outputDir)) {
    assert.equal(readCheckpointState(path).state.step, step);
    for (const name of ["model.safetensors", "optimizer.safetensors"]) {
      using file = new SafetensorsFile(join(path, name)); // checks every length
      for (const tensor of file.tensors.values()) tensor.read();
    }
    for (const name of ["config.json", "tokenizer.json"]) {
      JSON.parse(Deno.readTextFileSync(join(path, name)));
    }
    newest = step;
  }
  return newest;
}

/** Steps of `metrics.jsonl`, and of the start event of the last process. */
function readMetrics(outputDir: string): { steps: number[]; resumed: number } {
  const events = Deno.readTextFileSync(join(outputDir, "metrics.jsonl"))
    .trim().split("\n").map((line) => JSON.parse(line));
  return {
    steps: events.filter((e) => e.event === "step").map((e) => e.step),
    resumed: events.findLast((e) => e.event === "start").resumed_at ?? 0,
  };
}

Deno.test("a run that is killed at random moments ends with the bits of an undisturbed one", async () => {
  using folder = emptyFolder();
  // a checkpoint a step, of a model that takes as long to save as to step; a full run has 80 steps
  const more: Partial<RunInput> = {
    optimizer: { use: "adamw", learning_rate: 3e-3, weight_decay: 0.01 },
    schedule: { use: "cosine", warmup_steps: 5 },
    training: { epochs: 4, save_steps: 1, logging_steps: 1 },
  };
  writeRun(folder.path, "whole", more);
  const whole = await train(folder.path, "whole").end();
  assert.equal(whole.code, 0, whole.err);
  const wanted = weightBytes(join(folder.path, "whole"));

  const random = randomFrom(20260721);
  const moments = LONG ? 20 : 4;
  let kills = 0;
  let whileSaving = 0;
  for (let run = 1; kills < moments; run++) {
    assert.ok(run < moments, "no run lasts long enough to be killed");
    const name = `run${run}`;
    const output = join(folder.path, name);
    writeRun(folder.path, name, more);
    let reached = 0;
    while (true) {
      const running = train(folder.path, name);
      let isKilled = false;
      if (kills < moments) {
        // one of five before the first step: while the folder is made or a checkpoint read
        const early = random.next() < 0.2;
        const wait = random.next() * (early ? 1500 : 500);
        if (!early) await running.until("memory ").catch(() => {});
        await sleep(wait);
        kill(running.process, "SIGKILL");
      }
      const done = await running.end();
      isKilled = (await running.process.status).signal === "SIGKILL";
      if (isKilled) kills++;
      else assert.equal(done.code, 0, done.out + done.err);
      if (existsSync(output)) {
        const left = [...Deno.readDirSync(output)].map((e) => e.name);
        if (left.some((n) => /\.tmp-\d+$/.test(n))) whileSaving++;
      }
      const newest = checkCheckpoints(output);
      assert.ok(newest >= reached, `went back from ${reached} to ${newest}`);
      if (!isKilled) assert.equal(readMetrics(output).resumed, reached);
      reached = newest;
      if (!isKilled) break;
    }
    assert.deepEqual(weightBytes(output), wanted, name);
    const { steps } = readMetrics(output);
    assert.deepEqual(steps, Array.from({ length: 80 }, (_, i) => i + 1));
    const hidden = [...Deno.readDirSync(output)].filter((e) =>
      e.name.startsWith(".")
    );
    assert.deepEqual(hidden, [], "nothing half written is left");
  }
  console.log(
    `${kills} kills, ${whileSaving} of them while a file was written`,
  );
});

Deno.test("a run that overfits and is killed at ten moments stops at the same step with the same best model", async () => {
  using folder = emptyFolder();
  const evaluation = join(folder.path, "eval.jsonl");
  Deno.writeTextFileSync(
    evaluation,
    tinyRows(40, 2).map((row) => JSON.stringify(row) + "\n").join(""),
  );
  const rows = tinyRows(200);
  const more: Partial<RunInput> = {
    optimizer: { use: "adamw", learning_rate: 1e-2 },
    data: {
      train: [{ path: join(folder.path, "rows.jsonl"), format: "alpaca" }],
      eval: [{ path: evaluation, format: "alpaca" }],
    },
    training: {
      epochs: 30,
      batch_size: 8,
      eval_steps: 10,
      save_steps: 5,
      save_total_limit: 1,
      load_best_model_at_end: true,
      early_stopping_patience: 4,
    },
  };
  const moments = LONG ? 10 : 2;
  writeRun(folder.path, "whole", more, rows);
  assert.equal((await train(folder.path, "whole").end()).code, 0);
  const summaryOf = (name: string) => {
    const at = join(folder.path, name, "summary.json");
    const { seconds: _, eval_seconds: __, ...rest } = JSON.parse(
      Deno.readTextFileSync(at),
    );
    return rest;
  };
  const whole = summaryOf("whole");
  assert.ok(whole.steps < 750, "it did not stop early");
  assert.ok(whole.best_global_step === whole.steps - 40);
  writeRun(folder.path, "killed", more, rows);
  const random = randomFrom(20261121);
  for (let kills = 0;;) {
    const running = train(folder.path, "killed");
    if (kills < moments) {
      await running.until("memory ").catch(() => {});
      await sleep(random.next() * 3000 / moments);
      kill(running.process, "SIGKILL");
    }
    const { code, out, err } = await running.end();
    if ((await running.process.status).signal === "SIGKILL") {
      kills++;
      continue;
    }
    assert.equal(code, 0, out + err);
    break;
  }
  assert.deepEqual(summaryOf("killed"), whole);
  assert.deepEqual(
    weightBytes(join(folder.path, "killed")),
    weightBytes(join(folder.path, "whole")),
  );
});

Deno.test("Ctrl-C saves and exits with 130, and the same command goes on to the same bits", async () => {
  using folder = emptyFolder();
  const more = { training: { epochs: 20, save_steps: null, logging_steps: 1 } };
  writeRun(folder.path, "whole", more);
  assert.equal((await train(folder.path, "whole").end()).code, 0);
  writeRun(folder.path, "stopped", more);
  const random = randomFrom(7);
  let interrupts = 0;
  for (let last = 0;;) {
    const running = train(folder.path, "stopped");
    await running.until("memory ");
    await sleep(random.next() * 400);
    if (interrupts < 4) kill(running.process, "SIGINT");
    const { code, out, err } = await running.end();
    if (code === 0) break;
    interrupts++;
    assert.equal(code, 130, out + err);
    assert.match(err, /saved after this step/);
    const newest = checkCheckpoints(join(folder.path, "stopped"));
    assert.ok(newest >= last);
    last = newest;
  }
  assert.ok(interrupts > 0, "the run was never interrupted");
  assert.deepEqual(
    weightBytes(join(folder.path, "stopped")),
    weightBytes(join(folder.path, "whole")),
  );
});

/** A model and batches whose steps take several seconds on the reference backend. */
const LONG_STEPS: Partial<RunInput> = {
  backend: "reference",
  model: {
    from_config: {
      model_type: "llama",
      vocab_size: 259,
      hidden_size: 128,
      intermediate_size: 256,
      num_hidden_layers: 3,
      num_attention_heads: 4,
      num_key_value_heads: 4,
      hidden_act: "silu",
      max_position_embeddings: 256,
      rms_norm_eps: 1e-5,
      tie_word_embeddings: true,
    },
  },
  training: { epochs: 1, batch_size: 32, logging_steps: 1 },
};

Deno.test("a second Ctrl-C ends the process in the middle of a step of several seconds", async () => {
  using folder = emptyFolder();
  writeRun(folder.path, "long", LONG_STEPS);
  const running = train(folder.path, "long");
  await running.until("memory ");
  await sleep(700); // the first step runs
  kill(running.process, "SIGINT");
  await running.until("Ctrl-C again"); // two signals that wait are one
  kill(running.process, "SIGINT");
  const { code, out } = await running.end();
  assert.equal(code, 130);
  // had it waited for the step, it would have logged and saved it
  assert.doesNotMatch(out, /step 1\//);
  assert.deepEqual(listCheckpoints(join(folder.path, "long")), []);
});

Deno.test("SIGTERM that comes twice, as of a scheduler and a launcher, lets a long step end and saves it", async () => {
  using folder = emptyFolder();
  writeRun(folder.path, "long", LONG_STEPS);
  const running = train(folder.path, "long");
  await running.until("memory ");
  await sleep(700);
  kill(running.process, "SIGTERM");
  await running.until("Ctrl-C again"); // two signals that wait are one
  kill(running.process, "SIGTERM");
  const { code } = await running.end();
  assert.equal(code, 130);
  assert.equal(checkCheckpoints(join(folder.path, "long")), 1);
});

Deno.test("one Ctrl-C lets a long step end, saves it and exits with 130", async () => {
  using folder = emptyFolder();
  writeRun(folder.path, "long", LONG_STEPS);
  const running = train(folder.path, "long");
  await running.until("memory ");
  await sleep(700);
  kill(running.process, "SIGINT");
  const { code } = await running.end();
  assert.equal(code, 130);
  assert.equal(checkCheckpoints(join(folder.path, "long")), 1);
});
