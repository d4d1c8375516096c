/**
 * A weight on its way into the file: transposed, its rows in another order, shifted and scaled; and back.
 * @module
 */
import { type ExportTensor, transposedMatrix } from "@denotune/denotune/core";
import type { TensorRule } from "./layout.ts";

/** Numbers of a piece: 4 MiB of float32. */
const PIECE = 1 << 20;

/** Sizes in the file: sizes of 1 between others are left out, as llama.cpp has them. */
export function shapeInFile(
  shape: readonly number[],
  { transposed }: Pick<TensorRule, "transposed">,
): readonly number[] {
  const short = shape.length > 2 ? shape.filter((size) => size !== 1) : shape;
  return transposed ? [...short].reverse() : short;
}

/** The row of the model that is row `r` of the file; null: the same. */
export function rowOrder(
  { view, order }: Pick<TensorRule, "view" | "order">,
): ((row: number) => number) | null {
  if (view === undefined || order === undefined) return null;
  // strides of the model's rows, in the order of the file's axes
  const strides = view.map((_, axis) =>
    view.slice(axis + 1).reduce((a, b) => a * b, 1)
  );
  const sizes = order.map((axis) => view[axis]);
  const steps = order.map((axis) => strides[axis]);
  return (row) => {
    let rest = row;
    let from = 0;
    for (let axis = sizes.length - 1; axis >= 0; axis--) {
      from += (rest % sizes[axis]) * steps[axis];
      rest = Math.floor(rest / sizes[axis]);
    }
    return from;
  };
}

/** Rows and columns of a weight as they are moved; a vector with an order of rows is a column. */
function sizesOf(
  shape: readonly number[],
  hasOrder: boolean,
): { readonly rows: number; readonly columns: number } {
  const count = shape.reduce((a, b) => a * b, 1);
  const columns = shape.length === 1 && hasOrder ? 1 : shape.at(-1) ?? 1;
  return { rows: count / columns, columns };
}

/** The numbers of a weight in the order of the file, in pieces of whole rows. */
export async function* piecesOf(
  tensor: ExportTensor,
  rule: TensorRule,
): AsyncIterable<Float32Array> {
  const from = rowOrder(rule);
  const shape = shapeInFile(tensor.shape, { transposed: false });
  const { rows, columns } = sizesOf(shape, from !== null);
  if (rule.transposed) {
    yield* transposedPieces(tensor, { rule, rows, columns });
    return;
  }
  const atOnce = Math.max(1, Math.floor(PIECE / columns));
  for (let row = 0; row < rows; row += atOnce) {
    const count = Math.min(atOnce, rows - row);
    const piece = new Float32Array(count * columns);
    if (from === null) {
      piece.set(await tensor.read(row * columns, count * columns));
    } else {
      await gather(tensor, { piece, columns, rowOf: (r) => from(row + r) });
    }
    yield change(piece, rule);
  }
}

/** Reads rows that are near each other in one go: those of a head. */
async function gather(
  tensor: ExportTensor,
  { piece, columns, rowOf }: {
    readonly piece: Float32Array;
    readonly columns: number;
    rowOf(row: number): number;
  },
): Promise<void> {
  const rows = piece.length / columns;
  const wanted = Array.from({ length: rows }, (_, r) => rowOf(r));
  const most = Math.max(1, Math.floor(PIECE / columns));
  for (let r = 0; r < rows;) {
    let [low, high, end] = [wanted[r], wanted[r], r + 1];
    for (; end < rows; end++) {
      const [least, largest] = [
        Math.min(low, wanted[end]),
        Math.max(high, wanted[end]),
      ];
      if (largest - least >= most) break;
      [low, high] = [least, largest];
    }
    const values = await tensor.read(low * columns, (high - low + 1) * columns);
    for (; r < end; r++) {
      const at = (wanted[r] - low) * columns;
      piece.set(values.subarray(at, at + columns), r * columns);
    }
  }
}

/** The whole weight is read for it: its columns are everywhere. */
async function* transposedPieces(
  tensor: ExportTensor,
  { rule, rows, columns }: {
    readonly rule: TensorRule;
    readonly rows: number;
    readonly columns: number;
  },
): AsyncIterable<Float32Array> {
  const turned = new Float32Array(rows * columns);
  const atOnce = Math.max(1, Math.floor(PIECE / columns));
  for (let row = 0; row < rows; row += atOnce) {
    const count = Math.min(atOnce, rows - row);
    const values = await tensor.read(row * columns, count * columns);
    for (let r = 0; r < count; r++) {
      for (let c = 0; c < columns; c++) {
        turned[c * rows + row + r] = values[r * columns + c];
      }
    }
  }
  yield change(turned, rule);
}

function change(
  values: Float32Array,
  { offset, factor }: Pick<TensorRule, "offset" | "factor">,
): Float32Array {
  if (offset === 0 && factor === 1) return values;
  for (let i = 0; i < values.length; i++) {
    values[i] = factor * Math.fround(values[i] + offset);
  }
  return values;
}

function changeBack(
  values: Float32Array,
  { offset, factor }: Pick<TensorRule, "offset" | "factor">,
): Float32Array {
  if (offset === 0 && factor === 1) return values;
  for (let i = 0; i < values.length; i++) {
    values[i] = Math.fround(values[i] / factor) - offset;
  }
  return values;
}

/** A tensor of the file as the model has it. `readRows` reads whole rows of the file. */
export function movedBack(
  { name, shape, rule, readRows }: {
    readonly name: string;
    readonly shape: readonly number[];
    readonly rule: TensorRule;
    readRows(row: number, count: number): Float32Array;
  },
): ExportTensor {
  const short = shapeInFile(shape, { transposed: false });
  const from = rowOrder(rule);
  const { rows, columns } = sizesOf(short, from !== null);
  if (rule.transposed) {
    let whole: Float32Array | null = null;
    return {
      name,
      shape,
      read(start, count) {
        // (columns, rows) in the file
        whole ??= changeBack(
          transposedMatrix(readRows(0, columns), {
            rows: columns,
            columns: rows,
          }),
          rule,
        );
        return whole.slice(start, start + count);
      },
    };
  }
  const to = from === null ? null : inverse(from, rows);
  return {
    name,
    shape,
    read(start, count) {
      const out = new Float32Array(count);
      for (let at = 0; at < count;) {
        const row = Math.floor((start + at) / columns);
        const skip = start + at - row * columns;
        // consecutive rows of the model where no order is changed
        const most = Math.ceil((skip + count - at) / columns);
        const n = to === null
          ? Math.min(most, Math.max(1, Math.floor(PIECE / columns)))
          : 1;
        const values = readRows(to === null ? row : to[row], n);
        const take = Math.min(n * columns - skip, count - at);
        out.set(values.subarray(skip, skip + take), at);
        at += take;
      }
      return changeBack(out, rule);
    },
  };
}

function inverse(from: (row: number) => number, rows: number): Uint32Array {
  const to = new Uint32Array(rows);
  for (let row = 0; row < rows; row++) to[from(row)] = row;
  return to;
}
