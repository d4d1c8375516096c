/** `multiple-choice` against lm-eval: 200 questions, made by tests/golden/make_multiple_choice.py. */
import assert from "node:assert/strict";
import golden from "../../golden/multiple_choice.json" with { type: "json" };
import { run } from "../../core/cli/_run.ts";
import { testFolder } from "../../run_harness.ts";
import { testData } from "../../test_data.ts";

const model = testData("models/stories260k");
const ALL = Deno.env.get("DENOTUNE_TEST_ALL") === "1";

Deno.test({
  name:
    "multiple-choice has lm-eval's accuracies, and its log-likelihoods, on 200 questions",
  ignore: model === null,
  async fn() {
    using folder = testFolder();
    assert.equal(golden.rows.length, 200);
    // every question in the full run: the sample has its own accuracies
    const rows = golden.rows.filter((_, i) => ALL || i % 4 === 0);
    const lines = rows.map(({ question, choices, answer }) =>
      JSON.stringify({ question, choices, answer })
    );
    Deno.writeTextFileSync(folder.at("rows.jsonl"), lines.join("\n"));
    const { code, out, err } = await run(
      "evaluate",
      model ?? "",
      ...["-e", `{use: multiple-choice, file: ${folder.at("rows.jsonl")}}`],
      ...["--json", "--backend", "cpu"],
    );
    assert.equal(code, 0, err);
    const report = JSON.parse(out);
    const { metrics, evaluators: [{ records }] } = report.models[0];
    const share = (of: (row: typeof rows[number]) => readonly number[]) =>
      rows.filter((row) => {
        const values = of(row);
        return values.indexOf(Math.max(...values)) === row.answer;
      }).length / rows.length;
    const acc = share((r) => r.log_likelihoods);
    const normed = share((r) =>
      r.log_likelihoods.map((sum, c) => sum / [...r.choices[c]].length)
    );
    if (ALL) assert.deepEqual([acc, normed], [golden.acc, golden.acc_norm]);
    assert.equal(metrics.multiple_choice, acc);
    assert.equal(metrics.multiple_choice_by_length, normed);
    rows.forEach((row, i) => {
      const found = records[i].log_probability;
      // float32 sums of up to fifty tokens on both sides
      const expected = row.log_likelihoods[row.answer];
      assert.ok(Math.abs(found - expected) < 2e-4, `${found}, ${expected}`);
    });
  },
});
