/**
 * Memory that messages come into, used again: pages that are new each time cost as much as the copy, and their
 * garbage sets off the collector.
 * @module
 */

/** Below this many bytes a new array is as good. */
const FEWEST_KEPT = 1 << 16;

/** Arrays that are lent. */
export class Scratch {
  readonly #least: number;
  #free: ArrayBuffer[] = [];

  /** `least`: bytes that an array has at least, so that most requests find one. */
  constructor(least: number) {
    this.#least = least;
  }

  /** So many bytes, of whatever content. */
  take(bytes: number): Uint8Array<ArrayBuffer> {
    if (bytes < FEWEST_KEPT) return new Uint8Array(bytes);
    const at = this.#free.findIndex((one) => one.byteLength >= bytes);
    const [found] = at < 0
      ? [new ArrayBuffer(Math.max(bytes, this.#least))]
      : this.#free.splice(at, 1);
    return new Uint8Array(found, 0, bytes);
  }

  /** Takes bytes back: nobody reads them any more. */
  give({ buffer, byteLength }: Uint8Array<ArrayBuffer>): void {
    if (byteLength >= FEWEST_KEPT) this.#free.push(buffer);
  }
}
