/**
 * Numbers as messages. Where the link is slower than packing, numbers that keep all their bits are packed; a message
 * that is shorter than what it is received in was packed, so nothing else says so, and ranks need not agree.
 * @module
 */
import type { Bytes, Outgoing } from "./exchange.ts";
import { FLOAT32, type Wire } from "./ordered_sum.ts";
import { FEWEST_PACKED, packFloats, unpackFloats } from "./packed_floats.ts";
import type { Scratch } from "./scratch.ts";

/** Writes and reads messages. */
export class FloatMessages {
  /** Whether what is sent is packed. */
  packs = false;
  readonly #scratch: Scratch;

  /** `scratch`: where packed numbers are until they are sent. */
  constructor(scratch: Scratch) {
    this.#scratch = scratch;
  }

  /** Numbers to send, from their own memory unless they are packed. */
  outgoing(values: Float32Array, wire: Wire): Outgoing {
    if (
      this.packs && wire === FLOAT32 && values.length >= FEWEST_PACKED
    ) {
      const room = this.#scratch.take(values.byteLength);
      const bytes = packFloats(values, room);
      const release = () => this.#scratch.give(room);
      if (bytes !== null) return { bytes, release };
      release();
    }
    return { bytes: wire.encode(values) };
  }

  /** Unpacks what came, so many bytes of `room`, in place. */
  unpack({ buffer, byteOffset, byteLength }: Bytes, count: number): void {
    if (count === byteLength) return;
    const packed = this.#scratch.take(count);
    packed.set(new Uint8Array(buffer, byteOffset, count));
    const into = new Float32Array(buffer, byteOffset, byteLength / 4);
    unpackFloats(packed, into);
    this.#scratch.give(packed);
  }
}
