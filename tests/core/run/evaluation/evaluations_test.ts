/**
 * Evaluators within a run: who is asked what, how often, and what becomes of results that are none.
 */
import assert from "node:assert/strict";
import {
  type Asked,
  choose,
  definePart,
  type Evaluator,
  type Inputs,
  type Json,
  type Objective,
} from "../../../../core/mod.ts";
import { z } from "zod";
import {
  type RanRun,
  runConfig,
  testFolder,
  tinyRows,
  tinyRun,
  weightBytes,
} from "../../../run_harness.ts";

const MESSAGES = {
  train: [{ rows: tinyRows(16), format: "alpaca" }],
  eval: [{ rows: tinyRows(3, 2), format: "alpaca" }],
  template: { use: "plain", separator: "\n" },
} as const;

/** An evaluator given in code. */
function evaluator(name: string, made: Evaluator) {
  return choose(
    definePart({
      kind: "evaluator",
      name,
      description: "For a test",
      options: z.strictObject({}),
      create: () => made,
    }),
    {},
  );
}

/** An evaluator that writes its answers down, one record a question. */
function recorder(name: string, asked: Asked) {
  return evaluator(name, {
    asks: () => asked,
    score: ({ answers }) => ({
      numbers: {},
      records: answers.map((given) => ({
        texts: given.map(({ text }) => text),
        earlier: given.flatMap(({ earlier = [] }) => earlier),
      })),
    }),
  });
}

function evaluated(
  name: string,
  folder: string,
  more: Parameters<typeof tinyRun>[1],
): Promise<RanRun> {
  return runConfig(tinyRun(`${folder}/${name}`, {
    ...more,
    data: MESSAGES,
    training: { epochs: 1, max_steps: 3, ...more?.training },
  }));
}

const ask = (text: string, of?: "base" | "tuned") => ({
  prompt: { text },
  sampling: { maxNewTokens: 6 },
  of,
});

Deno.test("every distinct question is answered once, whoever asks, and answers come in the order of the questions", async () => {
  using folder = testFolder();
  const { of } = await evaluated("a", folder.path, {
    evaluators: [
      recorder("one", { questions: [ask("abc"), ask("hg"), ask("abc")] }),
      recorder("two", { questions: [ask("hg")] }),
    ],
  });
  const [one, two] = of("result");
  assert.equal(one.records.length, 3);
  assert.deepEqual(one.records[0], one.records[2]);
  assert.deepEqual(two.records, [one.records[1]]);
});

Deno.test("answers drawn by chance depend on the question and its seed, not on what else is asked", async () => {
  using folder = testFolder();
  const drawn = (text: string, seed?: number) => ({
    prompt: { text },
    sampling: { maxNewTokens: 8, temperature: 1, n: 3, seed },
  });
  const { of } = await evaluated("a", folder.path, {
    evaluators: [
      recorder("one", { questions: [drawn("abc"), drawn("abc", 1)] }),
      recorder("two", { questions: [drawn("hg"), drawn("abc")] }),
    ],
  });
  const [one, two] = of("result");
  const texts = (record: Readonly<Record<string, Json>>) =>
    record.texts as string[];
  assert.equal(new Set(texts(one.records[0])).size, 3, "drawn anew each time");
  assert.deepEqual(one.records[0], two.records[1]);
  assert.notDeepEqual(one.records[0], one.records[1]);
});

Deno.test("a conversation goes on with the model's own answers", async () => {
  using folder = testFolder();
  const prompt = { messages: [{ role: "user", content: "abc" }] } as const;
  const sampling = { maxNewTokens: 5 };
  const two = { prompt, turns: ["de"], sampling };
  const first = await evaluated("a", folder.path, {
    evaluators: [recorder("one", { questions: [{ prompt, sampling }, two] })],
  });
  const [{ records: [single, both] }] = first.of("result");
  assert.deepEqual(both.earlier, single.texts);
  const written = {
    prompt: {
      messages: [
        ...prompt.messages,
        { role: "assistant", content: (single.texts as string[])[0] },
        { role: "user", content: "de" },
      ],
    },
    sampling,
  } as const;
  const again = await evaluated("b", folder.path, {
    evaluators: [recorder("one", { questions: [written] })],
  });
  assert.deepEqual(again.of("result")[0].records[0].texts, both.texts);
});

