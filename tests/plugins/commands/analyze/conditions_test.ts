import assert from "node:assert/strict";
import { ConfigError } from "@denotune/denotune/core";
import {
  emptyConditions,
  failedConditions,
  parseCondition,
} from "../../../../plugins/commands/analyze/conditions.ts";
import { analyzeRows, pair } from "./_analyze.ts";

Deno.test("conditions compare counts, shares and numbers", async () => {
  const { metrics } = await analyzeRows([
    pair("a", "one two"),
    pair("a", "one two"),
    pair("b", "one two three four"),
    pair("c", "five six"),
  ]);
  const fails = (text: string) =>
    failedConditions([parseCondition(text)], metrics).length === 1;
  assert.ok(fails("duplicates>20%"));
  assert.ok(fails("duplicates >= 1"));
  assert.ok(!fails("duplicates>1"));
  assert.ok(!fails("duplicates>25%"));
  assert.ok(fails("diversity<80%"));
  assert.ok(fails("diversity<0.8"));
  assert.ok(fails("avg_output_length<=2.5"));
  assert.ok(!fails("leakage>0"));
  assert.deepEqual(
    failedConditions([parseCondition("duplicates>20%")], metrics),
    [
      { condition: "duplicates>20%", found: 0.25, found_text: "25% (1 of 4)" },
    ],
  );
  assert.deepEqual(
    emptyConditions(["leakage>0", "duplicates>1"].map(parseCondition), metrics)
      .map((c) => c.text),
    ["leakage>0"],
  );
});

Deno.test("a condition that cannot be read names the metrics", () => {
  for (
    const text of [
      "duplicates",
      "duplicates=5",
      ">5",
      "duplicates>x",
      "duplicates>5%%",
    ]
  ) {
    assert.throws(() => parseCondition(text), ConfigError);
  }
  assert.throws(
    () => parseCondition("duplicate>5%"),
    /There is no metric `duplicate`; did you mean `duplicates`\?.*near_duplicates/s,
  );
  assert.throws(() => parseCondition("rows>5%"), /is no share: write rows>5/);
});
