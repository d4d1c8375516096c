/**
 * The weights of attention in machine code: a block of raw scores (queries x keys) becomes weights, and in the backward pass
 * the gradients of weights become those of scores.
 *
 * ```text
 *                   in           out                    besides
 * forward           S            P = exp(S - m')        running maximum m and sum l, results so far scaled
 * forwardWhole      S            P = exp(S - m) / l     m, l of all keys
 * backward          S, dP        P = exp(S - lse)       dS = P (dP - delta)
 * backwardWhole     S, dP        P                      dS = P (dP - sum of P dP / sum of P)
 * ```
 *
 * R14 has the maximum, or the log of the sum; RBX the sum, or delta; RBP the row of results, or of dP and dS.
 * @module
 */
import { inBlock, type WeightsPass } from "./block.ts";
import { Encoder, Label } from "./encoder.ts";
import { R14, R8, RAX, RBP, RBX, RCX } from "./place.ts";
import { FACTOR, SeenRows, VALUE } from "./seen_rows.ts";
import { Sixteen } from "./sixteen.ts";

/** The code of all passes. */
export interface WeightsCode {
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** Where each begins. Arguments: the description's address, and that of byte 0 of its addresses. */
  readonly starts: Readonly<Record<WeightsPass, number>>;
}

const POLYNOMIAL = 2, NOW = 6, BEFORE = 12, DELTA = 12, OTHER = 13;
/** One register where vectors are wide, two where they are narrow. */
const SUM = 8, TOTAL = 14;

/** Assembles them. */
export function weightsCode(width: 256 | 512): WeightsCode {
  const code = new Encoder();
  const lanes = new Sixteen(code, width);
  const rows = new SeenRows(code, lanes);
  const passes = new Passes(code, lanes, rows);
  const starts = {
    forward: rows.pass({
      addresses: [[R14, "maxima"], [RBX, "sums"], [RBP, "result"]],
      row: (segments) => passes.forward(segments),
      steps: [[R14, 4], [RBX, 4], [RBP, "resultRow"]],
      cleared: [R8],
    }),
    forwardWhole: rows.pass({
      addresses: [[R14, "maxima"], [RBX, "sums"]],
      row: (segments) => passes.forwardWhole(segments),
      steps: [[R14, 4], [RBX, 4]],
      cleared: [R8],
    }),
    backward: rows.pass({
      addresses: [[R14, "logs"], [RBX, "deltas"], [RBP, "slopes"]],
      row: (segments) => passes.backward(segments),
      steps: [[R14, "step"], [RBX, "step"], [RBP, "scoreRow"]],
      cleared: [R8, RBP],
    }),
    backwardWhole: rows.pass({
      addresses: [[R14, "logs"], [RBP, "slopes"]],
      row: (segments) => passes.backwardWhole(segments),
      steps: [[R14, "step"], [RBP, "scoreRow"]],
      cleared: [R8, RBP],
    }),
  };
  lanes.table();
  return { bytes: code.bytes(), starts };
}

/** Writes what each pass does with a row. */
class Passes {
  readonly #code: Encoder;
  readonly #lanes: Sixteen;
  readonly #rows: SeenRows;

  constructor(code: Encoder, lanes: Sixteen, rows: SeenRows) {
    this.#code = code;
    this.#lanes = lanes;
    this.#rows = rows;
  }

  /** A row of scores becomes weights; its results so far are scaled. */
  forward(segments: boolean): void {
    const lanes = this.#lanes;
    this.#largest(segments);
    lanes.broadcast(BEFORE, { base: R14 });
    lanes.op("vmaxps", NOW, SUM, BEFORE); // NaN stays
    this.#powers(segments);
    this.#correct();
  }