for (
  const [what, adapter] of [
    ["all weights", null],
    ["LoRA", { use: "lora", r: 4, target_modules: "all-linear" }],
    ["DoRA and the embedding", {
      use: "dora",
      r: 4,
      target_modules: "all-linear",
      modules_to_save: ["embed_tokens"],
    }],
  ] as const
) {
  Deno.test(`the base answers as before training, and is forgotten without a trace: ${what}`, async () => {
    using folder = testFolder();
    const texts = ["abc", "hg", "de fa", "b"];
    const run = (name: string, of: "base" | "tuned") =>
      evaluated(name, folder.path, {
        adapter,
        optimizer: { use: "adamw", learning_rate: 0.05 },
        evaluators: [
          recorder("one", { questions: texts.map((t) => ask(t, of)) }),
        ],
        // the last evaluation is where the base must be brought back
        training: { max_steps: 6, eval_on_start: of === "tuned" },
      });
    const tuned = await run("tuned", "tuned");
    const base = await run("base", "base");
    const [before, after] = tuned.of("result");
    assert.notDeepEqual(before.records, after.records, "training changed them");
    assert.deepEqual(base.of("result")[0].records, before.records);
    assert.deepEqual(base.losses, tuned.losses);
    if (adapter === null) {
      assert.deepEqual(
        weightBytes(folder.at("base")),
        weightBytes(folder.at("tuned")),
      );
    }
  });
}

Deno.test("records become a file of JSON Lines, and an event with the verdict", async () => {
  using folder = testFolder();
  const records = [{ row: 1, text: "a\nb" }, { row: 2, text: "" }];
  const verdict = { passed: false, reason: "0.25 is below 0.5" };
  const { of } = await evaluated("a", folder.path, {
    evaluators: [evaluator("table", {
      asks: () => ({}),
      score: ({ rows }) => ({
        numbers: { rows: rows.length },
        records,
        verdict,
      }),
    })],
    training: { eval_on_start: true },
  });
  assert.deepEqual(of("eval").map((e) => e.eval_table_rows), [3, 3]);
  const results = of("result");
  assert.deepEqual(results.map((e) => e.step), [0, 3]);
  for (const { step, path, ...event } of results) {
    assert.equal(path, folder.at("a", "evaluations", `table-${step}.jsonl`));
    assert.deepEqual(event.records, records);
    assert.deepEqual(event.verdict, verdict);
    const lines = Deno.readTextFileSync(path ?? "").trimEnd().split("\n");
    assert.deepEqual(lines.map((line) => JSON.parse(line)), records);
  }
});

Deno.test("evaluators that need no rows run without rows for evaluation", async () => {
  using folder = testFolder();
  const { of } = await runConfig(tinyRun(folder.at("a"), {
    evaluators: [recorder("one", { questions: [ask("abc")] })],
    training: { max_steps: 2 },
  }));
  assert.equal(of("result").length, 1);
  assert.deepEqual(of("eval").map((e) => e.eval_loss), [null]);
});

Deno.test("a figure that would overwrite eval_loss ends the run, naming evaluator and plugin", async () => {
  using folder = testFolder();
  await assert.rejects(
    evaluated("a", folder.path, {
      evaluators: [
        evaluator("loss", {
          asks: () => ({}),
          score: () => ({ numbers: { "": 1 } }),
        }),
      ],
      training: { max_steps: 1 },
    }),
    /evaluator "loss" of plugin .* gave `eval_loss`, which is a figure of the run itself/,
  );
});

