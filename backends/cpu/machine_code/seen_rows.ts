/**
 * Loops over the rows of a block of scores and over the keys that each query sees, sixteen at a time.
 *
 * ```text
 *   keys of the block    0 . . . . . . . . . . . . . . . . keys
 *   the query sees            low ================ high        both grow by a step from query to query
 *   sixteen at a time    |zeros |mask |    |    |mask |zeros|
 * ```
 *
 * Registers: RDI the block, R8 a row of scores, R9 rows left, R10 high, R11 low, R12 the keys' segments, R13 the query's,
 * R15 constants, RSI bytes of a row, RCX and RDX where the keys that are seen begin and end. R14, RBX and RBP belong to
 * the passes.
 * @module
 */
import { type BlockNumber, inBlock } from "./block.ts";
import { type Encoder, Label } from "./encoder.ts";
import {
  R10,
  R11,
  R12,
  R13,
  R14,
  R15,
  R8,
  R9,
  RAX,
  RBP,
  RBX,
  RCX,
  RDX,
  type Register,
  RSI,
} from "./place.ts";
import { type Part, type Sixteen, SIXTEEN_BYTES } from "./sixteen.ts";

const KEPT = [RBX, RBP, R12, R13, R14, R15];
/** Signed comparisons of numbers that have this added are those without a sign. */
const SIGN = -(2 ** 31);

/** Vectors that loops use: the value at hand, and every score's factor. Passes have 6, 8, 9 and from 12 on besides. */
export const VALUE = 0, FACTOR = 5;
const MASK = 3, SPAN = 4, SEGMENT = 7, POSITION = 10, HIDDEN = 13;
/** The mask register that lanes are chosen by, where vectors are wide. */
const CHOSEN = 1;

/** A function over all rows of a block. */
export interface Pass {
  /** Registers and the addresses that they begin with. */
  readonly addresses: readonly (readonly [Register, BlockNumber])[];
  /** Writes what is done for a row that sees keys; `segments`: whether these are compared. */
  readonly row: (segments: boolean) => void;
  /** What is added to the registers after a row: bytes, or a number of the block. */
  readonly steps: readonly (readonly [Register, BlockNumber | number])[];
  /** Rows whose hidden keys become 0. */
  readonly cleared: readonly Register[];
}

/** Writes the loops. */
export class SeenRows {
  readonly #code: Encoder;
  readonly #lanes: Sixteen;
  /** What lanes are chosen by, for `Sixteen.exp`. */
  readonly mask: number;

  constructor(code: Encoder, lanes: Sixteen) {
    this.#code = code;
    this.#lanes = lanes;
    this.mask = lanes.width === 512 ? CHOSEN : MASK;
  }

  /** A function over all rows; returns where it begins. */
  pass(p: Pass): number {
    const code = this.#code;
    code.align(32);
    const start = code.length;
    code.callable();
    for (const register of KEPT) code.push(register);
    this.#lanes.begin();
    const addresses = [
      [R8, "scores"],
      [R12, "keySegments"],
      [R13, "querySegments"],
      ...p.addresses,
    ] as const;
    for (const [register, name] of addresses) {
      code.load(register, inBlock(name));
      code.add(register, RSI);
    }
    code.load(R9, inBlock("rows"));
    code.load(R10, inBlock("high"));
    code.load(R11, inBlock("low"));
    code.load(RSI, inBlock("keys"));
    code.addConstant(RSI, 15);
    code.shiftRight(RSI, 4);
    code.shiftLeft(RSI, 6);
    this.#lanes.broadcast(FACTOR, inBlock("factor"));
    const plain = new Label(), done = new Label();
    code.test(R9);
    code.jumpIf("zero", done);
    code.load(RAX, inBlock("keySegments"));
    code.test(RAX);
    code.jumpIf("zero", plain);
    this.#loop(p, true);
    code.jump(done);
    code.place(plain);
    this.#loop(p, false);
    code.place(done);
    code.zeroUpper();
    for (const register of KEPT.toReversed()) code.pop(register);
    code.returnZero();
    return start;
  }

