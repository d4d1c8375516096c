/**
 * Kernels that only move elements: caches, columns, rings, copies.
 * @module
 */
import { checkIndex, type Kernel } from "../kernel.ts";
import { loadQuantized } from "./quantized.ts";

/** cache[index[b], lengths[b] + t] = new[b, t]; tokens beyond the capacity are dropped. */
export const writeCache: Kernel<"write_cache"> = {
  run(
    { slots, capacity, columns, ...attributes },
    size,
    [_cache, added, lengths, index],
    [cache],
  ) {
    const T = size(attributes.T);
    const slotOf = index.load();
    for (const [b, length] of lengths.load().entries()) {
      checkIndex(slotOf[b], slots, "a slot");
      for (let t = 0; t < T && length + t < capacity; t++) {
        cache.save(
          added.load((b * T + t) * columns, columns),
          (slotOf[b] * capacity + length + t) * columns,
        );
      }
    }
  },
};

/** out = columns offset .. offset + width of x. */
export const sliceColumns: Kernel<"slice_columns"> = {
  run({ rows, from, offset, width }, size, [x], [output]) {
    for (let row = 0; row < size(rows); row++) {
      output.save(x.load(row * from + offset, width), row * width);
    }
  },
};

/** out = the inputs side by side. */
export const concatColumns: Kernel<"concat_columns"> = {
  run({ rows, widths }, size, inputs, [output]) {
    let at = 0;
    for (let row = 0; row < size(rows); row++) {
      for (const [i, width] of widths.entries()) {
        output.save(inputs[i].load(row * width, width), at);
        at += width;
      }
    }
  },
};

/** ring[index mod S] = row. */
export const writeRow: Kernel<"write_row"> = {
  run({ slots, columns }, _size, [_ring, row, index], [ring]) {
    const slot = ((index.load()[0] % slots) + slots) % slots;
    ring.save(row.load(), slot * columns);
  },
};

/** out = x, converted between f32 and 16-bit types, or from quantised words. */
export const copy: Kernel<"copy"> = {
  run({ quantized }, _size, [x], [output]) {
    if (quantized !== undefined) {
      output.save(loadQuantized(x, quantized));
      return;
    }
    output.save(x.load());
  },
};

/** Every element of out is `value`. */
export const fill: Kernel<"fill"> = {
  run({ value }, _size, _inputs, [output]) {
    output.save(new Float64Array(output.length).fill(value));
  },
};

/** out[r] = the first column that holds the largest element of row r. */
export const argmax: Kernel<"argmax"> = {
  run(attributes, size, [x], [output]) {
    const columns = size(attributes.columns);
    const best = new Float64Array(output.length);
    for (let row = 0; row < output.length; row++) {
      const values = x.load(row * columns, columns);
      for (let c = 1; c < columns; c++) {
        if (values[c] > values[best[row]]) best[row] = c;
      }
    }
    output.save(best);
  },
};
