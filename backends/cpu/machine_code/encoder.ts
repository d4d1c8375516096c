/**
 * An encoder of the few instructions of x86-64 that the product needs. The target of an instruction comes first, as in
 * the manual: `code.add(RAX, RCX)` is `add rax, rcx`. Whole numbers have 64 bits.
 * @module
 */
import { int32, operandAt, type Place, RAX, type Register } from "./place.ts";
import {
  maskFrom,
  vectorInstruction,
  type VectorName,
  type VectorOperands,
  type Width,
} from "./vectors.ts";

/** Conditions of jumps, appendix B.1.4; of numbers with a sign. */
const CONDITIONS = {
  zero: 4,
  notZero: 5,
  less: 12,
  greaterOrEqual: 13,
  lessOrEqual: 14,
  greater: 15,
};

/** A condition of a jump. */
export type Condition = keyof typeof CONDITIONS;

/** A place in the code that is jumped to. */
export class Label {
  /** Bytes from the start of the code; null until it has been put somewhere. */
  position: number | null = null;
  /** Where the distance to it has to be written once it has a place. */
  readonly waiting: number[] = [];
}

/** Code that grows. */
export class Encoder {
  readonly #bytes: number[] = [];

  /** How many bytes there are. */
  get length(): number {
    return this.#bytes.length;
  }

  /** The code so far. */
  bytes(): Uint8Array<ArrayBuffer> {
    return Uint8Array.from(this.#bytes);
  }

  /** Puts bytes here as they are. */
  raw(...bytes: readonly number[]): void {
    for (const byte of bytes) this.#bytes.push(byte);
  }

  // -- labels, jumps, calls --

  /** Puts a label here. */
  place(label: Label): void {
    label.position = this.length;
    for (const at of label.waiting) this.#writeDistance(at, label.position);
  }

  /** Fills up to a multiple of `bytes` with instructions that do nothing. */
  align(bytes: number): void {
    while (this.length % bytes !== 0) this.raw(0x90);
  }

  jump(label: Label): void {
    this.raw(0xe9);
    this.#distanceTo(label);
  }

  jumpIf(condition: Condition, label: Label): void {
    this.raw(0x0f, 0x80 | CONDITIONS[condition]);
    this.#distanceTo(label);
  }

  /** The address of a label: `lea` from the next instruction. */
  addressOf(to: Register, label: Label): void {
    this.raw(0x48 | ((to >> 3) << 2), 0x8d, ((to & 7) << 3) | 5);
    this.#distanceTo(label);
  }

  /** Calls the address that a place in memory holds. */
  callAt(place: Place): void {
    const { x, b, bytes } = operandAt(2, place, 1);
    this.raw(0x40 | (x << 1) | b, 0xff, ...bytes);
  }

  ret(): void {
    this.raw(0xc3);
  }

  #distanceTo(label: Label): void {
    const at = this.length;
    this.raw(0, 0, 0, 0);
    if (label.position === null) label.waiting.push(at);
    else this.#writeDistance(at, label.position);
  }

  /** Distances count from behind the four bytes that hold them. */
  #writeDistance(at: number, target: number): void {
    int32(target - (at + 4)).forEach((byte, i) => this.#bytes[at + i] = byte);
  }

  // -- whole numbers --

  push(register: Register): void {
    this.raw(0x40 | (register >> 3), 0x50 | (register & 7));
  }

  pop(register: Register): void {
    this.raw(0x40 | (register >> 3), 0x58 | (register & 7));
  }

  move(to: Register, from: Register): void {
    this.#both([0x89], from, to);
  }

  add(to: Register, from: Register): void {
    this.#both([0x01], from, to);
  }

  subtract(to: Register, from: Register): void {
    this.#both([0x29], from, to);
  }

  multiply(to: Register, from: Register): void {
    this.#both([0x0f, 0xaf], to, from);
  }

  compare(a: Register, b: Register): void {
    this.#both([0x39], b, a);
  }

  /** Sets the conditions zero and notZero. */
  test(register: Register): void {
    this.#both([0x85], register, register);
  }

  clear(register: Register): void {
    this.#both([0x31], register, register);
  }

  moveConstant(to: Register, value: number): void {
    this.#both([0xc7], 0, to);
    this.raw(...int32(value));
  }

  addConstant(to: Register, value: number): void {
    this.#withConstant(0, to, value);
  }

  andConstant(to: Register, value: number): void {
    this.#withConstant(4, to, value);
  }

  subtractConstant(to: Register, value: number): void {
    this.#withConstant(5, to, value);
  }

