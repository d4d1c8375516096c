/** Products that are large enough for a library or for machine code, beside the reference. */
import assert from "node:assert/strict";
import { localDevice } from "../../../../core/device/local_device.ts";
import { dim } from "../../../../core/graph/dims.ts";
import { lower } from "../../../../backends/cpu/lower.ts";
import { ReferenceExecutor } from "../../../../backends/reference/mod.ts";
import {
  type Case,
  caseOf,
  checkCase,
  planOf,
} from "../../../conformance/backend/case.ts";
import { SUM } from "../../../conformance/backend/compare.ts";
import {
  type Layout,
  productOf,
  type ProductOptions,
  type Sizes,
} from "../../../conformance/backend/matmul.ts";
import { sample } from "../../../sample.ts";
import { NATIVE_PRODUCTS } from "../native_products.ts";
import { openCpu } from "../open.ts";

const CAPACITIES = { B: 3, T: 40 };
const ROWS = dim("B", "T");

// a million multiply-adds and more; whole tiles of machine code across, and not
const SIZES: readonly (readonly [string, Sizes])[] = [
  ["96 columns", { m: 119, n: 96, k: 100 }],
  ["111 columns", { m: 104, n: 111, k: 96 }],
  ["rows of the batch", { m: ROWS, n: 192, k: 70 }],
  ["columns of the batch", { m: 66, n: ROWS, k: 150 }],
  ["terms of the batch", { m: 96, n: 100, k: ROWS }], // none, in one of the runs
  ["a batch of products", {
    batch: dim("B"),
    m: dim("T"),
    n: dim("T"),
    k: 700,
  }],
];

const EPILOGUES: readonly ProductOptions[] = [false, true].flatMap((bias) =>
  (["none", "separate", "in place"] as const).flatMap((addend) =>
    [1, -0.375].map((alpha) => ({ bias, addend, alpha }))
  )
);

const LAYOUTS: readonly Layout[] = ["NN", "NT", "TN"];

const CASES: readonly Case[] = LAYOUTS.flatMap((layout) =>
  SIZES.flatMap(([name, sizes]) =>
    (["f32", "bf16"] as const).flatMap((dtype) =>
      EPILOGUES.map((options) => {
        const { tensors, call, output } = productOf(layout, sizes, {
          ...options,
          dtype,
        });
        const { bias, addend, alpha } = options;
        return caseOf({
          title:
            `${layout}, ${name}, weights ${dtype}, bias ${bias}, addend ${addend}, alpha ${alpha}`,
          tensors,
          calls: (view) => [call(view)],
          capacities: CAPACITIES,
          runs: [CAPACITIES, { B: 2, T: 7 }, { B: 1, T: 1 }, { B: 0, T: 5 }],
          outputs: { [output]: SUM },
        });
      })
    )
  )
);

Deno.test("the products are left to a library", () => {
  for (const test of CASES) {
    const [{ calls: [call] }] = planOf(test).segments;
    const launches = lower(call, CAPACITIES, { blas: true });
    assert.ok(launches.some((launch) => launch.blas), test.title);
  }
});

for (const blas of NATIVE_PRODUCTS) {
  Deno.test(`large products agree with the reference, blas ${blas}`, async (t) => {
    await using tested = await openCpu({ workers: 3, blas });
    await using witness = localDevice(new ReferenceExecutor());
    for (const test of sample(CASES, { count: 24, seed: 7 })) {
      await t.step(test.title, () => checkCase(test, tested, witness));
    }
  });
}
