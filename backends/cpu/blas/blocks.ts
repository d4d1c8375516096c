/**
 * How a product is cut into blocks that the workers share. A library's blocks follow from shapes alone, for other blocks
 * would give other bits; machine code's bits do not depend on them, so each worker has as much as possible in one.
 * @module
 */
import type { BlasProduct } from "../kernels/launch.ts";

/** Blocks that a large product is cut into, so that so many workers have something to do. */
const BLOCKS = 8;
/** Multiply-adds for which a block of its own is worth while. */
const BLOCK_WORK = 1 << 21;
/** Blocks are multiples of this many rows and columns. */
const BLOCK_UNIT = 16;

/** Most rows for which a product waits for its weights, as in decoding. */
const FEW_ROWS = 16;
/** Narrow blocks that a product of more rows has at least. */
const LEAST_BLOCKS = 6;

/**
 * Columns of a block of a product of few rows. So many weights are still in the second cache when a library multiplies
 * what it has packed, or are few enough for it to multiply without packing.
 */
export interface FewRowsColumns {
  readonly NN: number;
  readonly NT: number;
  /** Most rows for which such blocks are faster: 16 at least. */
  readonly mostRows: number;
}

/** Multiply-adds of a worker's block from which on it is cut again: what is left of it can be taken by others. */
const DIVISIBLE = 1 << 27;
/** Products of one term that cost as much as reading and packing a number. */
const READING = 8;
/** Columns of a block are multiples of so many, a tile of machine code. */
const COLUMN_UNIT = 32;

/** Most rows of a block whose columns are a panel: so many are still in the second cache when the next panel comes. */
const PANEL_BLOCK_ROWS = 128;

/** One block of a product: addresses of its first elements, its sizes, and those of the whole. */
export interface Block {
  readonly a: number;
  readonly b: number;
  readonly out: number;
  /** Of the bias; absent where there is none. */
  readonly bias?: number;
  readonly rows: number;
  readonly columns: number;
  readonly m: number;
  readonly n: number;
  readonly k: number;
}

/**
 * Does blocks of a product until `take` gives a number beyond the last. `slots` are the product's arguments:
 * temporary memory, a, b (if not widened), out, bias (if there is one), batch, m, n, k.
 */
export function runBlocks(
  product: BlasProduct,
  slots: Float64Array,
  { take, multiply, fewRows, workers }: {
    /** Gives the next block of so many; a number beyond the last where none is left. */
    readonly take: (blocks: number) => number;
    readonly multiply: (block: Block) => void;
    /** Null where products of few rows are cut as all others. */
    readonly fewRows: FewRowsColumns | null;
    /** Set where bits do not depend on how a product is cut: into blocks for so many. */
    readonly workers: number | null;
  },
): void {
  const { layout, widened, factors } = product;
  const shift = widened ? 2 : 3;
  const a = slots[1], b = widened ? slots[0] : slots[2], out = slots[shift];
  const bias = product.bias ? slots[shift + 1] : null;
  const sizes = bias === null ? shift + 1 : shift + 2;
  const batch = slots[sizes],
    m = slots[sizes + 1],
    n = slots[sizes + 2],
    k = slots[sizes + 3];
  if (batch === 0 || m === 0 || n === 0) return;
  const bytes = factors === "bf16" ? 2 : 4;
  const { rows, columns } = product.panelRows !== undefined
    ? { rows: Math.min(m, PANEL_BLOCK_ROWS), columns: product.panelRows }
    : layout !== "TN" && fewRows !== null &&
        isNarrow({ m, n }, { most: fewRows.mostRows, columns: fewRows[layout] })
    ? fewRowsBlocks({ m, n }, fewRows[layout])
    : workers === null
    ? blasBlocks({ batch, m, n, k })
    : evenBlocks({ batch, m, n, k }, workers);
  const across = Math.ceil(n / columns);
  const blocks = Math.ceil(m / rows) * across;
  const all = batch * blocks;
  for (let piece = take(all); piece < all; piece = take(all)) {
    const which = Math.floor(piece / blocks);
    const inside = piece - which * blocks;
    const row = Math.floor(inside / across) * rows;
    const column = (inside % across) * columns;
    const aFrom = which * m * k + (layout === "TN" ? row : row * k);
    const isByOutput = layout === "NT" || product.panelRows !== undefined;
    const bFrom = which * n * k + (isByOutput ? column * k : column);
    multiply({
      a: a + bytes * aFrom,
      b: b + bytes * bFrom,
      out: out + 4 * (which * m * n + row * n + column),
      bias: bias === null ? undefined : bias + 4 * column,
      rows: Math.min(rows, m - row),
      columns: Math.min(columns, n - column),
      m,
      n,
      k,
    });
  }
}

