/**
 * Matrices that memory keeps by output although their files have them by input, as a Conv1D's: (in, out) in the file
 * is (out, in) in memory, where a product of few rows reads its weights in order.
 * @module
 */

/** Numbers of a weight, as they are stored. */
export type StoredNumbers =
  | Float32Array
  | Uint16Array;

/** A matrix of which some lines have come. */
interface Begun {
  readonly values: StoredNumbers;
  /** Elements that have come, from the first on. */
  known: number;
}

/** Gathers matrices that come in parts: only a whole one can be transposed with reads and writes in long runs. */
export class TransposedWrites {
  readonly #begun = new Map<string, Begun>();

  /** Names of matrices whose last parts have not come yet. */
  get unfinished(): readonly string[] {
    return [...this.#begun.keys()];
  }

  /**
   * Takes elements of a matrix from `start` on, in the order of its file; `shape` is that of memory. Returns all of it
   * as memory has it, once its last part is there: the transpose, or what `turn` makes of the file's float32. Throws
   * `RangeError` for parts that are not in order.
   */
  add(
    { name, shape: [rows, columns], start, data, turn }: {
      readonly name: string;
      readonly shape: readonly number[];
      readonly start: number;
      readonly data: StoredNumbers;
      readonly turn?: (values: Float32Array) => Float32Array;
    },
  ): StoredNumbers | null {
    const total = rows * columns;
    const turned = (values: StoredNumbers): StoredNumbers =>
      turn !== undefined && values instanceof Float32Array
        ? turn(values)
        : transposedMatrix(values, { rows: columns, columns: rows });
    if (start === 0) this.#begun.delete(name);
    if (data.length === total) return turned(data);
    const begun = this.#begun.get(name) ??
      { values: like(data, total), known: 0 };
    if (start !== begun.known) {
      throw new RangeError(
        `${name} is transposed on its way: its parts must be written in order; ${begun.known} elements are there, given ${data.length} from ${start}`,
      );
    }
    begun.values.set(data, start);
    begun.known += data.length;
    if (begun.known < total) {
      this.#begun.set(name, begun);
      return null;
    }
    this.#begun.delete(name);
    return turned(begun.values);
  }
}

/** Rows and columns of a square: its lines stay in the first cache while it is transposed. */
const SQUARE = 16;

/** The transpose of a (rows, columns) matrix. */
export function transposedMatrix(
  values: Float32Array,
  size: { readonly rows: number; readonly columns: number },
): Float32Array;
/** The same of numbers as they are stored. */
export function transposedMatrix(
  values: Float32Array | Uint16Array,
  size: { readonly rows: number; readonly columns: number },
): Float32Array | Uint16Array;
export function transposedMatrix(
  values: StoredNumbers,
  { rows, columns }: { readonly rows: number; readonly columns: number },
): StoredNumbers {
  const out = like(values, values.length);
  for (let r0 = 0; r0 < rows; r0 += SQUARE) {
    const r1 = Math.min(rows, r0 + SQUARE);
    for (let c0 = 0; c0 < columns; c0 += SQUARE) {
      const c1 = Math.min(columns, c0 + SQUARE);
      for (let c = c0; c < c1; c++) {
        let to = c * rows + r0;
        let from = r0 * columns + c;
        for (let r = r0; r < r1; r++) {
          out[to++] = values[from];
          from += columns;
        }
      }
    }
  }
  return out;
}

function like(values: StoredNumbers, length: number): StoredNumbers {
  return values instanceof Float32Array
    ? new Float32Array(length)
    : new Uint16Array(length);
}
