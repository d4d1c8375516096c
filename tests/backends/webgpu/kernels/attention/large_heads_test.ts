/**
 * Attention with large heads, on adapters whose workgroup memory holds few of their columns at once.
 */
import assert from "node:assert/strict";
import { DeviceError } from "@denotune/denotune/core";
import { localDevice } from "../../../../../core/device/local_device.ts";
import { ReferenceExecutor } from "../../../../../backends/reference/mod.ts";
import {
  type AttentionTile,
  chooseTile,
  FORWARD,
  isInPasses,
  KEY_GRADIENTS,
  largestHead,
  QUERY_GRADIENTS,
} from "../../../../../backends/webgpu/kernels/attention/tile.ts";
import { largeHeadCases } from "../../../../conformance/backend/attention.ts";
import { checkCase } from "../../../../conformance/backend/case.ts";
import { missing, openDevice, title } from "../../_device.ts";

const TEST_ALL = Deno.env.get("DENOTUNE_TEST_ALL") === "1";
const KERNELS = [FORWARD, QUERY_GRADIENTS, KEY_GRADIENTS];

/** What is staged in passes there; the rest, which other suites try too, only where all is asked for. */
const PASSES: readonly (readonly [number, boolean, readonly number[]])[] = [
  [16, false, [128, 256, 512]],
  [16, true, [192]],
  [32, false, [512]],
  [32, true, [256]],
];

for (const [kilobytes, subgroups, heads] of PASSES) {
  const some = TEST_ALL ? [80, 96, 128, 192, 256, 512] : heads;
  Deno.test({
    name: title(
      `a GPU with ${kilobytes} KiB of workgroup memory ${
        subgroups ? "and" : "without"
      } subgroups trains heads of ${some.join(", ")}`,
    ),
    ignore: missing !== null,
    async fn(t) {
      await using tested = await openDevice({}, {
        software: false,
        sharedBytes: kilobytes * 1024,
        ...(subgroups ? {} : { subgroup: null }),
      });
      await using witness = localDevice(new ReferenceExecutor());
      const cases = largeHeadCases.filter(({ title }) =>
        some.some((headDim) => title.endsWith(`heads of ${headDim}`))
      );
      assert.equal(cases.length, some.length);
      for (const test of cases) {
        await t.step(test.title, () => checkCase(test, tested, witness));
      }
    },
  });
}

Deno.test("heads of 80 to 512 are cut to fit in 16, 32 and 48 KiB of workgroup memory", () => {
  for (const kilobytes of [16, 32, 48]) {
    const limits = { sharedBytes: kilobytes * 1024, maxInvocations: 256 };
    assert.equal(largestHead(limits), 1024);
    for (const headDim of [80, 96, 128, 192, 256, 512, 1024]) {
      for (const needs of KERNELS) {
        const tile = chooseTile(limits, headDim, needs);
        assert.ok(tile.columns * needs.sums * tile.rows <= 64, "too many sums");
        assert.ok(tile.lanes <= limits.maxInvocations);
        assert.ok(bytesOf(tile, needs) <= limits.sharedBytes);
      }
    }
  }
});

Deno.test("rows that fit in workgroup memory are staged whole, whatever is said of columns in passes", () => {
  const limits = { sharedBytes: 2 ** 14, maxInvocations: 256 };
  for (const headDim of [4, 16, 32, 64, 80, 96]) {
    for (const needs of KERNELS) {
      assert.ok(!isInPasses(chooseTile(limits, headDim, needs)));
    }
  }
  assert.ok(!isInPasses(chooseTile(limits, 128, FORWARD)));
  assert.ok(isInPasses(chooseTile(limits, 128, QUERY_GRADIENTS)));
});

Deno.test("a head beyond the largest is refused with what the adapter trains", () => {
  const limits = { sharedBytes: 2 ** 14, maxInvocations: 256 };
  assert.throws(
    () => chooseTile(limits, 2048, KEY_GRADIENTS),
    (error) =>
      error instanceof DeviceError &&
      /heads of 2048.*16384 bytes.*1024 columns/.test(error.message),
  );
});

/** Bytes of the arrays that a kernel declares. */
function bytesOf(tile: AttentionTile, needs: typeof FORWARD): number {
  const { own, other, stride, lanes } = tile;
  const staged = isInPasses(tile)
    ? (own + other) * needs.passTiles
    : own * needs.ownTiles + other * needs.otherTiles;
  return staged * stride * 16 + needs.scores * own * (other + 1) * 4 +
    (own + other) * 4 + lanes * 4;
}
