/** `evaluate` from the command line: a base, an adapter on it, and what the report says of both. */
import assert from "node:assert/strict";
import type { Json } from "../../../../core/mod.ts";
import { run } from "../../../core/cli/_run.ts";
import {
  runConfig,
  type TestFolder,
  testFolder,
  TINY_LLAMA,
  tinyRun,
} from "../../../run_harness.ts";

const ROWS = ["a", "b", "c", "d"].map((letter) => ({
  instruction: `Say ${letter}`,
  output: letter,
  category: letter < "c" ? "low" : "high",
}));

/** A base trained a little, an adapter on it, and the base with all its weights trained until it knew the rows. */
async function trained(folder: TestFolder) {
  const path = folder.at("rows.jsonl");
  Deno.writeTextFileSync(path, ROWS.map((r) => JSON.stringify(r)).join("\n"));
  const data = {
    train: [{ path, format: "alpaca" }],
    eval: [{ path, format: "alpaca" }],
    template: { use: "plain", separator: "\n" },
    max_length: 64,
  };
  const common = {
    backend: "reference",
    data,
    evaluators: [{ use: "exact-match", max_new_tokens: 6 }],
  };
  await runConfig(tinyRun(folder.at("base"), {
    ...common,
    model: {
      from_config: { ...TINY_LLAMA, hidden_size: 16, num_hidden_layers: 1 },
    },
    training: { epochs: 1, batch_size: 4 },
  }));
  const onBase = {
    ...common,
    model: { path: folder.at("base") },
    tokenizer: "huggingface",
    optimizer: { use: "adamw", learning_rate: 0.03 },
  };
  await runConfig(tinyRun(folder.at("adapter"), {
    ...onBase,
    adapter: { use: "lora", r: 4, target_modules: "all-linear" },
    training: { epochs: 2, batch_size: 4 },
  }));
  const { result } = await runConfig(tinyRun(folder.at("tuned"), {
    ...onBase,
    training: { epochs: 40, batch_size: 4, save_steps: null },
  }));
  return result.metrics;
}

interface Report {
  readonly rows: number;
  readonly models: readonly {
    readonly name: string;
    readonly is_base: boolean;
    readonly metrics: Readonly<Record<string, number>>;
    readonly evaluators: readonly {
      readonly records: readonly Readonly<Record<string, Json>>[];
    }[];
  }[];
  readonly failed: readonly { readonly condition: string }[];
}

function isReport(value: unknown): value is Report {
  return typeof value === "object" && value !== null && "models" in value;
}

function reportIn(out: string): Report {
  const report: unknown = JSON.parse(out);
  assert.ok(isReport(report));
  return report;
}

