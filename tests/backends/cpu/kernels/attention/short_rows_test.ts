/** Rows of one block, by machine code, give what WebAssembly's blocks give. */
import assert from "node:assert/strict";
import { randomFrom } from "@denotune/denotune/core";
import type { CpuSettings } from "../../../../../backends/cpu/mod.ts";
import { isShort } from "../../../../../backends/cpu/kernels/attention/short_rows.ts";
import { NATIVE_PRODUCTS } from "../../native_products.ts";
import { openCpu } from "../../open.ts";
import {
  attributesOf,
  type Results,
  runAttention,
  type Sizes,
} from "./_run.ts";

const CASES = Deno.env.get("DENOTUNE_TEST_ALL") === "1" ? 200 : 20;

const machineCode = { blas: true, bfloat16: false, machineCode: true };

/** A case, and where the second of its segments begins. */
function randomCase(
  random: ReturnType<typeof randomFrom>,
): { sizes: Sizes; second: number } {
  const T = 24 + random.below(41);
  const kvHeads = 1 + random.below(2);
  const sizes = {
    B: 2,
    T,
    kvHeads,
    heads: kvHeads * (1 + random.below(3)),
    headDim: 16 + 4 * random.below(20),
    causal: random.below(3) > 0,
    window: random.below(3) === 0 ? 1 + random.below(T) : null,
  };
  return { sizes, second: random.below(2) === 0 ? T : random.below(T) };
}

async function run(
  blas: CpuSettings["blas"],
  workers: number,
): Promise<Results[]> {
  await using device = await openCpu({ workers, blas });
  const random = randomFrom(8);
  const all: Results[] = [];
  for (let number = 0; number < CASES; number++) {
    const { sizes, second } = randomCase(random);
    assert.ok(isShort(attributesOf(sizes), {}, machineCode));
    all.push(
      await runAttention(device, sizes, {
        segmentOf: (position) => position < second ? 1 : 2,
      }),
    );
  }
  return all;
}

Deno.test({
  name:
    `${CASES} attentions of short rows by machine code give what WebAssembly gives, on any number of workers`,
  ignore: !NATIVE_PRODUCTS.includes("machine_code"),
  async fn() {
    const plain = await run("off", 1);
    const native = await run("machine_code", 1);
    for (const [number, results] of native.entries()) {
      for (const [name, values] of Object.entries(results)) {
        const wanted = plain[number][name as keyof Results];
        // inputs are up to 1, and gradients differences of such numbers
        const most = wanted.reduce((a, x) => Math.max(a, Math.abs(x)), 1);
        values.forEach((x, i) =>
          assert.ok(
            Math.abs(x - wanted[i]) <= 4e-6 * most,
            `${name} of case ${number} at ${i}: ${x}, WebAssembly ${wanted[i]}`,
          )
        );
      }
    }
    assert.deepEqual(await run("machine_code", 3), native);
  },
});
