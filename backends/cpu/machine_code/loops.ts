/**
 * What the functions of a product's code begin with, and their loop over terms.
 * @module
 */
import { type Encoder, Label } from "./encoder.ts";
import { RCX, type Register } from "./place.ts";

/** Terms of a pass. */
export const UNROLLED = 4;

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
