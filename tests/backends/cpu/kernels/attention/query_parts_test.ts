/** The backward pass of few heads is cut into parts: dK and dV keep their bits, dQ its value. */
import assert from "node:assert/strict";
import { geometryOf } from "../../../../../backends/cpu/kernels/attention/geometry.ts";
import { partsOf } from "../../../../../backends/cpu/kernels/attention/query_parts.ts";
import { openCpu } from "../../open.ts";
import { attributesOf, type Results, runAttention } from "./_run.ts";

/** Gradients of the first row of a batch of equal rows, with two segments in each. */
async function gradients(B: number, workers: number): Promise<Results> {
  await using device = await openCpu({ workers, blas: "auto" });
  const sizes = { B, T: 520, heads: 2, kvHeads: 1 };
  return await runAttention(device, sizes, {
    segmentOf: (position) => position < 300 ? 1 : 2,
  });
}

Deno.test("parts of few heads give what whole heads give, on any number of workers", async () => {
  const { dQ, ...whole } = await gradients(8, 1);
  const inParts = await gradients(1, 1);
  const { dQ: ofParts, ...others } = inParts;
  assert.deepEqual(others, whole);
  assert.notDeepEqual(ofParts, dQ);
  ofParts.forEach((x, i) =>
    assert.ok(Math.abs(x - dQ[i]) < 1e-5, `${x}, not ${dQ[i]}, at ${i}`)
  );
  assert.deepEqual(await gradients(1, 3), inParts);
});

Deno.test("few heads of long rows are cut until there are eight pieces, or four of each", () => {
  const count = (B: number, kvHeads: number, T: number) => {
    const attributes = attributesOf({ B, T, heads: kvHeads, kvHeads });
    const g = geometryOf({ attributes, products: "blas", capacity: T });
    return partsOf(attributes, g, {});
  };
  assert.equal(count(1, 3, 2048), 4);
  assert.equal(count(1, 4, 2048), 2);
  assert.equal(count(1, 1, 2048), 4);
  assert.equal(count(4, 3, 2048), 1);
  assert.equal(count(1, 12, 2048), 1);
  assert.equal(count(1, 3, 512), 2);
  assert.equal(count(1, 3, 256), 1);
});
