import assert from "node:assert/strict";
import { randomFrom } from "@denotune/denotune/core";
import { i64 } from "../../../../../backends/cpu/assembler/mod.ts";
import {
  blockProduct,
  type Triangle,
} from "../../../../../backends/cpu/kernels/matmul/tile.ts";
import { assembled, DATA } from "../../assembled.ts";

/** Whether row i of a counts with term (or column) j. */
function counts(triangle: Triangle, i: number, j: number, diagonal: number) {
  return triangle === "terms after" ? j > i - diagonal : j < i + diagonal;
}

Deno.test("a product with a triangle of zeros has the bits of the whole product", () => {
  const random = randomFrom(3);
  for (const triangle of ["columns", "terms", "terms after"] as const) {
    for (let round = 0; round < 12; round++) {
      const [rows, panels] = [1 + random.below(20), 1 + random.below(4)];
      const [terms, columns] = [1 + random.below(30), 8 * panels];
      const diagonal = random.below(50) - 20;
      // a: (rows, terms), b: (terms, columns), c: (rows, columns)
      const shape = {
        aRow: 4 * terms,
        aStep: 4,
        bStep: 4 * columns,
        bPanel: 32,
        cRow: 4 * columns,
        accumulate: triangle !== "columns",
      };
      const [A, B, C, D] = [0, 4096, 16384, 32768].map((at) => DATA + at);
      const { functions, memory } = assembled((module) => {
        for (const part of [null, triangle]) {
          const product = blockProduct(module, { ...shape, triangle: part });
          module.function(
            { parameters: [], name: part === null ? "whole" : "part" },
            (f) =>
              f.call(
                product,
                [A, B, part === null ? C : D, rows, panels, terms, diagonal]
                  .map((value) => i64.const(value)),
              ),
          );
        }
      });
      const view = (at: number, count: number) =>
        new Float32Array(memory.buffer, memory.byteOffset + at - DATA, count);
      const a = view(A, rows * terms);
      for (const i of a.keys()) {
        const [row, term] = [Math.floor(i / terms), i % terms];
        const isSeen = triangle === "columns" ||
          counts(triangle, row, term, diagonal);
        a[i] = isSeen ? random.below(2001) / 1000 - 1 : 0;
      }
      const b = view(B, terms * columns);
      for (const i of b.keys()) b[i] = random.below(2001) / 1000 - 1;
      functions.whole();
      functions.part();
      const size = rows * columns;
      const [whole, part] = [view(C, size), view(D, size)];
      for (const i of whole.keys()) {
        const [row, column] = [Math.floor(i / columns), i % columns];
        if (
          triangle === "columns" && !counts(triangle, row, column, diagonal)
        ) {
          continue; // columns beyond the diagonal are not defined
        }
        assert.equal(
          part[i],
          whole[i],
          `${triangle}: ${rows} x ${columns} over ${terms}, diagonal ${diagonal}, element ${row}, ${column}`,
        );
      }
    }
  }
});
