import assert from "node:assert/strict";
import { single } from "../../../plugins/collectives/single.ts";
import { testHost } from "../../conformance/host.ts";

Deno.test("single is the only rank of a world of one, and sums nothing", async () => {
  const collective = await single.create({}, testHost());
  const values = Float32Array.of(1, 2);
  await collective.sum(values);
  assert.deepEqual([collective.rank, collective.world, ...values], [
    0,
    1,
    1,
    2,
  ]);
});
