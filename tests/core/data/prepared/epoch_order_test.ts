import assert from "node:assert/strict";
import {
  drawsOf,
  epochOrder,
  type OrderRequest,
  sharesOf,
} from "../../../../core/data/prepared/epoch_order.ts";

const base: OrderRequest = {
  counts: [100, 50],
  shares: null,
  stopping: "first_exhausted",
  shuffle: true,
  seed: 1,
  epoch: 0,
};

Deno.test("without weights every example comes once, in an order of seed and epoch", () => {
  const order = epochOrder(base);
  assert.deepEqual([...order].sort((a, b) => a - b), [...Array(150).keys()]);
  assert.deepEqual(order, epochOrder(base));
  assert.notDeepEqual(order, epochOrder({ ...base, epoch: 1 }));
  assert.notDeepEqual(order, epochOrder({ ...base, seed: 2 }));
  assert.deepEqual([...epochOrder({ ...base, shuffle: false })], [
    ...Array(150).keys(),
  ]);
});

Deno.test("weights are normalised; some only, or none above 0, are an error", () => {
  assert.deepEqual(
    sharesOf([{ name: "a", weight: 1 }, { name: "b", weight: 3 }]),
    [0.25, 0.75],
  );
  assert.equal(sharesOf([{ name: "a" }, { name: "b", weight: null }]), null);
  assert.throws(() => sharesOf([{ name: "a", weight: 1 }, { name: "b" }]), {
    name: "ConfigError",
    message: /"b" has none/,
  });
  assert.throws(() => sharesOf([{ name: "a", weight: 0 }]), {
    name: "ConfigError",
  });
});

Deno.test("first_exhausted ends before any source is used up twice, all_exhausted when all are used", () => {
  const counts = [1000, 100, 300];
  const shares = [0.4, 0.3, 0.3];
  assert.deepEqual(drawsOf({ counts, shares, stopping: "first_exhausted" }), [
    133,
    100,
    100,
  ]);
  assert.deepEqual(drawsOf({ counts, shares, stopping: "all_exhausted" }), [
    1000,
    750,
    750,
  ]);
});

Deno.test("every stretch has nearly its share of each source", () => {
  const counts = [50_000, 20_000, 7_000];
  const shares = [0.5, 0.3, 0.2];
  for (const stopping of ["first_exhausted", "all_exhausted"] as const) {
    const order = epochOrder({ ...base, counts, shares, stopping });
    for (let start = 0; start + 10_000 <= order.length; start += 10_000) {
      const seen = [0, 0, 0];
      for (const i of order.subarray(start, start + 10_000)) {
        seen[i < 50_000 ? 0 : i < 70_000 ? 1 : 2]++;
      }
      for (const [k, n] of seen.entries()) {
        assert.ok(
          Math.abs(n / 10_000 - shares[k]) < 0.01 * shares[k],
          `${seen}`,
        );
      }
    }
  }
});

Deno.test("a source that repeats gives every example before any comes again", () => {
  const order = epochOrder({
    ...base,
    counts: [1000, 10],
    shares: [0.5, 0.5],
    stopping: "all_exhausted",
  });
  const small = [...order].filter((i) => i >= 1000);
  assert.equal(small.length, 1000);
  for (let pass = 0; pass < 100; pass++) {
    assert.equal(new Set(small.slice(10 * pass, 10 * pass + 10)).size, 10);
  }
  assert.notDeepEqual(small.slice(0, 10), small.slice(10, 20));
});
