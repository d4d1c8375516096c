/**
 * Memory that is not left to the collector.
 * @module
 */

/** Gives the memory of an array back at once; nobody may use it, or another view of it, any more. */
export function release(data: ArrayBufferView): void {
  const { buffer } = data;
  if (buffer instanceof ArrayBuffer && !buffer.detached) buffer.transfer(0);
}
