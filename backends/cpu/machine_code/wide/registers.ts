/**
 * Which values are in which registers of vectors while straight code is written. Where registers run out, the value that is
 * needed last goes to its slot on the stack (Belady, doi 10.1147/sj.52.0078).
 * @module
 */
import type { Encoder } from "../encoder.ts";
import { type Place, RSP } from "../place.ts";

/** Steps that use each value, in order. */
export type Uses = ReadonlyMap<number, readonly number[]>;

/** The registers of one function. */
export class VectorRegisters {
  readonly #code: Encoder;
  readonly #width: 256 | 512;
  #free: number[];
  /** Registers of values. */
  readonly #registers = new Map<number, number>();
  /** Slots of values. */
  readonly #slots = new Map<number, number>();
  /** Values that are in a slot for good, */
  readonly #lasting = new Set<number>();
  /** and those of them that are in a register for good. */
  readonly #pinned = new Set<number>();
  #uses: Uses = new Map();
  #now = 0;
  /** Values that the current step needs, and registers of no value. */
  readonly #needed = new Set<number>();
  readonly #spare: number[] = [];

  constructor(code: Encoder, width: 256 | 512) {
    this.#code = code;
    this.#width = width;
    this.#free = all(width);
  }

  /** Begins a step with operands, which stay where they are until they are released. */
  begin(now: number, uses: Uses, operands: readonly number[]): void {
    this.#now = now;
    this.#uses = uses;
    for (const value of operands) this.#needed.add(value);
  }

  /** Ends a step: what is not used later gives its register back. */
  end(): void {
    this.release();
    for (const value of [...this.#registers.keys()]) {
      if (!this.#isUsedLater(value)) this.#giveBack(value);
    }
  }

  /** The register of a value, which is read from its slot if it is there. */
  inRegister(value: number): number {
    const register = this.#registers.get(value);
    if (register !== undefined) return register;
    const copy = this.spare();
    this.#code.vector(this.#width, "vmovups", {
      target: copy,
      second: this.#slot(value),
    });
    return copy;
  }

  /** Where a value is. */
  anywhere(value: number): number | Place {
    return this.#registers.get(value) ?? this.#slot(value);
  }

  /** Whether a value is in a register. */
  has(value: number): boolean {
    return this.#registers.has(value);
  }

  /** Whether the current step is the last one that needs the value, which is in a register. */
  ends(value: number): boolean {
    return this.#registers.has(value) && !this.#isUsedLater(value);
  }

  /** A register for a while: until the operands are released. */
  spare(): number {
    const register = this.#take();
    this.#spare.push(register);
    return register;
  }

  /** Lets operands of this step that are not used later give their registers to its result. */
  release(): void {
    this.#free.push(...this.#spare.splice(0));
    for (const value of this.#needed) {
      if (!this.#isUsedLater(value)) this.#giveBack(value);
    }
    this.#needed.clear();
  }

  /** A register for a new value. */
  define(value: number): number {
    const register = this.#take();
    this.#registers.set(value, register);
    this.#needed.add(value);
    return register;
  }

  /** Gives a new value the register of one that ends here. */
  takeOver(value: number, from: number): number {
    const register = this.#registers.get(from);
    if (register === undefined) throw new Error(`${from} is in no register`);
    this.#registers.delete(from);
    this.#needed.delete(from);
    this.#registers.set(value, register);
    this.#needed.add(value);
    return register;
  }

  /** Writes a value to its slot, where it stays. */
  keep(value: number): void {
    const target = this.inRegister(value);
    this.#lasting.add(value);
    this.#store(value, target);
  }

  /**
   * Begins anew with values that were kept: those that are used most often are in registers from here on, which leaves
   * `most` to others where there are so many.
   */
  restart(
    kept: readonly number[],
    { uses, most }: { readonly uses: Uses; readonly most: number },
  ): void {
    this.#registers.clear();
    const registers = all(this.#width);
    const count = Math.max(0, registers.length - most);
    const often = kept.toSorted((a, b) =>
      (uses.get(b)?.length ?? 0) - (uses.get(a)?.length ?? 0)
    );
    for (const value of often.slice(0, count)) {
      const target = registers.pop() ?? 0;
      this.#code.vector(this.#width, "vmovups", {
        target,
        second: this.#slot(value),
      });
      this.#registers.set(value, target);
      this.#pinned.add(value);
    }
    this.#free = registers;
  }

  #isUsedLater(value: number): boolean {
    return this.#lasting.has(value) || this.#nextUse(value) < Infinity;
  }

  #nextUse(value: number): number {
    return this.#uses.get(value)?.find((use) => use > this.#now) ?? Infinity;
  }

  #giveBack(value: number): void {
    const register = this.#registers.get(value);
    if (register === undefined) return;
    this.#registers.delete(value);
    this.#free.push(register);
  }

  #take(): number {
    const free = this.#free.pop();
    if (free !== undefined) return free;
    let last: number | null = null;
    for (const value of this.#registers.keys()) {
      if (this.#pinned.has(value) || this.#needed.has(value)) continue;
      if (last === null || this.#nextUse(value) > this.#nextUse(last)) {
        last = value;
      }
    }
    if (last === null) throw new Error("A step needs more registers than are");
    const register = this.#registers.get(last) ?? 0;
    this.#registers.delete(last);
    if (!this.#slots.has(last)) this.#store(last, register);
    return register;
  }

  #store(value: number, register: number): void {
    if (!this.#slots.has(value)) this.#slots.set(value, this.#slots.size);
    this.#code.vector(this.#width, "vmovupsStore", {
      target: register,
      second: this.#slot(value),
    });
  }

  #slot(value: number): Place {
    const slot = this.#slots.get(value);
    if (slot === undefined) throw new Error(`${value} is nowhere`);
    return { base: RSP, offset: slot * this.#width / 8 };
  }
}

function all(width: 256 | 512): number[] {
  return Array.from({ length: width === 512 ? 32 : 16 }, (_, i) => i).reverse();
}