  /** A row of scores becomes weights, whose sum is 1. */
  forwardWhole(segments: boolean): void {
    const lanes = this.#lanes;
    this.#largest(segments);
    lanes.move(NOW, SUM);
    this.#powers(segments);
    lanes.storeFirst({ base: RBX }, SUM);
    // a query that sees a key has a sum of 1 at least, of others nothing is asked but to be 0
    lanes.move(OTHER, lanes.constant("one"));
    lanes.op("vmaxps", SUM, OTHER, SUM);
    lanes.op("vdivps", OTHER, OTHER, SUM);
    this.#rows.again(({ offset }) => {
      const weights = { base: R8, index: RAX, offset };
      lanes.op("vmulps", VALUE, OTHER, weights);
      lanes.store(weights, VALUE);
    });
  }

  /** The value: a score. */
  #score(offset: number): void {
    const raw = { base: R8, index: RAX, offset };
    this.#lanes.op("vmulps", VALUE, FACTOR, raw);
  }

  /** The largest score, in every lane. */
  #largest(segments: boolean): void {
    const lanes = this.#lanes;
    for (const { plus } of lanes.parts) {
      lanes.move(SUM + plus, lanes.constant("hidden"));
    }
    this.#rows.each(segments, ({ plus, offset }) => {
      this.#score(offset);
      this.#rows.larger(SUM + plus);
    });
    lanes.reduce("vmaxps", SUM, VALUE);
  }

  /** Scores become exp(score - now), and their sum is in every lane. */
  #powers(segments: boolean): void {
    const lanes = this.#lanes;
    // an infinite score makes the maximum NaN, and with it all that the row gives
    lanes.op("vsubps", VALUE, NOW, NOW);
    lanes.op("vaddps", NOW, NOW, VALUE);
    lanes.storeFirst({ base: R14 }, NOW);
    lanes.clear(SUM);
    this.#rows.each(segments, ({ plus, offset }) => {
      this.#power(offset);
      lanes.op("vaddps", SUM + plus, SUM + plus, POLYNOMIAL);
      lanes.store({ base: R8, index: RAX, offset }, POLYNOMIAL);
    });
    lanes.reduce("vaddps", SUM, VALUE);
  }

  /** exp(score - now), 0 where the key is hidden. */
  #power(offset: number): void {
    this.#score(offset);
    this.#lanes.op("vsubps", VALUE, VALUE, NOW);
    this.#lanes.exp(VALUE, this.#rows.mask);
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

  /** A row of scores becomes weights, and its row of slopes: weight * (slope - delta). */
  backward(segments: boolean): void {
    const lanes = this.#lanes;
    lanes.broadcast(NOW, { base: R14 });
    lanes.broadcast(DELTA, { base: RBX });
    this.#rows.each(segments, ({ offset }) => {
      this.#power(offset);
      lanes.store({ base: R8, index: RAX, offset }, POLYNOMIAL);
      this.#slope(offset);
    });
  }

  /**
   * The same; delta is the mean of the slopes by their weights, for all keys are here. It is divided by the sum of the
   * weights, which a large log makes a little more or less than 1: what must cancel does.
   */
  backwardWhole(segments: boolean): void {
    const lanes = this.#lanes;
    lanes.broadcast(NOW, { base: R14 });
    lanes.clear(SUM);
    lanes.clear(TOTAL);
    this.#rows.each(segments, ({ plus, offset }) => {
      this.#power(offset);
      lanes.store({ base: R8, index: RAX, offset }, POLYNOMIAL);
      lanes.op("vaddps", TOTAL + plus, TOTAL + plus, POLYNOMIAL);
      lanes.move(VALUE, { base: RBP, index: RAX, offset });
      this.#rows.times(VALUE, POLYNOMIAL);
      lanes.op("vaddps", SUM + plus, SUM + plus, VALUE);
    });
    lanes.reduce("vaddps", SUM, VALUE);
    lanes.reduce("vaddps", TOTAL, VALUE);
    lanes.op("vdivps", DELTA, SUM, TOTAL);
    this.#rows.each(segments, ({ offset }) => {
      lanes.move(POLYNOMIAL, { base: R8, index: RAX, offset });
      this.#slope(offset);
    });
  }

  /** slope = weight * (slope - delta). */
  #slope(offset: number): void {
    const lanes = this.#lanes;
    const slopes = { base: RBP, index: RAX, offset };
    lanes.move(VALUE, slopes);
    lanes.op("vsubps", VALUE, VALUE, DELTA);
    this.#rows.times(VALUE, POLYNOMIAL);
    lanes.store(slopes, VALUE);
  }
}
