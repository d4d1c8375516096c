/**
 * A tensor of one kernel call: a range of a buffer with its extents filled in.
 * @module
 */
import { bytesOf, type DType } from "@denotune/denotune/device";
import type { Store } from "./store.ts";

/** `length` elements of `dtype` in a buffer, checked to lie within it. */
export class Tensor {
  constructor(
    readonly store: Store,
    readonly dtype: DType,
    readonly offset: number,
    readonly length: number,
  ) {}

  /** Elements as doubles: all, or `count` from `start`. A copy. */
  load(start = 0, count: number = this.length): Float64Array {
    return this.store.load(this.dtype, this.offset + start, count);
  }

  /** Stores elements from `start`. */
  save(values: Float64Array, start = 0): void {
    this.store.store(this.dtype, this.offset + start, values);
  }

  /** Whether both are the same place in memory. */
  samePlace(other: Tensor): boolean {
    return this.store === other.store &&
      this.offset * bytesOf(this.dtype) ===
        other.offset * bytesOf(other.dtype) &&
      this.dtype === other.dtype;
  }

  /** Whether they share a byte. */
  overlaps(other: Tensor): boolean {
    if (this.store !== other.store || this.length === 0 || other.length === 0) {
      return false;
    }
    const [start, end] = this.#bytes();
    const [otherStart, otherEnd] = other.#bytes();
    return start < otherEnd && otherStart < end;
  }

  #bytes(): [number, number] {
    const size = bytesOf(this.dtype);
    return [this.offset * size, (this.offset + this.length) * size];
  }
}
