/**
 * Best-fit decreasing: the longest example first, each into the fullest row that still has room.
 *
 * ```text
 * lengths 5 4 3 2 2, rows of 8:   5 3 | 4 2 2
 * ```
 * @module
 */
import { PluginError } from "@denotune/denotune/core";

/** Rows of one window. Lists of indices into `lengths`, each row within `capacity`. */
export function bestFitDecreasing(
  lengths: Int32Array,
  capacity: number,
): number[][] {
  const rows: number[][] = [];
  // rows that have exactly `room` tokens left; a tree over the rooms finds the smallest that is enough
  const withRoom: number[][] = Array.from({ length: capacity + 1 }, () => []);
  const tree = new RoomTree(capacity);
  for (const i of byLengthDescending(lengths, capacity)) {
    const length = lengths[i];
    const room = tree.smallestFrom(length);
    let row: number;
    if (room === -1) {
      row = rows.length;
      rows.push([]);
    } else {
      const candidates = withRoom[room];
      row = candidates[candidates.length - 1];
      candidates.pop();
      if (candidates.length === 0) tree.set(room, false);
    }
    rows[row].push(i);
    const left = (room === -1 ? capacity : room) - length;
    if (withRoom[left].length === 0) tree.set(left, true);
    withRoom[left].push(row);
  }
  return rows;
}

/** Counting sort: longest first, equal lengths in their order. */
function byLengthDescending(
  lengths: Int32Array,
  capacity: number,
): Uint32Array {
  const starts = new Uint32Array(capacity + 2);
  for (const length of lengths) {
    if (length < 1 || length > capacity) {
      throw new PluginError(
        `Cannot pack an example of ${length} tokens into rows of ${capacity}`,
      );
    }
    starts[capacity - length + 1]++;
  }
  for (let k = 1; k < starts.length; k++) starts[k] += starts[k - 1];
  const sorted = new Uint32Array(lengths.length);
  for (let i = 0; i < lengths.length; i++) {
    sorted[starts[capacity - lengths[i]]++] = i;
  }
  return sorted;
}

/** A segment tree over rooms 0..capacity: which of them some row has. */
class RoomTree {
  readonly #leaves: number;
  readonly #any: Uint8Array;

  constructor(capacity: number) {
    this.#leaves = 2 ** Math.ceil(Math.log2(capacity + 1));
    this.#any = new Uint8Array(2 * this.#leaves);
  }

  set(room: number, value: boolean): void {
    let node = this.#leaves + room;
    this.#any[node] = value ? 1 : 0;
    for (node >>= 1; node >= 1; node >>= 1) {
      this.#any[node] = this.#any[2 * node] | this.#any[2 * node + 1];
    }
  }

  /** The smallest room that is at least `room`, or -1. */
  smallestFrom(room: number): number {
    let node = this.#leaves + room;
    if (this.#any[node]) return room;
    for (; node > 1; node >>= 1) {
      const isLeft = (node & 1) === 0;
      if (isLeft && this.#any[node + 1]) {
        node++;
        while (node < this.#leaves) {
          node = this.#any[2 * node] ? 2 * node : 2 * node + 1;
        }
        return node - this.#leaves;
      }
    }
    return -1;
  }
}
