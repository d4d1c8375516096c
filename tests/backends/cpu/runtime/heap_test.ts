import assert from "node:assert/strict";
import { Heap } from "../../../../backends/cpu/runtime/heap.ts";

Deno.test("blocks do not overlap, are aligned, and are zero when they are used again", () => {
  const heap = new Heap(2 ** 26);
  const a = heap.allocate(1000, "a"),
    b = heap.allocate(5000, "b"),
    c = heap.allocate(1, "c");
  assert(a % 64 === 0 && b % 64 === 0 && c % 64 === 0);
  assert(b >= a + 1000 && c >= b + 5000);
  heap.bytes(b, 5000).fill(7);
  heap.free(b);
  const again = heap.allocate(3000, "again");
  assert.equal(again, b);
  assert(heap.bytes(again, 3000).every((byte) => byte === 0));
});

Deno.test("freed neighbours join", () => {
  const heap = new Heap(2 ** 26);
  const blocks = [1, 2, 3, 4].map((i) => heap.allocate(10_000, `block ${i}`));
  for (const i of [0, 2, 1]) heap.free(blocks[i]);
  assert.equal(heap.allocate(30_000, "all three"), blocks[0]);
});

Deno.test("the memory grows, and refuses beyond its limit with the sizes", () => {
  const heap = new Heap(2 ** 26);
  heap.allocate(40_000_000, "weights");
  assert.throws(() => heap.allocate(40_000_000, "logits"), {
    name: "DeviceError",
    message:
      /Cannot allocate 40\.0 MB for logits: 40\.0 MB are in use and the limit is 67\.1 MB/,
  });
});
