/** Objectives that ask before a step: what they are given, what is trained, resume and accumulation, refusals. */
import assert from "node:assert/strict";
import {
  choose,
  definePart,
  layOutTargets,
  type Objective,
  type ObjectiveAsk,
} from "@denotune/denotune/core";
import type { RunInput } from "../../../../core/config/types.ts";
import { z } from "zod";
import { projectFile } from "../../../e2e/_denotune.ts";
import {
  runConfig,
  testFolder,
  tinyRows,
  tinyRun,
  weightBytes,
} from "../../../run_harness.ts";

const rewarding = { use: "letters", answers: 4, max_new_tokens: 8 };

function config(folder: string, more: Partial<RunInput> = {}): RunInput {
  return tinyRun(folder, {
    plugins: [projectFile("examples/reward_objective/letters.ts")],
    objective: rewarding,
    backend: { use: "cpu", blas: "off", workers: 1 },
    ...more,
    data: {
      train: [{ rows: tinyRows(16), format: "alpaca" }],
      template: { use: "plain", separator: "\n" },
      max_length: 96,
      ...more.data,
    },
    training: {
      max_steps: 4,
      batch_size: 4,
      logging_steps: 1,
      ...more.training,
    },
  });
}

Deno.test("a run whose objective asks is stopped and resumed bit for bit", async () => {
  using folder = testFolder();
  const whole = await runConfig(config(folder.at("whole")));
  assert.ok(whole.losses.every((loss) => Number.isFinite(loss)));
  const controller = new AbortController();
  await runConfig(config(folder.at("stopped")), {
    signal: controller.signal,
    onEvent: (e) => e.event === "step" && e.step === 2 && controller.abort(),
  });
  const resumed = await runConfig(config(folder.at("stopped")));
  assert.equal(resumed.of("start")[0].resumed_at, 2);
  assert.deepEqual(resumed.losses, whole.losses.slice(2));
  assert.deepEqual(
    weightBytes(folder.at("stopped")),
    weightBytes(folder.at("whole")),
  );
});

/** An objective that trains on the rows of the data, and says what it was asked with. */
function copying(
  seen: Parameters<ObjectiveAsk["make"]>[0][],
  more: Partial<Omit<Objective, "ask">> & {
    readonly ask?: Partial<ObjectiveAsk>;
  } = {},
) {
  const objective: Objective = {
    attention: "causal",
    inputs: (batch, key) => layOutTargets(batch, key, { shift: 1 }),
    ...more,
    ask: {
      asks: () => ({}),
      make: (answered) => {
        seen.push(answered);
        return answered.examples;
      },
      ...more.ask,
    },
  };
  return choose(
    definePart({
      kind: "objective",
      name: "copying",
      description: "For a test: trains on the rows that it was asked about",
      options: z.strictObject({}),
      create: () => objective,
    }),
    {},
  );
}

Deno.test("an objective is given the rows of the whole step, and what it makes of them is trained, packed or padded", async () => {
  using folder = testFolder();
  for (const collator of ["padded", "packed"]) {
    const of = (name: string, more: Partial<RunInput>) =>
      config(folder.at(`${collator}-${name}`), {
        data: { ...config("").data, collator },
        ...more,
      });
    const plain = await runConfig(of("plain", { objective: "causal-lm" }));
    for (const batch_size of collator === "padded" ? [4, 2] : [4]) {
      const seen: Parameters<ObjectiveAsk["make"]>[0][] = [];
      const gradient_accumulation_steps = 4 / batch_size;
      const run = await runConfig(of(String(batch_size), {
        objective: copying(seen),
        training: { batch_size, gradient_accumulation_steps },
      }));
      assert.deepEqual(seen.map(({ step }) => step), [0, 1, 2, 3]);
      const count = collator === "padded" ? 4 : 16; // rows, or all in a pack
      assert.deepEqual(
        seen.map((s) => s.examples.length),
        [count, count, count, count],
      );
      const [{ prompt, expected }] = seen[0].examples;
      assert.ok(prompt.length > 0 && expected.length > 0);
      run.losses.forEach((loss, i) =>
        assert.ok(Math.abs(loss - plain.losses[i]) < 1e-4)
      );
    }
  }
});

