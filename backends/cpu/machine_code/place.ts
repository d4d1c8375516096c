/**
 * Registers and places in memory as instructions of x86-64 name them.
 *
 * Encodings here and in this room are those of the Intel 64 and IA-32 Architectures Software Developer's Manual,
 * volume 2: prefixes, ModRM and SIB in chapter 2, each instruction in chapters 3 to 5.
 * @module
 */

/** A general register of 64 bits, by its number in encodings. */
export type Register = number;

/** The general registers. */
export const RAX = 0,
  RCX = 1,
  RDX = 2,
  RBX = 3,
  RSP = 4,
  RBP = 5,
  RSI = 6,
  RDI = 7,
  R8 = 8,
  R9 = 9,
  R10 = 10,
  R11 = 11,
  R12 = 12,
  R13 = 13,
  R14 = 14,
  R15 = 15;

/** A place in memory: `base + index * scale + offset`. */
export interface Place {
  readonly base: Register;
  /** A register that is added. Not RSP. */
  readonly index?: Register;
  /** Absent: 1. */
  readonly scale?: 1 | 2 | 4 | 8;
  /** Bytes; absent: 0. */
  readonly offset?: number;
}

/** The operand bytes of an instruction, and what its prefix must say of the place's registers. */
export interface Operand {
  /** Bit 3 of the index register. */
  readonly x: number;
  /** Bit 3 of the base register. */
  readonly b: number;
  /** ModRM, SIB if there is one, offset if there is one. */
  readonly bytes: readonly number[];
}

/**
 * ModRM, SIB and offset for a place (2.1.5): always with an offset, of one byte where it fits. One byte counts in
 * units of `unit` bytes under EVEX (2.7.5), elsewhere in bytes.
 */
export function operandAt(
  register: number,
  { base, index, scale = 1, offset = 0 }: Place,
  unit: number,
): Operand {
  const steps = offset / unit;
  const isShort = Number.isInteger(steps) && steps >= -128 && steps <= 127;
  const mode = isShort ? 0x40 : 0x80;
  const offsetBytes = isShort ? [steps & 255] : int32(offset);
  const field = (register & 7) << 3;
  const b = base >> 3;
  // a base of RSP or R12 has a SIB, in which an index of RSP means none
  if (index === undefined && (base & 7) !== RSP) {
    return { x: 0, b, bytes: [mode | field | (base & 7), ...offsetBytes] };
  }
  const used = index ?? RSP;
  const sib = (Math.log2(scale) << 6) | ((used & 7) << 3) | (base & 7);
  return { x: used >> 3, b, bytes: [mode | field | 4, sib, ...offsetBytes] };
}

/** A whole number of 32 bits, the lowest byte first. */
export function int32(value: number): number[] {
  return [0, 8, 16, 24].map((shift) => (value >> shift) & 255);
}
