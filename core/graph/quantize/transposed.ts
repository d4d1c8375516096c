/**
 * Quantised matrices are kept by output. A Conv1D's file has them the other way round: (in, out).
 * @module
 */

/** Reads consecutive elements of a matrix, row-major. */
export type ReadElements = (start: number, count: number) => Float32Array;

/**
 * The transpose of a (columns, rows) matrix that `read` reads, as a reader of (rows, columns). Each call reads
 * what it needs and nothing else: the rows it touches, as a panel of columns of the file.
 */
export function transposed(
  { rows, columns }: { readonly rows: number; readonly columns: number },
  read: ReadElements,
): ReadElements {
  return (start, count) => {
    const first = Math.floor(start / columns);
    const width = Math.ceil((start + count) / columns) - first;
    // whole lines of the file are contiguous: one read
    const all = width === rows ? read(0, rows * columns) : null;
    const out = new Float32Array(count);
    for (let c = 0; c < columns; c++) {
      const line = all === null
        ? read(c * rows + first, width)
        : all.subarray(c * rows, (c + 1) * rows);
      for (let r = 0; r < width; r++) {
        const at = (first + r) * columns + c - start;
        if (at >= 0 && at < count) out[at] = line[r];
      }
    }
    return out;
  };
}
