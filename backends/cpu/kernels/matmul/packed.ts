/**
 * Matrix products in WebAssembly. The result is cut into blocks; a piece packs the columns of b for its block
 * into the worker's own memory and runs the micro-kernel over its rows, with the epilogue where the sums are
 * still in registers.
 *
 * ```text
 *                 b packed: panels of 8 columns, k after k
 *                 +--------+--------+--------+
 *                 |        |        |        |  depth
 *                 +--------+--------+--------+
 * a, 6 rows  ---> | tile   | tile   | tile   |  6 rows of out, alpha sum + bias + addend on the way out
 * next 6     ---> | ...                         block: up to 192 rows x 64 columns = one piece
 * ```
 * @module
 */
import {
  bytesOf,
  type Extents,
  type KernelAttributes,
  quantizedFactor,
  sizeOf,
  type View,
} from "@denotune/denotune/device";
import {
  type FunctionRef,
  i64,
  type Int,
  type Structs,
} from "../../assembler/mod.ts";
import { lowerFewRowsMatmul, MOST_ROWS } from "./few_rows.ts";
import { copyLines, LINES, LINES_BEHIND, linesOf } from "./lines.ts";
import { packQuantized, packTransposed } from "./pack.ts";
import { GROUP, packGroup, packRows } from "./pack_rows.ts";
import { packLinesStraight, packLinesTransposed } from "./pack_lines.ts";
import { element, type Kernel, keyOf, type Launch } from "../launch.ts";
import { dispatchRows, TILE_COLUMNS, TILE_ROWS } from "./tile.ts";
import { A_LINE, tileFunction } from "./tile_function.ts";

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
  // A block's packed columns (columns x k) must stay in the second cache while all of its rows pass by.
  let columns = Math.min(
    up(n, TILE_COLUMNS),
    Math.max(16, Math.min(64, fitting - fitting % TILE_COLUMNS)),
  );
  // 192 rows: packing the columns is then a small share of the products made with them.
  let rows = Math.min(up(m, TILE_ROWS), 192);
  // Workers take pieces: there must be several for each, but none so small that taking it costs more
  // than doing it. Rows are halved down to 48, then columns down to 16.
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
  { capacities, workers }: {
    readonly capacities: Extents;
    readonly workers: number;
  },
): Launch[] {
  const { layout, alpha, bias, addend, exact } = attributes;
  const dims = [attributes.batch, attributes.m, attributes.n, attributes.k];
  const [batch, m, n, k] = dims.map((d) => sizeOf(d, capacities));
  const quantized = quantizedFactor(attributes);
  const small = quantized === null ? layout !== "TN" : layout === "NT";
  if (m <= MOST_ROWS && small) {
    return lowerFewRowsMatmul(attributes, inputs, out, {
      rows: m,
      depth: k,
      width: n,
      workers,
    });
  }
  const blocks = blocksOf({ batch, m, n, k });
  const dtype = inputs[1].dtype;
  const panels = Math.ceil(blocks.columns / TILE_COLUMNS);
  const structs = panels * Math.ceil(k / LINES);
  return [{
    key: keyOf(
      "matmul",
      // programs share the code, but a named k may be larger in one than in another
      [layout, alpha, bias, addend, dtype, quantized, blocks, exact, structs],
      dims,
    ),
    views: [...inputs, out],
    writes: [inputs.length],
    dims,
    scratch: packedBytes(panels, k) +
      (quantized === null ? 0 : 4 * k * panels * TILE_COLUMNS + 64),
    build: (kernel) => build(kernel, { ...attributes, dtype, blocks, structs }),
  }];
}

/** Bytes of packed columns of b and rows of a. */
function packedBytes(panels: number, k: number): number {
  return 4 * k * (panels * TILE_COLUMNS + GROUP * A_LINE) + LINES_BEHIND + 64;
}

interface Plan extends Attributes {
  readonly dtype: View["dtype"];
  readonly blocks: Blocks;
  /** Structs of the packed columns of a block, k at capacity. */
  readonly structs: number;
}

