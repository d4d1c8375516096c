import assert from "node:assert/strict";
import type { Evaluation } from "../../../../core/mod.ts";
import {
  checkRecords,
  metricsOf,
} from "../../../../core/run/evaluation/check_result.ts";

const who = (name: string) => ({
  name,
  described: `evaluator "${name}" of plugin "acme" (./acme.ts)`,
});

Deno.test("figures get the evaluator's name in front", () => {
  const result = { numbers: { "": 0.5, avg_length: 3, größe_2: 0 } };
  assert.deepEqual(
    [...metricsOf(result, who("exact-match"), new Map())],
    [
      ["eval_exact_match", 0.5],
      ["eval_exact_match_avg_length", 3],
      ["eval_exact_match_größe_2", 0],
    ],
  );
});

const wrong: [string, unknown, RegExp][] = [
  ["nan", { numbers: { "": NaN } }, /gave its figure as NaN/],
  ["infinite", { numbers: { a: Infinity } }, /gave `a` as Infinity/],
  ["text", { numbers: { share: "0.5" } }, /gave `share` as "0\.5"/],
  ["none", { numbers: { share: null } }, /gave `share` as null/],
  ["odd", { numbers: { "a b": 1 } }, /a figure named "a b"/],
  ["nothing", undefined, /expected \{numbers/],
  ["number", 0.5, /gave 0\.5; expected \{numbers/],
  ["old", { "": 0.5 }, /expected \{numbers/],
  ["rows", { numbers: {}, records: { a: 1 } }, /as records; expected a list/],
  ["row", { numbers: {}, records: [{}, 1] }, /gave 1 as record 1/],
  ["code", { numbers: {}, records: [{ f: () => 1 }] }, /as record 0/],
  ["sure", { numbers: {}, verdict: "yes" }, /gave "yes" as verdict/],
  ["mute", { numbers: {}, verdict: { passed: true } }, /as verdict/],
  [
    "taken",
    { numbers: { "": 1 } },
    /`eval_taken`, which is a figure of the run itself/,
  ],
];

for (const [name, result, message] of wrong) {
  Deno.test(`a result that is none names the evaluator and its plugin: ${name}`, () => {
    const taken = new Map([["eval_taken", "the run itself"]]);
    assert.throws(
      () => {
        metricsOf(result as Evaluation, who(name), taken);
        checkRecords(result as Evaluation, who(name));
      },
      (error: Error) => {
        assert.equal(error.name, "PluginError");
        assert.ok(error.message.includes(who(name).described), error.message);
        assert.match(error.message, message);
        return true;
      },
    );
  });
}
