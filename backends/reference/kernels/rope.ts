/**
 * Rotary position embedding.
 * @module
 */
import { checkIndex, type Kernel } from "../kernel.ts";

/** Turns the pairs (i, i + rotary / 2) of every head by the angles of its position. */
export const rope: Kernel<"rope"> = {
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
