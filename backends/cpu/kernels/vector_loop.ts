/**
 * Loops over elements four at a time, with the rest at the end.
 * @module
 */
import {
  type FunctionBuilder,
  i32,
  i32x4,
  i64,
  type Int,
  type Local,
  v128,
  type Vector,
} from "../assembler/mod.ts";

/** Four elements in a vector loop. */
export interface Lanes {
  /** Index of the first, without `ahead`. */
  readonly index: Local<"i64">;
  /** Elements to add to `index`: 4 times the copy of an unrolled body. */
  readonly ahead: number;
  /** Number of the copy of an unrolled body, for separate accumulators. */
  readonly copy: number;
  /** How many of the four count (1 to 3); null: all. */
  readonly rest: Int | null;
}

/**
 * Runs `body` for elements from .. to. Loads may reach up to 12 bytes beyond the last element (the memory has
 * room behind every buffer); stores go through {@linkcode storeLanes}, which does not.
 */
export function vectorLoop(
  f: FunctionBuilder,
  options: { from: Int; to: Int; unroll?: number },
  body: (lanes: Lanes) => void,
): void {
  const { unroll = 1 } = options;
  const to = f.hold(options.to);
  const index = f.local("i64", options.from);
  const count = options.from.constant !== undefined && to.constant !== undefined
    ? to.constant - options.from.constant
    : null;
  const whole = (step: number, copies: number) =>
    f.block((done) =>
      f.loop((again) => {
        f.branch(done, i64.gtS(i64.add(index, i64.const(step)), to));
        for (let copy = 0; copy < copies; copy++) {
          body({ index, ahead: 4 * copy, copy, rest: null });
        }
        f.increase(index, i64.const(step));
        f.branch(again);
      })
    );
  if (unroll > 1 && (count === null || count >= 4 * unroll)) {
    whole(4 * unroll, unroll);
  }
  if (
    count === null || (unroll === 1 ? count >= 4 : count % (4 * unroll) >= 4)
  ) whole(4, 1);
  if (count === null || count % 4 !== 0) {
    f.if(i64.ltS(index, to), () => {
      const rest = f.local("i64", i64.sub(to, index));
      body({ index, ahead: 0, copy: 0, rest });
    });
  }
}

/** Stores the lanes that count. */
export function storeLanes(
  f: FunctionBuilder,
  target: { address: Int; offset?: number },
  value: Vector,
  rest: Int | null,
): void {
  const { offset = 0 } = target;
  if (rest === null) return f.store(target.address, value, offset);
  const address = f.hold(target.address);
  const lanes = f.hold(value);
  f.if(i64.geS(rest, i64.const(2)), () => {
    f.storeLane64(address, lanes, 0, offset);
    f.if(
      i64.eq(rest, i64.const(3)),
      () => f.storeLane32(address, lanes, 2, offset + 8),
    );
  }, () => f.storeLane32(address, lanes, 0, offset));
}

/** All ones in the lanes that count. */
export function laneMask(rest: Int): Vector {
  return i32x4.ltS(v128.const32([0, 1, 2, 3]), i32x4.splat(i32.wrap(rest)));
}
