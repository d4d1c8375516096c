/**
 * What every collective must do. Call it with your own: it registers tests.
 * @module
 */
import assert from "node:assert/strict";
import type { Collective } from "@denotune/denotune/core";

/**
 * What one rank finds out by calling, which all ranks must do at the same time. For ranks that are processes of
 * their own, call it in each.
 */
export async function checkCollective(collective: Collective): Promise<void> {
  const { rank, world } = collective;
  assert.ok(Number.isInteger(world) && world >= 1, `a world of ${world}`);
  assert.ok(Number.isInteger(rank) && rank >= 0 && rank < world, `${rank}`);
  /** Small whole numbers: their sums are exact, whatever the order. */
  const valueOf = (rank: number, i: number) => (rank + 1) * (i % 97) - 40;
  const all = Array.from({ length: world }, (_, r) => r);
  const total = (i: number) => all.reduce((sum, r) => sum + valueOf(r, i), 0);
  for (const length of [0, 1, 3, 1000, 70_001, 300_001]) {
    const values = Float32Array.from({ length }, (_, i) => valueOf(rank, i));
    await collective.sum(values, { computes: length % 2 === 1 });
    assert.deepEqual(values, Float32Array.from(values, (_, i) => total(i)));
  }

  // sums that round: no rank may have added in an order of its own
  const rounded = Float32Array.from(
    { length: 500 },
    (_, i) => Math.sin(i + 1) * 10 ** (((rank + 1) * (i + 3)) % 9 - 4),
  );
  await collective.sum(rounded);
  const ofAll = await collective.allGather(rounded);
  assert.equal(ofAll.length, rounded.length * world);
  for (const r of all) {
    assert.deepEqual(
      ofAll.subarray(r * rounded.length, (r + 1) * rounded.length),
      rounded,
      `rank ${r} has other bits`,
    );
  }

  const odd = Float32Array.of(rank === world - 1 ? NaN : 1, 1);
  await collective.sum(odd);
  assert.deepEqual([...odd], [NaN, world]);

  const share = 7;
  const whole = Float32Array.from(
    { length: share * world },
    (_, i) => valueOf(rank, i),
  );
  const before = whole.slice();
  const mine = await collective.reduceScatter(whole);
  assert.deepEqual(whole, before, "reduceScatter changes nothing in place");
  assert.deepEqual(
    mine,
    Float32Array.from(
      { length: share },
      (_, i) => total(rank * share + i),
    ),
  );
  assert.deepEqual(
    await collective.allGather(mine),
    Float32Array.from(whole, (_, i) => total(i)),
  );

  for (const root of all) {
    const values = Float32Array.from({ length: 9 }, (_, i) => valueOf(rank, i));
    await collective.broadcast(values, root);
    assert.deepEqual(
      values,
      Float32Array.from(values, (_, i) => valueOf(root, i)),
    );
  }
}

/**
 * Registers the tests of a collective. `make` gives all ranks of a world, each as its own process would have it;
 * `worlds` are the sizes that it can make.
 */
export function testCollective(
  name: string,
  make: (
    world: number,
  ) => readonly Collective[] | Promise<readonly Collective[]>,
  worlds: readonly number[] = [1, 2, 3],
): void {
  for (const world of worlds) {
    Deno.test(`${name}: ranks of a world of ${world} sum, share and spread the same numbers`, async () => {
      const ranks = await make(world);
      assert.deepEqual(
        ranks.map(({ rank, world }) => [rank, world]),
        Array.from({ length: world }, (_, r) => [r, world]),
      );
      await Promise.all(ranks.map(checkCollective));
    });
  }
}
