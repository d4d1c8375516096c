/**
 * Matrix products in WebAssembly. The result is cut into blocks; a piece packs the columns of b for its block
 * into the worker's own memory and runs the micro-kernel over its rows, with the epilogue where the sums are
 * still in registers.
 * @module
 */
import {
  bytesOf,
  type Extents,
  type KernelAttributes,
  sizeOf,
  type View,
} from "@denotune/denotune/core";
import {
  f32x4,
  type FunctionBuilder,
  type FunctionRef,
  i64,
  type Int,
  type ModuleBuilder,
  v128,
  type Vector,
} from "../../assembler/mod.ts";
import { lowerFewRowsMatmul, MOST_ROWS } from "./few_rows.ts";
import { packQuantized, packStraight, packTransposed } from "./pack.ts";
import { quantizedShape } from "../quantized.ts";
import { element, type Kernel, keyOf, type Launch } from "../launch.ts";
import { emitLongSum } from "./long_sums.ts";
import { dispatchRows, TILE_COLUMNS, TILE_ROWS } from "./tile.ts";
import { storeLanes } from "../vector_loop.ts";

type Attributes = KernelAttributes["matmul"];

/** Bytes of packed columns that stay near the core. */
const PACKED_BYTES = 512 * 1024;
/** Multiply-adds for which a piece of its own is worth while. */
const PIECE_WORK = 1 << 19;
/** Pieces that a product is cut into, if it is large enough. */
const PIECES = 16;

/** Rows and columns of the blocks that a product is cut into: a function of its largest shape. */
export interface Blocks {
  readonly rows: number;
  readonly columns: number;
}

/** Chooses blocks. */
export function blocksOf(
  size: { batch: number; m: number; n: number; k: number },
): Blocks {
  const { batch, m, n, k } = size;
  const up = (x: number, unit: number) =>
    Math.max(unit, Math.ceil(x / unit) * unit);
  const fitting = Math.floor(PACKED_BYTES / (4 * Math.max(1, k)));
  let columns = Math.min(
    up(n, TILE_COLUMNS),
    Math.max(16, Math.min(64, fitting - fitting % TILE_COLUMNS)),
  );
  let rows = Math.min(up(m, TILE_ROWS), 192);
  const wanted = Math.min(PIECES, (batch * m * n * k) / PIECE_WORK);
  const pieces = () => batch * Math.ceil(m / rows) * Math.ceil(n / columns);
  while (pieces() < wanted && rows > 48) rows = up(rows / 2, TILE_ROWS);
  while (pieces() < wanted && columns > 16) {
    columns = up(columns / 2, TILE_COLUMNS);
  }
  return { rows, columns };
}

/** The launches of a `matmul` call. */
export function lowerPackedMatmul(
  attributes: Attributes,
  inputs: readonly View[],
  out: View,
  capacities: Extents,
): Launch[] {
  const { layout, alpha, bias, addend, exact } = attributes;
  const dims = [attributes.batch, attributes.m, attributes.n, attributes.k];
  const [batch, m, n, k] = dims.map((d) => sizeOf(d, capacities));
  const quantized = quantizedShape(attributes);
  const small = quantized === null ? layout !== "TN" : layout === "NT";
  if (m <= MOST_ROWS && small) {
    return lowerFewRowsMatmul(attributes, inputs, out, k);
  }
  const blocks = blocksOf({ batch, m, n, k });
  const dtype = inputs[1].dtype;
  const panels = Math.ceil(blocks.columns / TILE_COLUMNS);
  return [{
    key: keyOf(
      "matmul",
      [layout, alpha, bias, addend, dtype, quantized, blocks, exact],
      dims,
    ),
    views: [...inputs, out],
    writes: [inputs.length],
    dims,
    scratch: packedBytes(panels, k) +
      (quantized === null ? 0 : 4 * k * panels * TILE_COLUMNS + 64),
    build: (kernel) => build(kernel, { ...attributes, dtype, blocks }),
  }];
}

/** Bytes of packed columns of b and rows of a. */
function packedBytes(panels: number, k: number): number {
  return 4 * k * (panels * TILE_COLUMNS + A_LINE) + 64;
}

/** Numbers of one k of packed rows of a: six that count, two that a vector store leaves behind. */
const A_LINE = 6;

interface Plan extends Attributes {
  readonly dtype: View["dtype"];
  readonly blocks: Blocks;
}