Deno.test("answers and scores come from the model that is trained, and from its base", async () => {
  using folder = testFolder();
  const seen: Parameters<ObjectiveAsk["make"]>[0][] = [];
  const sampling = { maxNewTokens: 4 };
  await runConfig(config(folder.path, {
    optimizer: { use: "adamw", learning_rate: 0.05 },
    objective: copying(seen, {
      ask: {
        scores: true,
        asks: (examples) => ({
          questions: (["tuned", "base"] as const).map((of) => ({
            prompt: { ids: examples[0].prompt },
            sampling,
            of,
          })),
          texts: (["tuned", "base"] as const).map((of) => ({
            text: "abc",
            after: { ids: examples[0].prompt },
            of,
          })),
        }),
      },
    }),
  }));
  const [first, ...later] = seen;
  const [[tuned], [base]] = first.answers;
  assert.deepEqual(tuned, base);
  assert.deepEqual(first.scores[0], first.scores[1]);
  assert.equal(first.scores[0].from, first.examples[0].prompt.length);
  for (const { scores: [tuned, base] } of later) {
    assert.notDeepEqual(tuned.logProbabilities, base.logProbabilities);
  }
});

Deno.test("a stream that asks is stopped and resumed bit for bit, and its evaluation has rewards", async () => {
  using folder = testFolder();
  const rows = folder.at("rows.jsonl");
  const lines = tinyRows(24).map((row) => `${JSON.stringify(row)}\n`);
  await Deno.writeTextFile(rows, lines.join(""));
  const of = (name: string) =>
    config(folder.at(name), {
      data: {
        train: [{ path: rows, format: "alpaca" }],
        eval: [{ rows: tinyRows(3, 5), format: "alpaca" }],
        streaming: true,
      },
      training: { eval_steps: 2, max_steps: 3 },
    });
  const whole = await runConfig(of("whole"));
  const evals = whole.of("eval");
  assert.ok(evals.length > 0);
  for (const { eval_reward } of evals) {
    assert.ok(typeof eval_reward === "number");
  }
  const controller = new AbortController();
  await runConfig(of("stopped"), {
    signal: controller.signal,
    onEvent: (e) => e.event === "step" && e.step === 1 && controller.abort(),
  });
  const resumed = await runConfig(of("stopped"));
  assert.deepEqual(resumed.losses, whole.losses.slice(1));
});

Deno.test("what an objective cannot ask or make is refused by name", async () => {
  const refused = async (
    objective: ReturnType<typeof copying>,
    message: RegExp,
  ) => {
    using folder = testFolder();
    await assert.rejects(
      runConfig(config(folder.path, { objective, training: { max_steps: 1 } })),
      message,
    );
  };
  await refused(
    copying([], { attention: "bidirectional" }),
    /objective "copying" .* asks for answers before each step, and a model trained with it writes none/,
  );
  await refused(
    copying([], {
      ask: { make: ({ examples }) => [{ ...examples[0], source: 7 }] },
    }),
    /`ask.make` of the objective "copying" .* gave example 0 with the source 7/,
  );
  await refused(
    copying([], {
      ask: {
        make: ({ examples: [first] }) => [{
          ...first,
          ids: new Int32Array(200),
          weights: new Float32Array(200),
        }],
      },
    }),
    /200 tokens; data.max_length is 96/,
  );
  await refused(
    copying([], {
      ask: {
        asks: () => ({
          questions: [{ prompt: { ids: [1] }, sampling: { maxNewTokens: 0 } }],
        }),
      },
    }),
    /`asks` of the objective "copying" .* gave question 0 with sampling.maxNewTokens 0/,
  );
});

Deno.test("a step of which nothing is made learns nothing, and the run continues", async () => {
  using folder = testFolder();
  const run = await runConfig(config(folder.path, {
    objective: copying([], { ask: { make: () => [] } }),
    training: { max_steps: 2 },
  }));
  assert.equal(run.result.steps, 2);
  assert.deepEqual(run.of("step").map(({ loss }) => loss), [null, null]);
});
