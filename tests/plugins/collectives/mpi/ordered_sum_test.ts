import assert from "node:assert/strict";
import {
  BFLOAT16,
  FLOAT32,
  sumOfPieces,
} from "../../../../plugins/collectives/mpi/ordered_sum.ts";

Deno.test("pieces are added in the order of the ranks, rounded to float32 each time", () => {
  // 2^24 + 1 + 1: the ones are lost one by one; 1 + 1 + 2^24: they are not
  assert.deepEqual(
    sumOfPieces(Float32Array.of(2 ** 24, 1, 1, 1, 1, 2 ** 24), 2),
    Float32Array.of(2 ** 24, 2 ** 24 + 2),
  );
  assert.deepEqual(
    sumOfPieces(Float32Array.of(2 ** 24, 1, 1), 1),
    Float32Array.of(2 ** 24),
  );
});

Deno.test("float32 keeps all bits on the way, bfloat16 the upper half, NaN stays NaN", () => {
  const values = Float32Array.of(1, -0.1, 3e38, NaN, 0);
  const bytesOf = (view: ArrayBufferView<ArrayBuffer>) =>
    view.buffer.slice(view.byteOffset, view.byteOffset + view.byteLength);
  assert.deepEqual(FLOAT32.decode(bytesOf(FLOAT32.encode(values))), values);
  const rounded = BFLOAT16.decode(bytesOf(BFLOAT16.encode(values)));
  assert.equal(BFLOAT16.encode(values).byteLength, 10);
  assert.deepEqual([rounded[0], rounded[3], rounded[4]], [1, NaN, 0]);
  assert.ok(Math.abs(rounded[1] / -0.1 - 1) < 2 ** -8);
});
