import assert from "node:assert/strict";
import { initialWeights } from "../../../core/io/initial_weights.ts";

const NORMAL = { kind: "normal", std: 0.02 } as const;

Deno.test("initial weights depend on seed and name alone", () => {
  const spec = { name: "a.weight", shape: [8, 4], init: NORMAL };
  const first = initialWeights(spec, 1);
  assert.deepEqual(initialWeights(spec, 1), first);
  assert.notDeepEqual(initialWeights(spec, 2), first);
  assert.notDeepEqual(initialWeights({ ...spec, name: "b.weight" }, 1), first);
});

Deno.test("initial weights have the mean and deviation asked for", () => {
  const w = initialWeights({ name: "w", shape: [400, 500], init: NORMAL }, 3);
  const mean = w.reduce((a, b) => a + b, 0) / w.length;
  const deviation = Math.sqrt(w.reduce((a, b) => a + b * b, 0) / w.length);
  // 200,000 draws: four standard errors
  assert.ok(Math.abs(mean) < 4 * 0.02 / Math.sqrt(w.length));
  assert.ok(Math.abs(deviation / 0.02 - 1) < 4 / Math.sqrt(2 * w.length));
});

Deno.test("norms start at one, biases at zero", () => {
  const of = (kind: "ones" | "zeros") =>
    initialWeights({ name: "x", shape: [3], init: { kind } }, 1);
  assert.deepEqual([...of("ones")], [1, 1, 1]);
  assert.deepEqual([...of("zeros")], [0, 0, 0]);
});
