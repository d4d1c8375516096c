import assert from "node:assert/strict";
import {
  editDistance,
  nearest,
} from "../../../../core/config/parse/nearest.ts";

Deno.test("edit distance counts inserts, deletes, replacements and swaps", () => {
  assert.equal(editDistance("", "abc"), 3);
  assert.equal(editDistance("lerning", "learning"), 1);
  assert.equal(editDistance("adamm", "adamw"), 1);
  assert.equal(editDistance("cosnie", "cosine"), 1, "two neighbours swapped");
  assert.equal(editDistance("same", "same"), 0);
});

Deno.test("the nearest name is found, whatever its case and dashes", () => {
  const known = ["learning_rate", "betas", "eps", "weight_decay"];
  assert.equal(nearest("lerning_rate", known), "learning_rate");
  assert.equal(nearest("Learning-Rate", known), "learning_rate");
  assert.equal(nearest("decay", known), "weight_decay");
});

Deno.test("nothing is suggested where nothing is near", () => {
  assert.equal(nearest("qwertz", ["learning_rate", "eps"]), null);
  assert.equal(nearest("lr", ["r", "eps"]), null);
  assert.equal(nearest("x".repeat(10_000), ["eps"]), null);
});
