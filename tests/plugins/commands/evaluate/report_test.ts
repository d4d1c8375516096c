/** The report of `evaluate`: tables side by side, conditions, and a page in which text of a model does nothing. */
import assert from "node:assert/strict";
import {
  failedConditions,
  parseCondition,
} from "../../../../plugins/commands/evaluate/conditions.ts";
import type { EvaluationReport } from "../../../../plugins/commands/evaluate/report.ts";
import { reportPage } from "../../../../plugins/commands/evaluate/report_page.ts";
import { joinTables } from "../../../../plugins/commands/evaluate/side_by_side.ts";

const EVIL = `</td></table><script>alert("1")</script><img src=x onerror=y>`;

function report(): EvaluationReport {
  const model = (name: string, is_base: boolean, score: number) => ({
    name,
    path: `/models/${name}`,
    model_type: "llama",
    is_base,
    metrics: { rouge_rougeL: score, rouge_rouge1: score },
    evaluators: [{
      evaluator: "rouge",
      records: Array.from({ length: 9 }, (_, i) => ({
        prompt: EVIL,
        generated: `${name} ${i}`,
        score: score * i / 9,
      })),
      verdict: { passed: !is_base, reason: EVIL },
    }],
  });
  return {
    denotune: "0",
    seed: 1,
    rows: 9,
    models: [model("base", true, 0.2), model(`tuned ${EVIL}`, false, 0.4)],
    failed: [],
  };
}

Deno.test("a column that says the same for all models is shown once, the others once a model", () => {
  const table = joinTables(
    report().models.map(({ name, evaluators: [{ records }] }) => ({
      model: name,
      records,
    })),
  );
  assert.deepEqual(table?.columns.map(({ name }) => name), [
    "prompt",
    "generated",
    "generated",
    "score",
    "score",
  ]);
  assert.equal(table.rows.length, 9);
  assert.equal(
    joinTables([
      { model: "a", records: [{ x: 1 }] },
      { model: "b", records: [{ x: 2 }] },
    ]),
    null,
    "rows about different things",
  );
});

Deno.test("nothing that a model wrote is markup in the page", () => {
  const html = [...reportPage(report())].join("");
  assert.doesNotMatch(html, /<script|<img/);
  assert.match(html, /&lt;script&gt;/);
  assert.match(html, /default-src &#39;none&#39;/);
  assert.equal(html, [...reportPage(report())].join(""), "the same each time");
});

Deno.test("a condition compares each tuned model, with a number or with the base", () => {
  const failed = (text: string) =>
    failedConditions([parseCondition(text, ["rouge"])], report())
      .map(({ found, limit }) => [found, limit]);
  assert.deepEqual(failed("rouge<0.3"), []);
  assert.deepEqual(failed("rouge>30%"), [[0.4, 0.3]]);
  assert.deepEqual(failed("eval_rouge_rouge1>base"), [[0.4, 0.2]]);
  assert.throws(() => failed("rouge_rogue1<1"), /did you mean `rouge_rouge1`/);
  assert.throws(
    () => parseCondition("bleu<1", ["rouge"]),
    /no figure of rouge/,
  );
});
