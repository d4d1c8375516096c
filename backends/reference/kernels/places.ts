/**
 * Kernels that only move elements: caches, columns, rings, copies.
 * @module
 */
import { DeviceError, type DType } from "@denotune/denotune/core";
import { checkIndex, INDEX, type Kernel } from "../kernel.ts";
import { loadQuantized, quantizedOperand } from "./quantized.ts";

/** cache[index[b], lengths[b] + t] = new[b, t]; what would lie beyond the capacity is dropped. */
export const writeCache: Kernel<"write_cache"> = {
  signature(attributes, size) {
    const { slots, capacity, columns } = attributes;
    const [B, T] = [size(attributes.B), size(attributes.T)];
    const cache = slots * capacity * columns;
    return {
      inputs: [
        { name: "cache", elements: cache },
        { name: "new", elements: B * T * columns },
        { name: "lengths", elements: B, dtypes: INDEX },
        { name: "index", elements: B, dtypes: INDEX },
      ],
      outputs: [{ name: "cache", elements: cache }],
      mustShare: [[0, 0]],
    };
  },
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
  signature({ rows, from, offset, width }, size) {
    if (offset < 0 || offset + width > from) {
      throw new DeviceError(
        `columns ${offset} to ${offset + width} do not lie within ${from}`,
      );
    }
    return {
      inputs: [{ name: "x", elements: size(rows) * from }],
      outputs: [{ name: "out", elements: size(rows) * width }],
    };
  },
  run({ rows, from, offset, width }, size, [x], [output]) {
    for (let row = 0; row < size(rows); row++) {
      output.save(x.load(row * from + offset, width), row * width);
    }
  },
};

/** out = the inputs side by side. */
export const concatColumns: Kernel<"concat_columns"> = {
  signature({ rows, widths }, size) {
    const total = widths.reduce((a, b) => a + b, 0);
    return {
      inputs: widths.map((width, i) => ({
        name: `x_${i}`,
        elements: size(rows) * width,
      })),
      outputs: [{ name: "out", elements: size(rows) * total }],
    };
  },
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
  signature({ slots, columns }) {
    return {
      inputs: [
        { name: "ring", elements: slots * columns },
        { name: "row", elements: columns },
        { name: "index", elements: 1, dtypes: INDEX },
      ],
      outputs: [{ name: "ring", elements: slots * columns }],
      mustShare: [[0, 0]],
    };
  },
  run({ slots, columns }, _size, [_ring, row, index], [ring]) {
    const slot = ((index.load()[0] % slots) + slots) % slots;
    ring.save(row.load(), slot * columns);
  },
};

const ANY: readonly DType[] = ["f32", "i32", "bf16", "f16"];

/** out = x, converted between f32 and 16-bit types, or from quantised words. */
export const copy: Kernel<"copy"> = {
  signature({ elements, quantized }, size) {
    if (quantized !== undefined) {
      return {
        inputs: [quantizedOperand("x", quantized)],
        outputs: [{
          name: "out",
          elements: quantized.rows * quantized.columns,
        }],
      };
    }
    return {
      inputs: [{ name: "x", elements: size(elements), dtypes: ANY }],
      outputs: [{ name: "out", elements: size(elements), dtypes: ANY }],
    };
  },
  run({ quantized }, _size, [x], [output]) {
    if (quantized !== undefined) {
      output.save(loadQuantized(x, quantized));
      return;
    }
    if (
      x.dtype !== output.dtype && (x.dtype === "i32" || output.dtype === "i32")
    ) {
      throw new DeviceError(
        `cannot copy ${x.dtype} to ${output.dtype}: whole numbers are copied as they are`,
      );
    }
    output.save(x.load());
  },
};

/** Every element of out is `value`. */
export const fill: Kernel<"fill"> = {
  signature({ elements }, size) {
    return { inputs: [], outputs: [{ name: "out", elements: size(elements) }] };
  },
  run({ value }, _size, _inputs, [output]) {
    output.save(new Float64Array(output.length).fill(value));
  },
};

/** out[r] = the first column that holds the largest element of row r. */
export const argmax: Kernel<"argmax"> = {
  signature({ rows, columns }, size) {
    if (size(columns) < 1) {
      throw new DeviceError("a row without columns has no largest element");
    }
    return {
      inputs: [{ name: "x", elements: size(rows) * size(columns) }],
      outputs: [{ name: "out", elements: size(rows), dtypes: INDEX }],
    };
  },
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
