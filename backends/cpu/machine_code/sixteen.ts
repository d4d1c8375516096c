/**
 * Code for sixteen numbers at a time, in one vector of 512 bits or in two of 256: the same steps in each lane, and the same
 * bits.
 * @module
 */
import { type Encoder, Label } from "./encoder.ts";
import { type Place, R15 } from "./place.ts";
import type { VectorName } from "./vectors.ts";

/** Bytes of sixteen numbers. */
export const SIXTEEN_BYTES = 64;

/** One of the vectors that sixteen numbers are in. */
export interface Part {
  /** What is added to the number of the first register. */
  readonly plus: 0 | 1;
  /** Bytes from the first number. */
  readonly offset: 0 | 32;
}

// exp of numbers up to 0, as `expAsWeight` of ../simd_math.ts: its comments say why
const LOG2_E = 1.4426950408889634;
const LN2 = 0.6931471805599453;
const CONSTANTS = {
  from: -70,
  log2e: LOG2_E,
  biased: 12582912 + 127,
  ln2: LN2,
  c0: 0.9999997019767761,
  c1: 0.4999915063381195,
  c2: 0.1666763722896576,
  c3: 0.0418979749083519,
  c4: 0.008290305733680725,
  one: 1,
  /** Below every score; finite, so that differences are numbers. */
  hidden: -3e38,
} as const;
const WHOLE = {
  lanes: Int32Array.from({ length: 16 }, (_, lane) => lane),
  sixteen: new Int32Array(16).fill(16),
} as const;
const NAMES = [...Object.keys(CONSTANTS), ...Object.keys(WHOLE)];
type Constant = keyof typeof CONSTANTS | keyof typeof WHOLE;

/** The registers above these have the constants, where vectors are wide. */
const CONSTANTS_FROM = 16;
/** Changed by {@linkcode Sixteen.exp}, besides its number. */
const POWER = 1, POLYNOMIAL = 2;

/** Writes code for sixteen numbers. R15 has the constants' address throughout. */
export class Sixteen {
  readonly parts: readonly Part[];
  readonly #table = new Label();

  constructor(readonly code: Encoder, readonly width: 256 | 512) {
    this.parts = width === 512
      ? [{ plus: 0, offset: 0 }]
      : [{ plus: 0, offset: 0 }, { plus: 1, offset: 32 }];
  }

  /** Makes constants ready; at the start of a function. */
  begin(): void {
    this.code.addressOf(R15, this.#table);
    if (this.width === 256) return;
    NAMES.forEach((_, i) =>
      this.code.vector(512, "vmovups", {
        target: CONSTANTS_FROM + i,
        second: { base: R15, offset: SIXTEEN_BYTES * i },
      })
    );
  }

  /** Puts the constants here, behind all functions. */
  table(): void {
    this.code.align(SIXTEEN_BYTES);
    this.code.place(this.#table);
    const numbers = Object.values(CONSTANTS).map((value) =>
      new Float32Array(16).fill(value)
    );
    for (const { buffer } of [...numbers, ...Object.values(WHOLE)]) {
      this.code.raw(...new Uint8Array(buffer));
    }
  }

  /** A constant as the last operand of an instruction. */
  constant(name: Constant, offset = 0): number | Place {
    const i = NAMES.indexOf(name);
    return this.width === 512
      ? CONSTANTS_FROM + i
      : { base: R15, offset: SIXTEEN_BYTES * i + offset };
  }

  /** target = first op second; or op second. */
  op(
    name: VectorName,
    target: number,
    first: number,
    second: number | Place,
  ): void {
    this.code.vector(this.width, name, { target, first, second });
  }

  /** Copies a register, or reads memory. */
  move(target: number, second: number | Place): void {
    this.code.vector(this.width, "vmovups", { target, second });
  }

  store(to: Place, target: number): void {
    this.code.vector(this.width, "vmovupsStore", { target, second: to });
  }

  broadcast(target: number, second: Place): void {
    this.code.vector(this.width, "vbroadcastss", { target, second });
  }

  clear(target: number): void {
    for (const { plus } of this.parts) {
      this.code.clearVector(this.width, target + plus);
    }
  }

  /** Stores the number in the first lane. */
  storeFirst(to: Place, target: number): void {
    this.code.vector(128, "vmovdStore", { target, second: to });
  }

  /** The sum or the largest of sixteen numbers, in every lane of the register; changes the next one and `spare`. */
  reduce(name: "vaddps" | "vmaxps", target: number, spare: number): void {
    const { code, width } = this;
    const fold = (shuffle: VectorName, immediate: number, first: number) => {
      const second = target;
      code.vector(width, shuffle, { target: spare, first, second, immediate });
      this.op(name, target, target, spare);
    };
    if (width === 512) {
      fold("vshuff32x4", 0x4e, target);
      fold("vshuff32x4", 0xb1, target);
    } else {
      this.op(name, target, target, target + 1);
      fold("vperm2f128", 1, target);
    }
    fold("vpermilps", 0x4e, 0);
    fold("vpermilps", 0xb1, 0);
  }

  /**
   * Register 2 = e to the `value`, which is changed, as is register 1; NaN for NaN. 0 in lanes outside of `mask`, a
   * register of ones or the number of a mask register; null: all lanes.
   */
  exp(value: number, mask: number | null): void {
    const { code, width } = this;
    const [u, p] = [POWER, POLYNOMIAL];
    this.move(u, this.constant("from"));
    this.op("vmaxps", value, u, value);
    this.move(u, this.constant("biased"));
    this.#madd("vfmadd231ps", u, value, "log2e");
    this.op("vsubps", p, u, this.constant("biased"));
    this.#madd("vfnmadd231ps", value, p, "ln2");
    this.move(p, this.constant("c4"));
    for (const name of ["c3", "c2", "c1", "c0", "one"] as const) {
      this.#madd("vfmadd213ps", p, value, name);
    }
    code.shiftLanesLeft(width, { target: u, from: u, bits: 23 });
    if (width === 512) {
      code.vector(512, "vmulps", {
        target: p,
        first: p,
        second: u,
        ...(mask === null ? {} : { mask, zeroing: true }),
      });
      return;
    }
    this.op("vmulps", p, p, u);
    if (mask !== null) this.op("vandps", p, p, mask);
  }

  #madd(
    name: VectorName,
    target: number,
    first: number,
    second: Constant,
  ): void {
    this.op(name, target, first, this.constant(second));
  }
}
