/**
 * What the functions of a product's code begin with, and their loop over terms.
 * @module
 */
import { type Encoder, Label } from "./encoder.ts";
import { type Place, RCX, type Register } from "./place.ts";

/** Terms of a pass. */
export const UNROLLED = 4;

/** Terms from one that is added to one that is asked for, where each is in a line of its own. */
export const AHEAD = 8;

/** Line 0 to 3 from `base`, lines `line` bytes apart, of which `three` has three times as many. */
export function lineFrom(
  index: number,
  { base, line, three }: Record<"base" | "line" | "three", Register>,
): Place {
  if (index === 0) return { base };
  if (index === 3) return { base, index: three };
  return { base, index: line, scale: index as 1 | 2 };
}

/** Begins a function. */
export function beginning(code: Encoder): Label {
  const start = new Label();
  code.align(32);
  code.place(start);
  return start;
}

/** RCX terms: {@linkcode UNROLLED} a pass, then one by one. `passes`: a register to count in. RCX is 0 then. */
export function loopOverTerms(
  code: Encoder,
  passes: Register,
  { pass, single }: { readonly pass: () => void; readonly single: () => void },
): void {
  const again = new Label(), rest = new Label();
  const one = new Label(), done = new Label();
  code.move(passes, RCX);
  code.shiftRight(passes, Math.log2(UNROLLED));
  code.test(passes);
  code.jumpIf("zero", rest);
  code.align(32);
  code.place(again);
  pass();
  code.decrement(passes);
  code.jumpIf("notZero", again);
  code.place(rest);
  code.andConstant(RCX, UNROLLED - 1);
  code.jumpIf("zero", done);
  code.place(one);
  single();
  code.decrement(RCX);
  code.jumpIf("notZero", one);
  code.place(done);
}