  #loop(
    { row, steps, cleared }: Pass,
    segments: boolean,
  ): void {
    const code = this.#code;
    const again = new Label(), next = new Label(), nothing = new Label();
    code.align(32);
    code.place(again);
    this.#range(nothing);
    code.clear(RAX);
    this.#clear(cleared, RCX);
    code.move(RAX, RDX);
    this.#clear(cleared, RSI);
    if (segments) this.#lanes.broadcast(SEGMENT, { base: R13 });
    row(segments);
    code.place(next);
    const own: typeof steps = [
      [R8, "scoreRow"],
      [R10, "highStep"],
      [R11, "lowStep"],
      [R13, 4],
    ];
    for (const [register, step] of [...own, ...steps]) {
      if (typeof step === "number") code.addConstant(register, step);
      else {
        code.load(RAX, inBlock(step));
        code.add(register, RAX);
      }
    }
    code.decrement(R9);
    code.jumpIf("notZero", again);
    const end = new Label();
    code.jump(end);
    // a query that sees no key of the block
    code.place(nothing);
    code.clear(RAX);
    this.#clear(cleared, RSI);
    code.jump(next);
    code.place(end);
  }

  /** RCX, RDX: bytes from the row's start to the first sixteen keys with one that is seen, and behind the last. */
  #range(nothing: Label): void {
    const code = this.#code;
    code.load(RCX, inBlock("keys"));
    code.move(RAX, R10);
    code.compare(RAX, RCX);
    code.moveIf("greater", RAX, RCX);
    code.move(RDX, R11);
    code.clear(RCX);
    code.compare(RDX, RCX);
    code.moveIf("less", RDX, RCX);
    code.move(RCX, RAX);
    code.subtract(RCX, RDX);
    code.compareConstant(RCX, 0);
    code.jumpIf("lessOrEqual", nothing);
    // a key is seen where its place - low < high - low, without a sign
    code.addConstant(RCX, SIGN);
    code.store32(inBlock("span"), RCX);
    code.move(RCX, RDX);
    code.shiftRight(RCX, 4);
    code.shiftLeft(RCX, 4);
    code.subtract(RCX, RDX);
    code.addConstant(RCX, SIGN);
    code.store32(inBlock("from"), RCX);
    code.move(RCX, RDX);
    code.shiftRight(RCX, 4);
    code.shiftLeft(RCX, 6);
    code.addConstant(RAX, 15);
    code.shiftRight(RAX, 4);
    code.shiftLeft(RAX, 6);
    code.move(RDX, RAX);
    this.#lanes.broadcast(SPAN, inBlock("span"));
  }

  /** Zeros from RAX, which is changed, to `to`. */
  #clear(rows: readonly Register[], to: Register): void {
    const code = this.#code;
    const again = new Label(), done = new Label();
    code.compare(RAX, to);
    code.jumpIf("greaterOrEqual", done);
    this.#lanes.clear(VALUE);
    code.place(again);
    for (const base of rows) {
      for (const { offset } of this.#lanes.parts) {
        this.#lanes.store({ base, index: RAX, offset }, VALUE);
      }
    }
    code.addConstant(RAX, SIXTEEN_BYTES);
    code.compare(RAX, to);
    code.jumpIf("less", again);
    code.place(done);
  }

  /** Runs `body` for RAX = RCX .. RDX, sixteen keys at a time, with their mask. */
  each(segments: boolean, body: (part: Part) => void): void {
    const lanes = this.#lanes;
    for (const { plus, offset } of lanes.parts) {
      lanes.broadcast(POSITION + plus, inBlock("from"));
      const [target, second] = [
        POSITION + plus,
        lanes.constant("lanes", offset),
      ];
      lanes.op("vpaddd", target, target, second);
    }
    this.again((part) => {
      const position = POSITION + part.plus;
      lanes.op("vpcmpgtd", this.mask, SPAN, position);
      if (segments) this.#sameSegment(part);
      lanes.op("vpaddd", position, position, lanes.constant("sixteen"));
      body(part);
    });
  }

  /** Runs `body` for RAX = RCX .. RDX, sixteen keys at a time. */
  again(body: (part: Part) => void): void {
    const code = this.#code;
    const next = new Label();
    code.move(RAX, RCX);
    code.place(next);
    for (const part of this.#lanes.parts) body(part);
    code.addConstant(RAX, SIXTEEN_BYTES);
    code.compare(RAX, RDX);
    code.jumpIf("less", next);
  }

  /** Takes keys of other segments out of the mask; keys outside of it are not read. */
  #sameSegment({ offset }: Part): void {
    const lanes = this.#lanes;
    const keys = { base: R12, index: RAX, offset };
    if (lanes.width === 512) {
      return this.#code.vector(512, "vpcmpeqd", {
        target: CHOSEN,
        first: SEGMENT,
        second: keys,
        mask: CHOSEN,
      });
    }
    lanes.op("vmaskmovps", VALUE, MASK, keys);
    lanes.op("vpcmpeqd", VALUE, SEGMENT, VALUE);
    lanes.op("vandps", MASK, MASK, VALUE);
  }

  /** `target`: the larger of it and the value, where that is seen and a number. */
  larger(target: number): void {
    const lanes = this.#lanes;
    if (lanes.width === 512) {
      return this.#code.vector(512, "vmaxps", {
        target,
        first: VALUE,
        second: target,
        mask: CHOSEN,
      });
    }
    lanes.move(HIDDEN, lanes.constant("hidden"));
    this.#code.vector(256, "vblendvps", {
      target: VALUE,
      first: HIDDEN,
      second: VALUE,
      immediate: MASK << 4,
    });
    lanes.op("vmaxps", target, VALUE, target);
  }

  /** target *= factor, 0 where the key is hidden: its slope may be anything, NaN included. */
  times(target: number, second: number): void {
    const lanes = this.#lanes;
    if (lanes.width === 512) {
      return this.#code.vector(512, "vmulps", {
        target,
        first: target,
        second,
        mask: CHOSEN,
        zeroing: true,
      });
    }
    lanes.op("vmulps", target, target, second);
    lanes.op("vandps", target, target, MASK);
  }
}
