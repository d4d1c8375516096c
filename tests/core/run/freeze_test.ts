import assert from "node:assert/strict";
import type { WeightSpec } from "../../../core/contracts/model.ts";
import { frozenWeights } from "../../../core/engine/trainables.ts";

const weights: WeightSpec[] = [
  "model.embed_tokens.weight",
  "model.layers.0.mlp.up_proj.weight",
  "model.layers.1.mlp.up_proj.weight",
  "model.layers.10.mlp.up_proj.weight",
].map((name) => ({ name, shape: [2, 2], init: { kind: "zeros" } }));

Deno.test("model.freeze chooses weights by whole names, with * for anything", () => {
  assert.deepEqual([...frozenWeights(["model.layers.1.*"], weights)], [
    "model.layers.1.mlp.up_proj.weight",
  ]);
  assert.equal(frozenWeights(["*.up_proj.weight"], weights).size, 3);
  assert.equal(frozenWeights([], weights).size, 0);
});

Deno.test("model.freeze refuses a pattern that matches nothing, and names some weights", () => {
  assert.throws(
    () => frozenWeights(["model.layer.*"], weights),
    /"model\.layer\.\*" matches no weight.*model\.embed_tokens\.weight/,
  );
  // a dot is a dot
  assert.throws(() => frozenWeights(["model_embed_tokens.weight"], weights));
});