  compareConstant(a: Register, value: number): void {
    this.#withConstant(7, a, value);
  }

  multiplyConstant(to: Register, from: Register, value: number): void {
    this.#both([0x69], to, from);
    this.raw(...int32(value));
  }

  shiftLeft(to: Register, bits: number): void {
    this.#both([0xc1], 4, to);
    this.raw(bits);
  }

  shiftRight(to: Register, bits: number): void {
    this.#both([0xc1], 5, to);
    this.raw(bits);
  }

  /** Shifts by the number in RCX. */
  shiftLeftByRcx(to: Register): void {
    this.#both([0xd3], 4, to);
  }

  /** Sets the conditions zero and notZero, too. */
  decrement(to: Register): void {
    this.#both([0xff], 1, to);
  }

  load(to: Register, from: Place): void {
    this.#withPlace([0x8b], to, from);
  }

  store(to: Place, from: Register): void {
    this.#withPlace([0x89], from, to);
  }

  /** The address of a place: `lea`. */
  address(to: Register, of: Place): void {
    this.#withPlace([0x8d], to, of);
  }

  /** 32 bits; the upper half becomes 0. */
  load32(to: Register, from: Place): void {
    this.#withPlace([0x8b], to, from, 0x40);
  }

  /** The lower 32 bits. */
  store32(to: Place, from: Register): void {
    this.#withPlace([0x89], from, to, 0x40);
  }

  /** Asks for a line in the first cache. */
  prefetch(place: Place): void {
    this.#withPlace([0x0f, 0x18], 1, place, 0x40);
  }

  /** `cmov`: only where the condition holds. */
  moveIf(condition: Condition, to: Register, from: Register): void {
    this.#both([0x0f, 0x40 | CONDITIONS[condition]], to, from);
  }

  /** The smaller one of a register and a constant. */
  atMost(register: Register, most: number): void {
    const fits = new Label();
    this.compareConstant(register, most);
    this.jumpIf("lessOrEqual", fits);
    this.moveConstant(register, most);
    this.place(fits);
  }

  #both(opcode: readonly number[], register: number, operand: Register): void {
    this.raw(
      0x48 | ((register >> 3) << 2) | (operand >> 3),
      ...opcode,
      0xc0 | ((register & 7) << 3) | (operand & 7),
    );
  }

  #withConstant(operation: number, to: Register, value: number): void {
    this.#both([0x81], operation, to);
    this.raw(...int32(value));
  }

  #withPlace(
    opcode: readonly number[],
    register: number,
    place: Place,
    prefix = 0x48,
  ): void {
    const { x, b, bytes } = operandAt(register, place, 1);
    this.raw(
      prefix | ((register >> 3) << 2) | (x << 1) | b,
      ...opcode,
      ...bytes,
    );
  }

  // -- vectors --

  vector(width: Width, name: VectorName, operands: VectorOperands): void {
    this.raw(...vectorInstruction(width, name, operands));
  }

  /** All lanes 0. A VEX instruction clears the lanes that it does not know, too. */
  clearVector(width: Width, target: number): void {
    const operands = { target, first: target, second: target };
    if (width === 512) this.vector(512, "vpxord", operands);
    else this.vector(128, "vxorps", operands);
  }

  /** Each lane as a whole number, shifted left. */
  shiftLanesLeft(
    width: Width,
    { target, from, bits }: { target: number; from: number; bits: number },
  ): void {
    this.vector(width, "vpslld", {
      target: 6,
      first: target,
      second: from,
      immediate: bits,
    });
  }

  maskFrom(mask: number, from: Register): void {
    this.raw(...maskFrom(mask, from));
  }

  /** `vzeroupper`: old instructions of 128 bits that follow are slow without it. */
  zeroUpper(): void {
    this.raw(0xc5, 0xf8, 0x77);
  }

  // -- what a function begins with, and what asks for the processor's features --

  /** `endbr64`: an address that may be called through a pointer. */
  callable(): void {
    this.raw(0xf3, 0x0f, 0x1e, 0xfa);
  }

  /** `cpuid`: by RAX and RCX, into RAX, RBX, RCX, RDX. */
  cpuid(): void {
    this.raw(0x0f, 0xa2);
  }

  /** `xgetbv`: by RCX, into RAX and RDX. */
  xgetbv(): void {
    this.raw(0x0f, 0x01, 0xd0);
  }

  /** Returns 0. */
  returnZero(): void {
    this.clear(RAX);
    this.ret();
  }
}