function build(k: Kernel, plan: Plan): void {
  const { f } = k;
  const { layout, blocks } = plan;
  const [batch, m, n, depth] = k.dims;
  const { a, b, bias, addend, out } = operandsOf(k, plan);
  const packedRows = layout === "TN" || depth.constant === undefined;
  const rowBlocks = f.hold(i64.ceilDiv(m, blocks.rows));
  const columnBlocks = f.hold(i64.ceilDiv(n, blocks.columns));
  const perBatch = f.hold(i64.mul(rowBlocks, columnBlocks));
  const packedA = f.local(
    "i64",
    i64.add(
      k.scratch,
      i64.mul(
        depth,
        i64.const(4 * TILE_COLUMNS * Math.ceil(blocks.columns / TILE_COLUMNS)),
      ),
    ),
  );
  const tiles = new Map<number, FunctionRef>();
  const tile = (rows: number) => {
    let made = tiles.get(rows);
    if (made === undefined) {
      tiles.set(
        rows,
        made = tileFunction(k.module, plan, { rows, packedRows, n, depth }),
      );
    }
    return made;
  };

  k.pieces(i64.mul(batch, perBatch), (piece) => {
    const which = f.local("i64", i64.divU(piece, perBatch));
    const inside = f.local("i64", i64.sub(piece, i64.mul(which, perBatch)));
    const columnBlock = f.local("i64", i64.divU(inside, rowBlocks));
    const row0 = f.local(
      "i64",
      i64.mul(
        i64.sub(inside, i64.mul(columnBlock, rowBlocks)),
        i64.const(blocks.rows),
      ),
    );
    const column0 = f.local(
      "i64",
      i64.mul(columnBlock, i64.const(blocks.columns)),
    );
    const rowEnd = f.local("i64", i64.add(row0, i64.const(blocks.rows)));
    f.set(rowEnd, i64.min(rowEnd, m));
    const columns = f.local("i64", i64.sub(n, column0));
    f.set(columns, i64.min(columns, i64.const(blocks.columns)));
    const aBatch = f.local(
      "i64",
      element(a, i64.mul(which, i64.mul(m, depth))),
    );
    const outBatch = f.local("i64", i64.mul(which, i64.mul(m, n)));
    packColumns(k, plan, { b, which, column0, columns });
    f.for(row0, rowEnd, TILE_ROWS, (row) => {
      const rest = f.local("i64", i64.sub(rowEnd, row));
      const aTile = f.local("i64", packedA);
      if (packedRows) packRows(k, plan, { aBatch, row, rest, target: packedA });
      else f.set(aTile, element(aBatch, i64.mul(row, depth)));
      const at = f.local(
        "i64",
        i64.mul(
          i64.add(outBatch, i64.add(i64.mul(row, n), column0)),
          i64.const(4),
        ),
      );
      const panel = f.local("i64", k.scratch);
      const biasAt = f.local(
        "i64",
        bias === null ? i64.const(0) : element(bias, column0),
      );
      f.for(i64.const(0), columns, TILE_COLUMNS, (column) => {
        const width = f.local("i64", i64.sub(columns, column));
        const addendAt = addend === null ? i64.const(0) : i64.add(addend, at);
        const call = (rows: number) =>
          f.call(tile(rows), [
            aTile,
            panel,
            depth,
            i64.add(out, at),
            biasAt,
            addendAt,
            width,
            n,
          ]);
        if (m.constant === undefined || m.constant % TILE_ROWS !== 0) {
          dispatchRows(f, rest, call);
        } else call(TILE_ROWS);
        f.increase(panel, i64.mul(depth, i64.const(4 * TILE_COLUMNS)));
        f.increase(at, i64.const(4 * TILE_COLUMNS));
        if (bias !== null) f.increase(biasAt, i64.const(4 * TILE_COLUMNS));
      });
    });
  });
}

function operandsOf(k: Kernel, plan: Attributes) {
  let next = 0;
  const take = () => k.at[next++];
  const a = take(), b = take();
  const bias = plan.bias ? take() : null;
  const addend = plan.addend ? take() : null;
  return { a, b, bias, addend, out: take() };
}

function packColumns(
  k: Kernel,
  plan: Plan,
  block: { b: Int; which: Int; column0: Int; columns: Int },
): void {
  const { f } = k;
  const [, , n, depth] = k.dims;
  const quantized = quantizedShape(plan);
  if (quantized !== null) {
    const panels = Math.ceil(plan.blocks.columns / TILE_COLUMNS);
    const behind = packedBytes(
      panels,
      plan.layout === "NT" ? quantized.columns : quantized.rows,
    );
    return packQuantized(f, {
      ...block,
      matrix: { ...quantized, base: block.b },
      straight: plan.layout !== "NT",
      panels,
      wide: i64.add(k.scratch, i64.const(behind)),
    }, k.scratch);
  }
  const size = bytesOf(plan.dtype);
  const bytes = (elements: Int) => i64.mul(elements, i64.const(size));
  const matrix = i64.add(
    block.b,
    bytes(i64.mul(block.which, i64.mul(n, depth))),
  );
  const { columns } = block;
  if (plan.layout === "NT") {
    const at = f.local(
      "i64",
      i64.add(matrix, bytes(i64.mul(block.column0, depth))),
    );
    const stride = f.hold(bytes(depth));
    packTransposed(
      f,
      { at, stride, dtype: plan.dtype, columns, count: depth },
      k.scratch,
    );
  } else {
    const at = f.local("i64", i64.add(matrix, bytes(block.column0)));
    packStraight(f, {
      at,
      stride: f.hold(bytes(n)),
      dtype: plan.dtype,
      columns,
      count: depth,
    }, k.scratch);
  }
}

