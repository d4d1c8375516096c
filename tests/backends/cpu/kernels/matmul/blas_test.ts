import assert from "node:assert/strict";
import type { View } from "@denotune/denotune/core";
import { runBlocks } from "../../../../../backends/cpu/blas/blocks.ts";
import { lowerBlasMatmul } from "../../../../../backends/cpu/kernels/matmul/blas.ts";

/** Whether a library gets a product of `m` rows with a matrix of 768 x 768 of this storage. */
function isForLibrary(
  m: number,
  { dtype, fewestRows }: { dtype: "f32" | "bf16"; fewestRows: number },
): boolean {
  const view = (shape: number[], type: "f32" | "bf16" = "f32"): View => ({
    buffer: 0,
    offset: 0,
    shape,
    dtype: type,
  });
  const launches = lowerBlasMatmul(
    {
      layout: "NT",
      batch: 1,
      m,
      n: 768,
      k: 768,
      alpha: 1,
      bias: false,
      addend: false,
    },
    [view([m, 768]), view([768, 768], dtype)],
    view([m, 768]),
    { capacities: {}, fewestRows, machineCode: false },
  );
  return launches !== null;
}

Deno.test("a library gets products of float32 from as many rows on as it is faster with", () => {
  const rows = [1, 2, 3, 4, 5, 8];
  const taken = (dtype: "f32" | "bf16", fewestRows: number) =>
    rows.filter((m) => isForLibrary(m, { dtype, fewestRows }));
  assert.deepEqual(taken("f32", 2), [2, 3, 4, 5, 8]);
  assert.deepEqual(taken("f32", 5), [5, 8]);
  // a matrix of 16 bits would be widened to memory first
  assert.deepEqual(taken("bf16", 2), [5, 8]);
});

Deno.test("narrow blocks are used up to the library's most rows, where several are left for each worker", () => {
  const fewRows = { NN: 192, NT: 128, mostRows: 128 };
  const columnsOf = (layout: "NN" | "NT" | "TN", m: number, n: number) => {
    const blocks: number[] = [];
    let next = 0;
    runBlocks(
      { layout, alpha: 1, factors: "f32", accumulate: false, widened: false },
      Float64Array.of(0, 0, 0, 0, 1, m, n, 768),
      {
        take: () => next++,
        multiply: ({ columns }) => blocks.push(columns),
        fewRows,
        workers: null,
      },
    );
    return blocks[0];
  };
  assert.equal(columnsOf("NT", 8, 768), 128);
  assert.equal(columnsOf("NT", 64, 768), 128);
  assert.equal(columnsOf("NT", 128, 2304), 128);
  assert.equal(columnsOf("NT", 129, 768), 96);
  assert.equal(columnsOf("NT", 64, 512), 64);
  assert.equal(columnsOf("NN", 64, 1152), 192);
  assert.equal(columnsOf("NN", 64, 768), 96);
  assert.equal(columnsOf("TN", 64, 768), 96);
});
