import assert from "node:assert/strict";
import { NumberList } from "../../../../core/data/number_list.ts";
import { smoothed, thinned } from "../../../../core/run/log/curves.ts";
import { randomFrom } from "../../../../core/mod.ts";

function listOf(values: Iterable<number>): NumberList {
  const list = new NumberList("float64");
  for (const value of values) list.push(value);
  return list;
}

Deno.test("a thinned curve keeps every extreme: its range is that of all points, in every stretch", () => {
  const random = randomFrom(5, 1);
  const values = Array.from({ length: 20_000 }, () => random.next());
  values[7001] = 50;
  values[7002] = -50;
  const steps = listOf(values.map((_, i) => i + 1));
  const { steps: kept, columns: [loss] } = thinned(steps, [listOf(values)], {
    buckets: 100,
  });
  assert.ok(kept.length <= 201, `${kept.length}`);
  assert.equal(Math.max(...loss.map((v) => v ?? 0)), 50);
  assert.equal(Math.min(...loss.map((v) => v ?? 0)), -50);
  assert.equal(kept[kept.length - 1], 20_000);
  kept.forEach((step, i) => {
    assert.equal(loss[i], values[step - 1]);
    assert.ok(i === 0 || step > kept[i - 1]);
  });
});

Deno.test("a range gives its own points in full, and one beyond either end", () => {
  const steps = listOf(Array.from({ length: 1000 }, (_, i) => 10 * i));
  const found = thinned(steps, [steps], { from: 100, to: 200, buckets: 50 });
  assert.deepEqual(
    found.steps,
    [90, 100, 110, 120, 130, 140, 150, 160, 170, 180, 190, 200, 210],
  );
});

Deno.test("smoothing starts at the first figure, passes NaN over, and follows Adam's corrected average", () => {
  const values = [4, NaN, 2, 3];
  const found = smoothed(listOf(values), 0.5);
  // (0.5 * 4) / 0.5, then (0.25 * 4 + 0.5 * 2) / 0.75, ...
  assert.deepEqual([...found.slice(0, 2)], [4, 4]);
  assert.ok(Math.abs(found[2] - 2 / 0.75) < 1e-12);
  assert.ok(Math.abs(found[3] - (0.5 + 0.5 + 1.5) / 0.875) < 1e-12);
  assert.deepEqual([...smoothed(listOf([NaN, 1]), 0.9)], [NaN, 1]);
  assert.deepEqual([...smoothed(listOf([3, 1]), 0)], [3, 1]);
});
