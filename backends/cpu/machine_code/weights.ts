/**
 * The weights of attention in machine code: a block of raw scores (queries x keys) becomes weights, forward with the running
 * maximum and sum of each query, backward from the log of the sum, together with the gradients of the scores.
 *
 * ```text
 *   keys of the block    0 . . . . . . . . . . . . . . . . keys
 *   the query sees            low ================ high        both grow by a step from query to query
 *   sixteen at a time    |zeros |mask |    |    |mask |zeros|
 * ```
 *
 * Registers: RDI the block, R8 a row of scores, R9 rows left, R10 high, R11 low, R12 the keys' segments, R13 the query's,
 * R15 constants, RSI bytes of a row. Forward R14 the maximum, RBX the sum, RBP the row of results; backward R14 the log of
 * the sum, RBX delta, RBP the row of slopes.
 * @module
 */
import { type BlockNumber, inBlock } from "./block.ts";
import { Encoder, Label } from "./encoder.ts";
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
import { type Part, Sixteen, SIXTEEN_BYTES } from "./sixteen.ts";

/** Assembled: where each function begins. Arguments: the description's address, and that of byte 0 of its addresses. */
export interface WeightsCode {
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly forward: number;
  readonly backward: number;
}

const KEPT = [RBX, RBP, R12, R13, R14, R15];
/** Signed comparisons of numbers that have this added are those without a sign. */
const SIGN = -(2 ** 31);

// vectors; those that follow a number of their own have two where vectors are narrow
const VALUE = 0, POLYNOMIAL = 2, MASK = 3, SPAN = 4, FACTOR = 5, NOW = 6;
const SEGMENT = 7, SUM = 8, POSITION = 10, BEFORE = 12, OTHER = 13;
/** The mask register that lanes are chosen by, where vectors are wide. */
const CHOSEN = 1;

/** Assembles both. */
export function weightsCode(width: 256 | 512): WeightsCode {
  const code = new Encoder();
  const lanes = new Sixteen(code, width);
  const rows = new Rows(code, lanes);
  const forward = rows.whole({
    addresses: [[R14, "maxima"], [RBX, "sums"], [RBP, "result"]],
    row: (segments) => rows.forward(segments),
    steps: [[R14, 4], [RBX, 4], [RBP, "resultRow"]],
    cleared: [R8],
  });
  const backward = rows.whole({
    addresses: [[R14, "logs"], [RBX, "deltas"], [RBP, "slopes"]],
    row: (segments) => rows.backward(segments),
    steps: [[R14, "step"], [RBX, "step"], [RBP, "scoreRow"]],
    cleared: [R8, RBP],
  });
  lanes.table();
  return { bytes: code.bytes(), forward, backward };
}

class Rows {
  readonly #code: Encoder;
  readonly #lanes: Sixteen;
  readonly #mask: number;

  constructor(code: Encoder, lanes: Sixteen) {
    this.#code = code;
    this.#lanes = lanes;
    this.#mask = lanes.width === 512 ? CHOSEN : MASK;
  }