Deno.test("evaluate gives what training's last evaluation gave, compares, fails on conditions and repeats itself", async (t) => {
  using folder = testFolder();
  const metrics = await trained(folder);
  const [base, tuned, adapter] = ["base", "tuned", "adapter"].map((name) =>
    folder.at(name)
  );
  const cpu = ["--backend", "reference"];

  await t.step("the run's own rows and evaluators", async () => {
    const { code, out, err } = await run("evaluate", tuned, "--json", ...cpu);
    assert.equal(code, 0, err);
    const { rows, models } = reportIn(out);
    assert.equal(rows, 4);
    assert.equal(models.length, 1);
    assert.equal(models[0].metrics.exact_match, metrics.eval_exact_match);
    assert.ok(Number(metrics.eval_exact_match) > 0.5);
    assert.equal(
      models[0].metrics.exact_match_low,
      metrics.eval_exact_match_low,
    );
  });

  const table = ["-e", "{use: generation-table, max_new_tokens: 6}"];

  for (
    const [what, path] of [
      ["an adapter", adapter],
      ["trained weights", tuned],
    ]
  ) {
    await t.step(`the base of ${what} answers as its folder does`, async () => {
      const asked = [...table, "--json", ...cpu];
      const own = await run("evaluate", path, "--compare", "base", ...asked);
      assert.equal(own.code, 0, own.err);
      const other = await run("evaluate", "--compare", base, path, ...asked);
      assert.equal(other.code, 0, other.err);
      const [a, b] = [own, other].map(({ out }) => reportIn(out).models);
      assert.deepEqual(a.map((m) => m.is_base), [true, false]);
      assert.deepEqual(a.map((m) => m.evaluators), b.map((m) => m.evaluators));
      assert.notDeepEqual(a[0].evaluators, a[1].evaluators);
      const words = ["--compare", "base", "tuned"];
      const both = await run("evaluate", path, ...words, ...asked);
      assert.equal(both.out, own.out, "`--compare base tuned`: both sides");
    });
  }

  await t.step(
    "tables are kept as JSON Lines, in the run's folder or another",
    async () => {
      const kept = `${tuned}/evaluations/generation-table.jsonl`;
      const lines = Deno.readTextFileSync(kept).trimEnd().split("\n");
      assert.equal(lines.length, 4);
      assert.deepEqual(Object.keys(JSON.parse(lines[0])), [
        "instruction",
        "expected",
        "generated",
      ]);
      const to = folder.at("kept");
      await run("evaluate", base, tuned, ...table, "--records", to, ...cpu);
      assert.deepEqual([...Deno.readDirSync(to)].map((e) => e.name).sort(), [
        "base-generation-table.jsonl",
        "tuned-generation-table.jsonl",
      ]);
    },
  );

  await t.step(
    "the same seed gives the same report and page, another seed another one",
    async () => {
      const asked = async (seed: string, page: string) => {
        const { out } = await run(
          "evaluate",
          base,
          ...["-e", "{use: generation-table, temperature: 1}", "--seed", seed],
          ...["--html", folder.at(page), "--json", ...cpu],
        );
        return [out, Deno.readTextFileSync(folder.at(page))];
      };
      const first = await asked("1", "a.html");
      assert.deepEqual(await asked("1", "b.html"), first);
      assert.notDeepEqual(await asked("2", "c.html"), first);
      assert.match(first[1], /<h2 id="evaluator-0">generation-table<\/h2>/);
    },
  );

  await t.step(
    "--fail-on makes the exit code 1 where it holds, and says what was found",
    async () => {
      const asked = (...more: string[]) =>
        run("evaluate", tuned, "--compare", base, ...cpu, ...more);
      const kept = await asked("--fail-on", "exact-match<30%");
      assert.equal(kept.code, 0, kept.err);
      const failed = await asked(
        "--fail-on",
        "exact_match>0.3",
        "--fail-on",
        "eval_exact_match>base",
      );
      assert.equal(failed.code, 1);
      assert.match(failed.err, /failed exact_match>0\.3: .*tuned has /);
      assert.match(failed.err, /failed eval_exact_match>base: .*, the base /);
      assert.match(failed.out, /change/);
      const unknown = await asked("--fail-on", "rouge<0.3");
      assert.equal(unknown.code, 2);
      assert.match(unknown.err, /`rouge` is no figure of exact-match/);
    },
  );

  await t.step("rows of a file, without a run", async () => {
    const { code, out, err } = await run(
      "evaluate",
      base,
      ...["--data", folder.at("rows.jsonl"), "-e", "instruction-following"],
      ...["--config", `${tuned}/config.resolved.yaml`, ...cpu],
    );
    assert.equal(code, 0, err);
    assert.match(out, /instruction_following_completion_rate +[0-9.]+\n/);
  });

  await t.step(
    "what cannot be asked is said before anything is computed",
    async () => {
      const nothing = await run("evaluate", folder.at("rows"), ...cpu);
      assert.equal(nothing.code, 2);
      const missing = await run("evaluate", base, "--compare", "base", ...cpu);
      assert.equal(missing.code, 2);
      assert.match(missing.err, /was trained from is not known/);
    },
  );
});
