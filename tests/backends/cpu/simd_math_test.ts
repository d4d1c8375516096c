import assert from "node:assert/strict";
import { mix32 as mix, randomFrom } from "@denotune/denotune/core";
import type {
  FunctionBuilder,
  Vector,
} from "../../../backends/cpu/assembler/mod.ts";
import {
  erf,
  exp,
  expAsWeight,
  isFinite,
  log,
  mix32,
  sigmoid,
  sign,
  tanh,
} from "../../../backends/cpu/simd_math.ts";
import { mapped } from "./assembled.ts";

const COUNT = 40_000;
/** Smallest normal number of single precision: below it results may be 0. */
const NORMAL = 2 ** -126;

/** Distance of neighbouring single precision numbers at `x`. */
function ulp(x: number): number {
  return 2 ** (Math.max(-126, Math.floor(Math.log2(Math.abs(x)))) - 23);
}

/** Numbers from `low` to `high`: even steps, and powers of two apart near 0. */
function numbers(low: number, high: number): Float32Array {
  const random = randomFrom(1, low, high);
  return Float32Array.from({ length: COUNT }, (_, i) => {
    const x = low + (high - low) * random.next();
    return i % 4 === 0
      ? Math.min(high, Math.max(low, x * 2 ** (-40 * random.next())))
      : x;
  });
}

function check(
  name: string,
  apply: (f: FunctionBuilder, x: Vector) => Vector,
  options: {
    expected: (x: number) => number;
    low: number;
    high: number;
    ulps: number;
  },
): void {
  const { expected, low, high, ulps } = options;
  const xs = numbers(low, high);
  let worst = 0, at = NaN;
  for (const [i, found] of mapped(xs, apply).entries()) {
    const truth = expected(xs[i]);
    const distance = Math.abs(truth) < NORMAL
      ? Math.abs(found - truth) / NORMAL
      : Math.abs(found - truth) / ulp(truth);
    if (!(distance <= worst)) [worst, at] = [distance, xs[i]];
  }
  assert(
    worst <= ulps,
    `${name}(${at}) is off by ${worst} units in the last place`,
  );
}

/** Gauss error function in double precision: its series, and beyond 3 the continued fraction of erfc. */
function exactErf(x: number): number {
  const a = Math.abs(x);
  if (a < 3) {
    let term = a, sum = a;
    for (let n = 1; n < 120; n++) {
      term *= -a * a / n;
      sum += term / (2 * n + 1);
    }
    return Math.sign(x) * sum * 2 / Math.sqrt(Math.PI);
  }
  let fraction = 0;
  for (let n = 60; n >= 1; n--) fraction = n / 2 / (a + fraction);
  return Math.sign(x) *
    (1 - Math.exp(-a * a) / Math.sqrt(Math.PI) / (a + fraction));
}

Deno.test("exp is right to 2 units in the last place", () => {
  check("exp", exp, { expected: Math.exp, low: -87.3, high: 88.7, ulps: 2 });
});
Deno.test("exp as a weight is right to 10 units in the last place, for bf16 to 2,048, and ends at -70", () => {
  for (const [kept, ulps] of [["f32", 10], ["bf16", 2048]] as const) {
    const weight = (f: FunctionBuilder, x: Vector) => expAsWeight(f, x, kept);
    check("weight", weight, { expected: Math.exp, low: -70, high: 1, ulps });
    const [zero, far, hidden, unknown, infinite] = mapped(
      Float32Array.of(0, -1000, -Infinity, NaN, Infinity),
      weight,
    );
    assert.equal(zero, 1);
    assert.ok(far > 0 && far < 1e-30);
    assert.equal(hidden, far);
    assert.ok(Number.isNaN(unknown) && Number.isNaN(infinite));
    // a NaN whose low bits are set stays one
    const odd = new Float32Array(Uint32Array.of(0x7fc000ff, 0xffc001ff).buffer);
    assert.ok(mapped(odd, weight).every(Number.isNaN));
  }
});
Deno.test("log is right to 2 units in the last place, subnormal numbers included", () => {
  check("log", log, { expected: Math.log, low: 1e-30, high: 1e30, ulps: 2 });
  check("log", log, { expected: Math.log, low: 0.5, high: 2, ulps: 2 });
  const [tiny] = mapped(Float32Array.of(1e-42), log);
  assert(Math.abs(tiny - Math.log(Math.fround(1e-42))) < 1e-5);
});
Deno.test("tanh is right to 3 units in the last place", () => {
  check("tanh", tanh, { expected: Math.tanh, low: -12, high: 12, ulps: 3 });
});
Deno.test("sigmoid is right to 3 units in the last place", () => {
  check("sigmoid", sigmoid, {
    expected: (x) => 1 / (1 + Math.exp(-x)),
    low: -80,
    high: 80,
    ulps: 3,
  });
});
Deno.test("erf is right to 3 units in the last place", () => {
  check("erf", erf, { expected: exactErf, low: -6, high: 6, ulps: 3 });
});

Deno.test("functions keep to the limits at infinity, at 0 and for what is not a number", () => {
  const special = Float32Array.of(
    Infinity,
    -Infinity,
    NaN,
    0,
    -0,
    1000,
    -1000,
    -1,
  );
  const of = (
    apply: (f: FunctionBuilder, x: Vector) => Vector,
  ) => [...mapped(special, apply)].map((x) => x + 0); // -0 is 0 here
  assert.deepEqual(of(exp).slice(0, 7), [Infinity, 0, NaN, 1, 1, Infinity, 0]);
  assert.deepEqual(of(log).slice(0, 5), [
    Infinity,
    NaN,
    NaN,
    -Infinity,
    -Infinity,
  ]);
  assert.deepEqual(of(log).slice(6), [NaN, NaN]);
  assert.deepEqual(of(tanh).slice(0, 7), [1, -1, NaN, 0, 0, 1, -1]);
  assert.deepEqual(of(sigmoid).slice(0, 7), [1, 0, NaN, 0.5, 0.5, 1, 0]);
  assert.deepEqual(of(erf).slice(0, 7), [1, -1, NaN, 0, 0, 1, -1]);
  assert.deepEqual(of(sign), [1, -1, NaN, 0, 0, 1, -1, -1]);
  assert.deepEqual(of(isFinite), [0, 0, 0, 1, 1, 1, 1, 1]);
});

Deno.test("mix32 gives the bits of the host's", () => {
  const bits = Int32Array.from(
    { length: 64 },
    (_, i) => Math.imul(i + 1, 0x9e3779b9),
  );
  const found = new Uint32Array(
    mapped(new Float32Array(bits.buffer.slice(0)), mix32).buffer,
  );
  assert.deepEqual([...found], [...bits].map(mix));
});
