/** Products and rows of matrices in panels beside the plain sum, and the same bits with any number of workers. */
import assert from "node:assert/strict";
import {
  type Device,
  type KernelCall,
  randomFrom,
  type View,
} from "@denotune/denotune/core";
import {
  type PanelMatrix,
  panelsOf,
} from "../../../../../core/engine/memory/panels.ts";
import { openCpu } from "../../open.ts";

/** How a cpu device reads panels here; null: there is no oneDNN. */
const PANEL_ROWS = await (async () => {
  await using device = await openCpu({ workers: 1 });
  return device.info.panels?.rows ?? null;
})();

interface Case {
  readonly m: number;
  readonly n: number;
  readonly k: number;
  readonly alpha: number;
  readonly a: Float32Array;
  readonly b: Float32Array;
  readonly bias: Float32Array | null;
  readonly addend: Float32Array | null;
  readonly index: Int32Array;
}

/** The product, and the rows of b of the case's index. */
async function run(
  device: Device,
  { m, n, k, a, b, bias, addend, alpha, index }: Case,
): Promise<readonly [product: Float32Array, rows: Float32Array]> {
  const place = (
    data: Float32Array | Int32Array,
    shape: readonly number[],
    panelRows?: number,
  ): View => {
    const buffer = device.allocate(data.byteLength, "test");
    device.write(buffer, data);
    const dtype = data instanceof Int32Array ? "i32" : "f32";
    return { buffer, offset: 0, shape, dtype, panelRows };
  };
  const panelRows = PANEL_ROWS ?? 1;
  const matrix: PanelMatrix = {
    rows: n,
    columns: k,
    panelRows,
    byColumns: false,
  };
  const weights = place(panelsOf(b, matrix), [n, k], panelRows);
  const out = place(new Float32Array(m * n).fill(NaN), [m, n]);
  const rows = place(
    new Float32Array(index.length * k).fill(NaN),
    [index.length, k],
  );
  const calls: KernelCall[] = [{
    kernel: "matmul",
    label: "test",
    attributes: {
      layout: "NT",
      batch: 1,
      m,
      n,
      k,
      alpha,
      bias: bias !== null,
      addend: addend !== null,
    },
    inputs: [
      place(a, [m, k]),
      weights,
      ...(bias === null ? [] : [place(bias, [n])]),
      ...(addend === null ? [] : [place(addend, [m, n])]),
    ],
    outputs: [out],
  }, {
    kernel: "gather_rows",
    label: "test",
    attributes: { rows: index.length, columns: k },
    inputs: [weights, place(index, [index.length])],
    outputs: [rows],
  }];
  const program = await device.compile({
    name: "product",
    capacities: {},
    segments: [{ calls }],
  });
  device.run(program, {});
  const read = async ({ buffer }: View, count: number) =>
    new Float32Array(await device.read(buffer, 0, 4 * count));
  const found = [await read(out, m * n), await read(rows, index.length * k)];
  const views = calls.flatMap(({ inputs, outputs }) => [...inputs, ...outputs]);
  for (const buffer of new Set(views.map((v) => v.buffer))) device.free(buffer);
  return [found[0], found[1]];
}

Deno.test({
  name:
    "products and rows of matrices in panels are those of their numbers, with the same bits however many workers share them",
  ignore: PANEL_ROWS === null,
  fn: async () => {
    const random = randomFrom(23);
    const numbers = (count: number) =>
      Float32Array.from({ length: count }, () => random.below(2001) / 1000 - 1);
    const all = Deno.env.get("DENOTUNE_TEST_ALL") === "1";
    const cases = Array.from({ length: all ? 300 : 24 }, (_, i): Case => {
      const m = i % 6 === 1 ? 1 : 1 + random.below(i % 4 === 0 ? 300 : 17);
      const n = 1 + random.below(i % 5 === 0 ? 900 : 200);
      const k = 1 + random.below(i % 3 === 0 ? 1200 : 150);
      return {
        m,
        n,
        k,
        alpha: i % 7 === 0 ? 0.5 : 1,
        a: numbers(m * k),
        b: numbers(n * k),
        bias: i % 2 === 0 ? numbers(n) : null,
        addend: i % 3 === 0 ? numbers(m * n) : null,
        index: Int32Array.from(
          { length: 1 + random.below(9) },
          () => random.below(n),
        ),
      };
    });
    const found: Float32Array[][] = [];
    for (const workers of [1, 2, 3]) {
      await using device = await openCpu({ workers });
      const results: Float32Array[] = [];
      for (const one of cases) results.push(...await run(device, one));
      found.push(results);
    }
    assert.deepEqual(found[1], found[0]);
    assert.deepEqual(found[2], found[0]);
    for (const [i, one] of cases.entries()) {
      const { m, n, k, a, b, bias, addend, alpha, index } = one;
      const [product, rows] = found[0].slice(2 * i, 2 * i + 2);
      for (const [r, row] of index.entries()) {
        assert.deepEqual(
          rows.slice(r * k, (r + 1) * k),
          b.slice(row * k, (row + 1) * k),
        );
      }
      for (let at = 0; at < m * n; at++) {
        const [row, column] = [Math.floor(at / n), at % n];
        let sum = 0, terms = 0;
        for (let j = 0; j < k; j++) {
          const term = alpha * a[row * k + j] * b[column * k + j];
          sum += term;
          terms += Math.abs(term);
        }
        for (const more of [bias?.[column] ?? 0, addend?.[at] ?? 0]) {
          sum += more;
          terms += Math.abs(more);
        }
        const error = Math.abs(product[at] - sum);
        // float32 sums of some hundred terms, in whatever order
        assert.ok(error <= 1e-6 * terms, `case ${i}, ${at}: ${error}`);
      }
    }
  },
});

Deno.test({
  name: "panels of another size, and views of parts, are refused",
  ignore: PANEL_ROWS === null,
  fn: async () => {
    await using device = await openCpu({ workers: 1 });
    const view = (
      shape: readonly number[],
      more: Partial<View> = {},
    ): View => ({
      buffer: device.allocate(4 * 64 * 64, "test"),
      offset: 0,
      shape,
      dtype: "f32",
      ...more,
    });
    const product = (layout: "NN" | "NT", b: Partial<View>) =>
      device.compile({
        name: "product",
        capacities: {},
        segments: [{
          calls: [{
            kernel: "matmul",
            label: "test",
            attributes: {
              layout,
              batch: 1,
              m: 2,
              n: 64,
              k: 64,
              alpha: 1,
              bias: false,
              addend: false,
            },
            inputs: [view([2, 64]), view([64, 64], b)],
            outputs: [view([2, 64])],
          }],
        }],
      });
    const panelRows = PANEL_ROWS ?? 1;
    await product("NT", { panelRows });
    await assert.rejects(
      product("NT", { panelRows: 32 }),
      /in panels of 32 rows: the device reads panels of 48/,
    );
    await assert.rejects(
      product("NN", { panelRows }),
      /b is stored in panels: not read so/,
    );
    await assert.rejects(
      product("NT", { panelRows, advance: 64 }),
      /b is stored in panels: not read so/,
    );
  },
});