function build(k: Kernel, plan: Plan): void {
  const { f } = k;
  const { layout, blocks } = plan;
  const [batch, m, n, depth] = k.dims;
  const { a, b, bias, addend, out } = operandsOf(k, plan);
  const lines = linesOf(k.module, plan.structs);
  const structs = f.hold(i64.ceilDiv(depth, LINES)); // of a panel
  // Rows of a are packed where the tile cannot step through them by literal distances: columns of a (TN),
  // or a depth that is known at run time only.
  const packedRows = layout === "TN" || depth.constant === undefined;
  const rowBlocks = f.hold(i64.ceilDiv(m, blocks.rows));
  const columnBlocks = f.hold(i64.ceilDiv(n, blocks.columns));
  const perBatch = f.hold(i64.mul(rowBlocks, columnBlocks));
  // The worker's own memory: the packed columns of a block, then six packed rows of a.
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
  // One function for each height of tile that occurs: 6, and the rest at the lower border of a block.
  const tiles = new Map<number, FunctionRef>();
  const tile = (rows: number) => {
    let made = tiles.get(rows);
    if (made === undefined) {
      tiles.set(
        rows,
        made = tileFunction(k.module, plan, {
          rows,
          packedRows,
          n,
          depth,
          lines,
        }),
      );
    }
    return made;
  };

  // piece -> (batch, block of columns, block of rows); rows run fastest, so that workers that take
  // neighbouring pieces read the same columns of b.
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
    // Rows row0 .. rowEnd and `columns` columns from column0 on: less than a block at the borders.
    const rowEnd = f.local("i64", i64.add(row0, i64.const(blocks.rows)));
    f.set(rowEnd, i64.min(rowEnd, m));
    const columns = f.local("i64", i64.sub(n, column0));
    f.set(columns, i64.min(columns, i64.const(blocks.columns)));
    const aBatch = f.local(
      "i64",
      element(a, i64.mul(which, i64.mul(m, depth))),
    );
    const outBatch = f.local("i64", i64.mul(which, i64.mul(m, n)));
    // b is packed once a piece, and then read for every six rows.
    packColumns(k, plan, { b, which, column0, columns, lines });
    // Six rows at a time: a's six rows stay in the first cache while the panels of b stream past.
    const packed = f.local("i64", packedA);
    f.for(row0, rowEnd, TILE_ROWS, (row) => {
      const rest = f.local("i64", i64.sub(rowEnd, row));
      const aTile = f.local("i64", packedA);
      if (plan.layout === "TN") {
        // several tiles are packed when the first of them is there
        const inGroup = i64.remU(
          i64.sub(row, row0),
          i64.const(GROUP * TILE_ROWS),
        );
        f.if(i64.eqz(inGroup), () => {
          f.set(packed, packedA);
          packGroup(k, { aBatch, row, rest, target: packedA });
        });
        f.set(aTile, packed);
        f.increase(packed, i64.mul(depth, i64.const(4 * A_LINE)));
      } else if (packedRows) {
        packRows(k, { aBatch, row, rest, target: packedA });
      } else f.set(aTile, element(aBatch, i64.mul(row, depth)));
      const at = f.local(
        "i64",
        i64.mul(
          i64.add(outBatch, i64.add(i64.mul(row, n), column0)),
          i64.const(4),
        ),
      );
      // Panels are one behind the other: so many structs each.
      const panel = f.local("i64", i64.const(0));
      const biasAt = f.local(
        "i64",
        bias === null ? i64.const(0) : element(bias, column0),
      );
      f.for(i64.const(0), columns, TILE_COLUMNS, (column) => {
        // Eight columns at a time; the last tile may be narrower, and stores only existing columns.
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
        // Where the height is a multiple of six no other tile is ever needed.
        if (m.constant === undefined || m.constant % TILE_ROWS !== 0) {
          dispatchRows(f, rest, call);
        } else call(TILE_ROWS);
        f.increase(panel, structs);
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
  block: {
    b: Int;
    which: Int;
    column0: Int;
    columns: Int;
    lines: Structs;
  },
): void {
  const { f } = k;
  const [, , n, depth] = k.dims;
  const quantized = quantizedFactor(plan);
  const { columns, lines } = block;
  const panels = f.local("i64", i64.ceilDiv(columns, TILE_COLUMNS));
  const fromScratch = () =>
    f.call(copyLines(k.module, lines), [k.scratch, panels, depth]);
  if (quantized !== null) {
    const most = Math.ceil(plan.blocks.columns / TILE_COLUMNS);
    // Widened numbers are stored after the panels packed from them.
    const behind = packedBytes(
      most,
      plan.layout === "NT" ? quantized.columns : quantized.rows,
    );
    packQuantized(f, {
      ...block,
      matrix: { ...quantized, base: block.b },
      straight: plan.layout !== "NT",
      panels: most,
      wide: i64.add(k.scratch, i64.const(behind)),
    }, k.scratch);
    return fromScratch();
  }
  const size = bytesOf(plan.dtype);
  const bytes = (elements: Int) => i64.mul(elements, i64.const(size));
  const matrix = i64.add(
    block.b,
    bytes(i64.mul(block.which, i64.mul(n, depth))),
  );
  if (plan.layout !== "NT") {
    return f.call(packLinesStraight(k.module, lines, plan.dtype), [
      i64.add(matrix, bytes(block.column0)),
      f.hold(bytes(n)),
      panels,
      depth,
    ]);
  }
  const at = f.local(
    "i64",
    i64.add(matrix, bytes(i64.mul(block.column0, depth))),
  );
  const stride = f.hold(bytes(depth));
  if (depth.constant !== undefined && depth.constant % LINES === 0) {
    const pack = packLinesTransposed(k.module, lines, plan.dtype);
    return f.call(pack, [at, stride, columns, depth]);
  }
  packTransposed(
    f,
    { at, stride, dtype: plan.dtype, columns, count: depth },
    k.scratch,
  );
  fromScratch();
}
