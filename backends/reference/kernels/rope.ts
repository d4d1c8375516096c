/**
 * Rotary position embedding.
 * @module
 */
import { DeviceError } from "@denotune/denotune/core";
import { checkIndex, INDEX, type Kernel } from "../kernel.ts";

/** Turns the pairs (i, i + rotary / 2) of every head by the angles of its position. */
export const rope: Kernel<"rope"> = {
  signature({ rows, heads, headDim, rotary }, size) {
    if (rotary % 2 !== 0 || rotary > headDim || rotary <= 0) {
      throw new DeviceError(
        `rotary is ${rotary}: must be even, positive and at most the head's ${headDim}`,
      );
    }
    const elements = size(rows) * heads * headDim;
    return {
      inputs: [
        { name: "x", elements },
        { name: "positions", elements: size(rows), dtypes: INDEX },
        { name: "table", elements: { multipleOf: rotary } },
      ],
      outputs: [{ name: "out", elements }],
      mayShare: [[0, 0]],
    };
  },
  run(
    { heads, headDim, rotary, inverse },
    _size,
    [input, positionList, tableTensor],
    [output],
  ) {
    const [x, positions, table] = [
      input.load(),
      positionList.load(),
      tableTensor.load(),
    ];
    const half = rotary / 2;
    for (const [row, position] of positions.entries()) {
      checkIndex(position, table.length / rotary, `positions[${row}]`);
      for (let head = 0; head < heads; head++) {
        const start = (row * heads + head) * headDim;
        for (let i = 0; i < half; i++) {
          const cos = table[position * rotary + i];
          const sin = table[position * rotary + half + i] * (inverse ? -1 : 1);
          const [a, b] = [x[start + i], x[start + i + half]];
          x[start + i] = a * cos - b * sin;
          x[start + i + half] = b * cos + a * sin;
        }
      }
    }
    output.save(x);
  },
};