  /** A function over all rows; returns where it begins. */
  whole(p: {
    readonly addresses: readonly (readonly [Register, BlockNumber])[];
    readonly row: (segments: boolean) => void;
    readonly steps: readonly (readonly [Register, BlockNumber | number])[];
    /** Rows whose hidden keys become 0. */
    readonly cleared: readonly Register[];
  }): number {
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
    { row, steps, cleared }: Parameters<Rows["whole"]>[0],
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
  #each(segments: boolean, body: (part: Part) => void): void {
    const code = this.#code;
    const lanes = this.#lanes;
    for (const { plus, offset } of lanes.parts) {
      lanes.broadcast(POSITION + plus, inBlock("from"));
      const [target, second] = [
        POSITION + plus,
        lanes.constant("lanes", offset),
      ];
      lanes.op("vpaddd", target, target, second);
    }
    const again = new Label();
    code.move(RAX, RCX);
    code.place(again);
    for (const part of lanes.parts) {
      const position = POSITION + part.plus;
      lanes.op("vpcmpgtd", this.#mask, SPAN, position);
      if (segments) this.#sameSegment(part);
      lanes.op("vpaddd", position, position, lanes.constant("sixteen"));
      body(part);
    }
    code.addConstant(RAX, SIXTEEN_BYTES);
    code.compare(RAX, RDX);
    code.jumpIf("less", again);
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

  /** A row of scores becomes weights; its results so far are scaled. */
  forward(segments: boolean): void {
    const lanes = this.#lanes;
    const score = (offset: number) => {
      lanes.op("vmulps", VALUE, FACTOR, { base: R8, index: RAX, offset });
    };
    for (const { plus } of lanes.parts) {
      lanes.move(SUM + plus, lanes.constant("hidden"));
    }
    this.#each(segments, ({ plus, offset }) => {
      score(offset);
      this.#larger(SUM + plus);
    });
    lanes.reduce("vmaxps", SUM, VALUE);
    lanes.broadcast(BEFORE, { base: R14 });
    lanes.op("vmaxps", NOW, SUM, BEFORE); // NaN stays
    // an infinite score makes the maximum NaN, and with it all that the row gives
    lanes.op("vsubps", VALUE, NOW, NOW);
    lanes.op("vaddps", NOW, NOW, VALUE);
    lanes.storeFirst({ base: R14 }, NOW);
    lanes.clear(SUM);
    this.#each(segments, ({ plus, offset }) => {
      score(offset);
      lanes.op("vsubps", VALUE, VALUE, NOW);
      lanes.exp(VALUE, this.#mask);
      lanes.op("vaddps", SUM + plus, SUM + plus, POLYNOMIAL);
      lanes.store({ base: R8, index: RAX, offset }, POLYNOMIAL);
    });
    lanes.reduce("vaddps", SUM, VALUE);
    this.#correct();
  }

  /** The maximum so far may have been smaller: the sums so far are scaled by exp(before - now). */
  #correct(): void {
    const code = this.#code;
    const lanes = this.#lanes;
    lanes.op("vsubps", VALUE, BEFORE, NOW);
    lanes.exp(VALUE, null);
    lanes.broadcast(OTHER, { base: RBX });
    lanes.op("vfmadd213ps", OTHER, POLYNOMIAL, SUM);
    lanes.storeFirst({ base: RBX }, OTHER);
    lanes.storeFirst(inBlock("correction"), POLYNOMIAL);
    const same = new Label(), again = new Label();
    code.load32(RAX, inBlock("correction"));
    code.compareConstant(RAX, 0x3f800000); // 1
    code.jumpIf("zero", same);
    code.clear(RAX);
    code.load(RCX, inBlock("resultRow"));
    code.place(again);
    // a row of results is whole vectors of 256 bits
    const place = { base: RBP, index: RAX };
    code.vector(256, "vmulps", {
      target: VALUE,
      first: POLYNOMIAL,
      second: place,
    });
    code.vector(256, "vmovupsStore", { target: VALUE, second: place });
    code.addConstant(RAX, 32);
    code.compare(RAX, RCX);
    code.jumpIf("less", again);
    code.place(same);
  }

  /** `target`: the larger of it and the value, where that is seen and a number. */
  #larger(target: number): void {
    const lanes = this.#lanes;
    if (lanes.width === 512) {
      return this.#code.vector(512, "vmaxps", {
        target,
        first: VALUE,
        second: target,
        mask: CHOSEN,
      });
    }
    lanes.move(OTHER, lanes.constant("hidden"));
    this.#code.vector(256, "vblendvps", {
      target: VALUE,
      first: OTHER,
      second: VALUE,
      immediate: MASK << 4,
    });
    lanes.op("vmaxps", target, VALUE, target);
  }

  /** A row of scores becomes weights, and its row of slopes: weight * (slope - delta). */
  backward(segments: boolean): void {
    const lanes = this.#lanes;
    const [log, delta] = [NOW, BEFORE];
    lanes.broadcast(log, { base: R14 });
    lanes.broadcast(delta, { base: RBX });
    this.#each(segments, ({ offset }) => {
      const scores = { base: R8, index: RAX, offset };
      const slopes = { base: RBP, index: RAX, offset };
      lanes.op("vmulps", VALUE, FACTOR, scores);
      lanes.op("vsubps", VALUE, VALUE, log);
      lanes.exp(VALUE, this.#mask);
      lanes.store(scores, POLYNOMIAL);
      lanes.move(VALUE, slopes);
      lanes.op("vsubps", VALUE, VALUE, delta);
      this.#times(VALUE, POLYNOMIAL);
      lanes.store(slopes, VALUE);
    });
  }

  /** target *= factor, 0 where the key is hidden: its slope may be anything, NaN included. */
  #times(target: number, second: number): void {
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