/** Packs six rows of a, k after k. */
function packRows(
  k: Kernel,
  plan: Plan,
  tile: { aBatch: Int; row: Int; rest: Int; target: Int },
): void {
  const { f } = k;
  const [, m, , depth] = k.dims;
  const to = f.local("i64", tile.target);
  if (plan.layout === "TN") {
    const from = f.local("i64", element(tile.aBatch, tile.row));
    const stride = f.hold(i64.mul(m, i64.const(4)));
    f.for(i64.const(0), depth, 1, () => {
      f.store(to, v128.load(from));
      f.storeLane64(to, v128.load(from, 16), 0, 16);
      f.increase(from, stride);
      f.increase(to, i64.const(4 * A_LINE));
    });
    return;
  }
  for (let row = 0; row < TILE_ROWS; row++) {
    f.if(i64.gtS(tile.rest, i64.const(row)), () => {
      const from = f.local(
        "i64",
        element(tile.aBatch, i64.mul(i64.add(tile.row, i64.const(row)), depth)),
      );
      f.set(to, tile.target);
      f.for(i64.const(0), depth, 1, () => {
        f.storeLane32(to, v128.load32Splat(from), 0, 4 * row);
        f.increase(from, i64.const(4));
        f.increase(to, i64.const(4 * A_LINE));
      });
    });
  }
}

/** The function (a, b, k, out, bias, addend, width, n) of one tile. */
function tileFunction(
  module: ModuleBuilder,
  plan: Plan,
  tile: { rows: number; packedRows: boolean; n: Int; depth: Int },
): FunctionRef {
  return module.function({
    parameters: ["i64", "i64", "i64", "i64", "i64", "i64", "i64", "i64"],
  }, (f) => {
    const [a, b, count, out, bias, addend, width, columns] = [
      0,
      1,
      2,
      3,
      4,
      5,
      6,
      7,
    ].map((i) => f.parameter("i64", i));
    const depth = tile.depth.constant === undefined ? count : tile.depth;
    const aRow = tile.packedRows ? 4 : 4 * (tile.depth.constant ?? 0);
    const aStep = tile.packedRows ? 4 * A_LINE : 4;
    const shape = { rows: tile.rows, aRow, aStep, bStep: 4 * TILE_COLUMNS };
    const sums = emitLongSum(f, shape, {
      a,
      b,
      count: depth,
      exact: plan.exact === true,
    });
    const { constant } = tile.n;
    const stride = constant === undefined
      ? f.local("i64", i64.mul(columns, i64.const(4)))
      : i64.const(4 * constant);
    const biases = plan.bias
      ? [0, 16].map((offset) => f.local("v128", v128.load(bias, offset)))
      : null;
    const to = f.local("i64", out), plus = f.local("i64", addend);
    for (const halves of sums) {
      const values = halves.map((sum, half) => {
        let value: Vector = plan.alpha === 1
          ? sum
          : f32x4.mul(sum, f32x4.const(plan.alpha));
        if (biases !== null) value = f32x4.add(value, biases[half]);
        if (plan.addend) value = f32x4.add(value, v128.load(plus, 16 * half));
        return f.local("v128", value);
      });
      storeTileRow(f, {
        to,
        values,
        width,
        exact: constant !== undefined && constant % TILE_COLUMNS === 0,
      });
      f.increase(to, stride);
      if (plan.addend) f.increase(plus, stride);
    }
  });
}

/** Stores the columns of one row that exist. */
function storeTileRow(
  f: FunctionBuilder,
  row: { to: Int; values: readonly Vector[]; width: Int; exact: boolean },
): void {
  const { to, values: [left, right], width } = row;
  const both = () => {
    f.store(to, left);
    f.store(to, right, 16);
  };
  if (row.exact) return both();
  f.if(
    i64.geS(width, i64.const(8)),
    both,
    () =>
      f.if(i64.geS(width, i64.const(4)), () => {
        f.store(to, left);
        const rest = f.local("i64", i64.sub(width, i64.const(4)));
        f.if(
          i64.gtS(rest, i64.const(0)),
          () => storeLanes(f, { address: to, offset: 16 }, right, rest),
        );
      }, () => storeLanes(f, { address: to }, left, width)),
  );
}
