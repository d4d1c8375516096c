import assert from "node:assert/strict";
import {
  addInOrder,
  BFLOAT16,
  FLOAT32,
} from "../../../../plugins/collectives/mpi/ordered_sum.ts";

Deno.test("pieces are added in the order of the ranks, rounded to float32 each time", () => {
  // 2^24 + 1 + 1: the ones are lost one by one; 1 + 1 + 2^24: they are not
  const pieces = [[2 ** 24, 1], [1, 1], [1, 2 ** 24]].map((piece) =>
    Float32Array.from(piece)
  );
  const wanted = Float32Array.of(2 ** 24, 2 ** 24 + 2);
  for (const into of [new Float32Array(2), ...pieces]) {
    const kept = pieces.map((piece) => piece === into ? into : piece.slice());
    const given = into.slice();
    addInOrder(kept, into);
    assert.deepEqual(into, wanted);
    into.set(given);
  }
  const long = Float32Array.from({ length: 10_001 }, (_, i) => i);
  addInOrder([long, long.slice(), long.slice()], long);
  assert.deepEqual(long, Float32Array.from(long, (_, i) => 3 * i));
});

Deno.test("float32 keeps all bits on the way, bfloat16 the upper half, NaN stays NaN", () => {
  const values = Float32Array.of(1, -0.1, 3e38, NaN, 0);
  assert.deepEqual(FLOAT32.decode(FLOAT32.encode(values)), values);
  const rounded = BFLOAT16.decode(BFLOAT16.encode(values));
  assert.equal(BFLOAT16.encode(values).byteLength, 10);
  assert.deepEqual([rounded[0], rounded[3], rounded[4]], [1, NaN, 0]);
  assert.ok(Math.abs(rounded[1] / -0.1 - 1) < 2 ** -8);
});
