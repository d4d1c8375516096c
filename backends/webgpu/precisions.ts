/**
 * Precisions of matrix products besides float32. Factors in 16 bits are stored two to a word and widened where they
 * are multiplied (`unpack2x16float`), which every adapter can do. The feature `shader-f16` makes that of f16 cheaper
 * and changes no bit.
 * @module
 */
import type { DeviceInfo } from "@denotune/denotune/device";

/** Of every adapter. */
export const PRECISIONS: NonNullable<DeviceInfo["precisions"]> = [
  "bfloat16",
  "float16",
];