/**
 * Rows and columns of the blocks that a product is cut into: the longer side is halved, because every call
 * packs its rows of a and its columns of b, until there are enough.
 */
export function blasBlocks(
  size: { batch: number; m: number; n: number; k: number },
): { rows: number; columns: number } {
  const half = (x: number) => unitsIn(x / 2, BLOCK_UNIT);
  let rows = size.m, columns = size.n;
  for (let blocks = size.batch; blocks < BLOCKS; blocks *= 2) {
    const longer = Math.max(rows, columns);
    if (rows * columns * size.k < 2 * BLOCK_WORK || longer <= 4 * BLOCK_UNIT) {
      break;
    }
    if (rows >= columns) rows = half(rows);
    else columns = half(columns);
  }
  return { rows, columns };
}

/**
 * Rows and columns of the blocks that give each of so many workers the same: of the grids with so many blocks the one
 * whose blocks read the fewest rows and columns.
 */
export function evenBlocks(
  { batch, m, n, k }: { batch: number; m: number; n: number; k: number },
  workers: number,
): { rows: number; columns: number } {
  const work = batch * m * n * k / workers;
  const rounds = Math.min(BLOCKS, Math.max(1, Math.floor(work / DIVISIBLE)));
  // as many matrices as workers, or so many that one more or less is little: each is a block
  const isShared = batch % workers === 0 || batch >= BLOCKS * workers;
  const blocks = isShared
    ? Math.ceil(rounds * workers / batch)
    : rounds * workers;
  let best = { rows: m, columns: n };
  let least = Infinity;
  for (let down = 1; down <= blocks; down++) {
    const across = Math.ceil(blocks / down);
    const rows = unitsIn(m / down, BLOCK_UNIT);
    const columns = unitsIn(n / across, COLUMN_UNIT);
    // the largest block keeps the others waiting; reading a row costs as much as some of its products
    const cost = rows * columns * (1 + READING / rows + READING / columns);
    if (cost >= least) continue;
    least = cost;
    best = { rows, columns };
  }
  return best;
}

/** The least multiple of `unit` that is as large. */
function unitsIn(size: number, unit: number): number {
  return unit * Math.ceil(size / unit);
}

/**
 * Whether a product is cut into narrow blocks: always where it waits for its weights alone; with up to `most` rows
 * where that leaves some blocks to each worker.
 */
function isNarrow(
  { m, n }: { m: number; n: number },
  { most, columns }: { most: number; columns: number },
): boolean {
  return m <= FEW_ROWS || (m <= most && n >= LEAST_BLOCKS * columns);
}

/** Rows and columns of the blocks of a product of few rows: an even number of blocks, for two workers. */
export function fewRowsBlocks(
  { m, n }: { m: number; n: number },
  most: number,
): { rows: number; columns: number } {
  const blocks = 2 * Math.ceil(n / most / 2);
  const share = BLOCK_UNIT * Math.ceil(n / blocks / BLOCK_UNIT);
  return { rows: m, columns: Math.max(share, 4 * BLOCK_UNIT) };
}
