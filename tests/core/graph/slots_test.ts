import assert from "node:assert/strict";
import { Memory } from "../../../core/graph/memory.ts";
import { Slots } from "../../../core/graph/slots.ts";

const memory = () => new Memory({ alignment: 4, maxBufferBytes: 2 ** 30 });

/** Takes places as `[bytes, first node, last node]` says; gives their buffers. */
function buffersOf(
  lives: readonly (readonly [number, number, number])[],
  pool: Memory,
): number[] {
  const slots = new Slots();
  const places: number[] = [];
  for (let node = 0; node < 20; node++) {
    slots.moveTo(node);
    lives.forEach(([bytes, from], i) => {
      if (from === node) places[i] = slots.take(bytes);
    });
    lives.forEach(([, , to], i) => {
      if (to === node) slots.release(places[i]);
    });
  }
  const bufferOf = slots.assign(pool);
  return places.map(bufferOf);
}

Deno.test("a small value that lives long does not take a large buffer", () => {
  const pool = memory();
  const [large, small, later] = buffersOf(
    [[400, 0, 2], [16, 3, 12], [400, 4, 6]],
    pool,
  );
  assert.equal(later, large);
  assert.notEqual(small, large);
  assert.equal(pool.report().activations, 416);
});

Deno.test("values that live at the same node never share a buffer", () => {
  const lives = Array.from({ length: 60 }, (_, i) => {
    const from = (i * 7) % 15;
    return [4 + (i * 52) % 400, from, from + (i * 3) % 5] as const;
  });
  const buffers = buffersOf(lives, memory());
  lives.forEach(([, from, to], a) =>
    lives.forEach(([, otherFrom, otherTo], b) => {
      if (a !== b && from <= otherTo && otherFrom <= to) {
        assert.notEqual(buffers[a], buffers[b]);
      }
    })
  );
});

Deno.test("programs share the pool, and a place that is not given back stays to the end", () => {
  const pool = memory();
  const first = buffersOf([[100, 0, 3], [50, 1, 2]], pool);
  const second = buffersOf([[80, 0, 99], [60, 2, 4]], pool);
  assert.deepEqual(new Set(second), new Set(first));
  assert.equal(pool.report().activations, 160);
});
