import assert from "node:assert/strict";
import { testData } from "../../../test_data.ts";
import { analyze } from "@denotune/denotune";

const file = testData("instruct/alpaca_999.json");

// the figures were computed once with Python's own string functions, Counter and numpy, and by comparing all pairs
Deno.test({
  name: "alpaca_999 has the figures that were counted by other means",
  ignore: file === null,
  fn: async () => {
    const report = await analyze(file ?? "");
    assert.equal(report.subject.token_unit, "bytes");
    assert.equal(report.metrics.rows, 999);
    assert.equal(report.avg_instruction_length, 10153 / 999);
    assert.equal(report.avg_output_length, 113757 / 999);
    assert.equal(report.max_instruction_length, 73);
    assert.equal(report.max_output_length, 429);
    assert.equal(report.diversity, 985 / 999);
    assert.deepEqual(
      report.openings.instructions.map((o) => [o.opening, o.count]),
      [
        ["Given the following ", 11],
        ["Rewrite the followin", 9],
        ["Compare and contrast", 8],
        ["Classify the followi", 6],
      ],
    );
    assert.deepEqual(
      new Set(report.repetitive_outputs),
      new Set([
        "Once upon a time, in",
        "As an AI assistant, ",
        "Once upon a time, th",
      ]),
    );
    assert.equal(report.metrics.duplicates.count, 14);
    assert.equal(report.metrics.near_duplicates.count, 0);
    const { distinct_1, distinct_2 } = report.distinct;
    assert.deepEqual([distinct_1.distinct, distinct_1.total], [19688, 113757]);
    assert.deepEqual([distinct_2.distinct, distinct_2.total], [71217, 112758]);
    const words = report.lengths.response_words;
    assert.deepEqual([words?.median, words?.p90], [81, 279]);
    assert.ok(Math.abs((words?.p99 ?? 0) - 384.02) < 1e-9);
    assert.equal(report.languages[0].language, "English");
  },
});