Deno.test("an evaluator that throws is named; what it cannot ask is said before the device wakes", async () => {
  using folder = testFolder();
  const fails = (name: string, made: Partial<Evaluator>) =>
    assert.rejects(
      evaluated(name, folder.path, {
        evaluators: [
          evaluator(name, {
            asks: () => ({}),
            score: () => ({ numbers: {} }),
            ...made,
          }),
        ],
        training: { max_steps: 1 },
      }),
      (error: Error) => {
        assert.match(error.message, new RegExp(`evaluator "?${name}`));
        return true;
      },
    );
  const boom = () => {
    throw new TypeError("boom");
  };
  await fails("scores", { score: boom });
  await fails("asks", { asks: boom });
  await fails("shapes", { asks: () => JSON.parse(`{"questions":[{}]}`) });
  await fails("empty", { asks: () => ({ questions: [ask("")] }) });
  assert.throws(() => Deno.statSync(folder.at("empty")), Deno.errors.NotFound);
});

Deno.test("the same figure of two evaluators is refused, naming both", async () => {
  using folder = testFolder();
  const twice = () =>
    evaluator("twice", {
      asks: () => ({}),
      score: () => ({ numbers: { "": 1 } }),
    });
  await assert.rejects(
    evaluated("a", folder.path, {
      evaluators: [twice(), twice()],
      training: { max_steps: 1 },
    }),
    /`eval_twice`, which is a figure of the evaluator "twice"/,
  );
});

Deno.test("questions to a model that cannot write token by token are refused before anything is computed", async () => {
  using folder = testFolder();
  const blind = definePart({
    kind: "objective",
    name: "blind",
    description: "For a test",
    options: z.strictObject({}),
    create: (): Objective => ({
      attention: "bidirectional",
      inputs: (): Inputs => {
        throw new Error("nothing is trained here");
      },
    }),
  });
  await assert.rejects(
    evaluated("a", folder.path, {
      objective: choose(blind, {}),
      evaluators: [{ use: "exact-match" }],
    }),
    /The evaluator exact-match asks for answers, which a model trained with this objective does not write/,
  );
});

Deno.test("texts are scored token by token: the loss of the rows for evaluation, by the tuned model and its base", async () => {
  using folder = testFolder();
  const told: {
    readonly from: number;
    readonly ids: readonly number[];
    readonly loss: number;
    readonly entropy: number;
  }[] = [];
  const mean = (of: readonly Float32Array[]) => {
    const all = of.flatMap((values) => [...values]);
    return all.reduce((a, b) => a + b, 0) / all.length;
  };
  const scoring = (of: "tuned" | "base") =>
    evaluator(`scoring-${of}`, {
      asks: (rows) => ({
        texts: rows.map(({ request, expected }) => ({
          after: request,
          text: `${expected}<|eos|>`,
          of,
        })),
      }),
      score: ({ scores }) => {
        for (const { from, ids, logProbabilities, entropies } of scores) {
          assert.equal(logProbabilities.length, ids.length - from);
          assert.equal(entropies.length, ids.length - from);
          told.push({
            from,
            ids,
            loss: -mean([logProbabilities]),
            entropy: mean([entropies]),
          });
        }
        return {
          numbers: {
            loss: -mean(scores.map((s) => s.logProbabilities)),
            entropy: mean(scores.map((s) => s.entropies)),
          },
        };
      },
    });
  const { of } = await evaluated("a", folder.path, {
    evaluators: [scoring("tuned"), scoring("base")],
    optimizer: { use: "adamw", learning_rate: 0.02 },
    training: { max_steps: 4, eval_on_start: true },
  });
  const [first, last] = of("eval");
  const near = (a: unknown, b: unknown) =>
    assert.ok(Math.abs(Number(a) / Number(b) - 1) < 1e-6, `${a} and ${b}`);
  near(first.eval_scoring_tuned_loss, first.eval_loss);
  near(last.eval_scoring_tuned_loss, last.eval_loss);
  near(first.eval_scoring_base_loss, first.eval_loss);
  assert.equal(last.eval_scoring_base_loss, first.eval_scoring_base_loss);
  assert.notEqual(last.eval_loss, first.eval_loss);
  // a fresh model chooses among 259 tokens almost evenly; none is surer than it can be
  const entropy = Number(first.eval_scoring_base_entropy);
  assert.ok(entropy > 5 && entropy <= Math.log(259), String(entropy));
  assert.ok(Number(last.eval_scoring_tuned_entropy) < entropy);
});
