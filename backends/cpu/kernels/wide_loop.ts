/**
 * Whole vectors of a loop over elements by machine code, which has wider ones than WebAssembly.
 * @module
 */
import {
  f64,
  FunctionBuilder,
  i64,
  type Int,
  type Local,
  readStraight,
} from "../assembler/mod.ts";
import {
  addressOffset,
  MOST_TENSORS,
  movingTensors,
} from "../machine_code/wide/loop.ts";
import { element, type Kernel, LOOP } from "./launch.ts";

/**
 * Assembles the body of a loop, which loads, computes and stores four elements from `index` on. Gives what writes the call
 * for elements from .. to, and the element that is left to go on with: `from` where no machine code can be used.
 */
export function wideLoop(
  k: Kernel,
  body: (
    f: FunctionBuilder,
    index: Local<"i64">,
    pointers: readonly Int[],
  ) => void,
): (from: Int, to: Int) => Int {
  const { f, loops } = k;
  const tensors = k.at.length;
  if (loops === null || tensors > MOST_TENSORS) return (from) => from;
  const types = Array.from({ length: tensors + 1 }, () => "i64" as const);
  const builder = new FunctionBuilder(types);
  const parameters = types.map((type, i) => builder.parameter(type, i));
  body(builder, parameters[tensors], parameters.slice(0, tensors));
  const straight = readStraight(builder.finish(), types.length);
  const moving = movingTensors(straight);
  const loop = loops.make(straight, tensors);
  return (from, to) => {
    const all = i64.sub(to, from);
    const count = f.local("i64", i64.and(all, i64.const(-loops.lanes)));
    f.if(i64.gtS(count, i64.const(0)), () => {
      f.store(k.scratch, i64.mul(count, i64.const(4)));
      k.at.forEach((at, i) => {
        const first = moving.has(i) ? element(at, from) : at;
        f.store(k.scratch, first, addressOffset(i));
      });
      f.call(k.module.imported(LOOP.name), [
        f64.const(loop),
        f64.fromI64(k.scratch),
      ]);
    });
    return f.local("i64", i64.add(from, count));
  };
}
