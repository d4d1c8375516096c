/**
 * Reads what the assembler wrote.
 * @module
 */
import { type Instruction, INSTRUCTIONS } from "./opcodes.ts";

/** The instruction that begins with this byte. Throws `RangeError` for one that the assembler does not emit. */
export function instruction(body: Reader, code: number): Instruction {
  const table = INSTRUCTIONS.get(code);
  const number = code === 0 || table === undefined ? code : body.unsigned();
  const found =
    (code === 0 ? INSTRUCTIONS.get(0) : table ?? INSTRUCTIONS.get(0))
      ?.get(number);
  if (found === undefined) {
    throw new RangeError(
      `The instruction ${
        code.toString(16)
      } ${number} is not one of the assembler's`,
    );
  }
  return found;
}

/** Reads numbers from a binary. */
export class Reader {
  readonly #bytes: Uint8Array;
  #at: number;

  constructor(bytes: Uint8Array, at = 0) {
    this.#bytes = bytes;
    this.#at = at;
  }

  get done(): boolean {
    return this.#at >= this.#bytes.length;
  }

  byte(): number {
    if (this.done) throw new RangeError("The module ends too early");
    return this.#bytes[this.#at++];
  }

  unsigned(): number {
    let value = 0;
    for (let factor = 1;; factor *= 128) {
      const byte = this.byte();
      value += (byte & 0x7f) * factor;
      if (byte < 0x80) return value;
    }
  }

  signed(): bigint {
    let value = 0n;
    for (let shift = 0n;; shift += 7n) {
      const byte = this.byte();
      value |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) return BigInt.asIntN(Number(shift) + 7, value);
    }
  }

  view(bytes: number): DataView {
    const { buffer, byteOffset } = this.#bytes;
    const view = new DataView(buffer, byteOffset + this.#at, bytes);
    this.#at += bytes;
    return view;
  }

  /** What a length announces. */
  part(): Reader {
    const length = this.unsigned();
    const start = this.#at;
    this.#at += length;
    return new Reader(this.#bytes.subarray(start, this.#at));
  }

  text(): string {
    const length = this.unsigned();
    this.#at += length;
    return new TextDecoder().decode(
      this.#bytes.subarray(this.#at - length, this.#at),
    );
  }
}
