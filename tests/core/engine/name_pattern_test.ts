import assert from "node:assert/strict";
import { namePattern } from "../../../core/engine/name_pattern.ts";

Deno.test("a pattern of names: * is any run of characters, all else is itself", () => {
  const cases: readonly [string, string, boolean][] = [
    ["lm_head.weight", "lm_head.weight", true],
    ["lm_head.weight", "lm_headxweight", false],
    ["*", "", true],
    ["model.*", "model.", true],
    ["*.weight", "a.weight", true],
    ["*.weight", "a.weights", false],
    ["a*a", "a", false],
    ["a*a", "aa", true],
    ["*layers.1.*.weight", "model.layers.1.mlp.up.weight", true],
    ["*layers.1.*.weight", "model.layers.11.mlp.up.weight", false],
    ["*ab*ab*", "xabyab", true],
    ["*ab*ab*", "xab", false],
    ["a.*b+(c)*", "a.xb+(c)", true],
  ];
  for (const [pattern, name, expected] of cases) {
    assert.equal(namePattern(pattern)(name), expected, `${pattern} ${name}`);
  }
});

Deno.test("a pattern of many * takes no time", () => {
  const rule = namePattern(`${"*a".repeat(200)}*b`);
  assert.equal(rule("a".repeat(20_000)), false);
});
