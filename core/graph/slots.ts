/**
 * Memory of values that live only for a while. A program asks for places in the order of its nodes, and the
 * buffers are handed out when all lifetimes are known, the largest first: a small value that lives long then
 * does not sit on a large buffer.
 *
 * ```text
 * nodes   0 1 2 3 4 5 6
 * 40 MB   |---|               buffer 1
 * 40 MB         |-----|       buffer 1
 * 15 MB   |-----------|       buffer 2, though buffer 1 was there before it
 * ```
 * @module
 */
import type { Memory } from "./memory.ts";
import type { BufferId } from "./plan.ts";

interface Slot {
  readonly bytes: number;
  /** First and last node that use it. */
  readonly from: number;
  to: number;
}

/** The places that one program asks for. Their numbers are negative until {@linkcode Slots.assign}. */
export class Slots {
  readonly #slots: Slot[] = [];
  #now = 0;

  /** Sets the node that is at work: never an earlier one. */
  moveTo(node: number): void {
    this.#now = node;
  }

  /** A place from this node on. */
  take(bytes: number): BufferId {
    this.#slots.push({ bytes, from: this.#now, to: Infinity });
    return -this.#slots.length;
  }

  /** The last node that uses a place is at work. */
  release(place: BufferId): void {
    const slot = this.#slots[-place - 1];
    if (slot !== undefined) slot.to = this.#now;
  }

  /**
   * Gives every place a buffer of the memory's pool, which other programs use too: they do not run at the
   * same time. Returns the buffer of a place; numbers of buffers stay as they are.
   */
  assign(memory: Memory): (place: BufferId) => BufferId {
    const order = [...this.#slots.keys()].sort((a, b) =>
      this.#slots[b].bytes - this.#slots[a].bytes || a - b
    );
    const chosen: BufferId[] = [];
    const users = new Map<BufferId, Slot[]>();
    for (const i of order) {
      const slot = this.#slots[i];
      const free = memory.pool.filter((id) =>
        (users.get(id) ?? []).every((u) => u.to < slot.from || slot.to < u.from)
      );
      const buffer = memory.poolBuffer(slot.bytes, free);
      chosen[i] = buffer;
      const list = users.get(buffer);
      if (list === undefined) users.set(buffer, [slot]);
      else list.push(slot);
    }
    return (place) => place < 0 ? chosen[-place - 1] : place;
  }
}
