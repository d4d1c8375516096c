/**
 * Functions of four single precision numbers at once, within 3 units in the last place of the true value over
 * the whole range (results below the smallest normal number become 0). Polynomials are minimax fits made for
 * this file (Lawson's iteration on Chebyshev nodes, weighted by relative error).
 * @module
 */
import {
  f32x4,
  type FunctionBuilder,
  i32x4,
  v128,
  type Vector,
} from "./assembler/mod.ts";

const LOG2_E = 1.4426950408889634;
// ln 2 in two parts: n * LN2_HIGH is exact for the n that occur, with or without fused arithmetic
const LN2_HIGH = 0.693359375;
const LN2_LOW = -2.12194440054690583e-4;
/** Adding it rounds to the nearest integer and leaves that integer in the low bits. */
const ROUNDER = 12582912; // 1.5 * 2^23
const EXP_LIMIT = 88.72283172607422; // largest x with a finite result
const EXP_FLUSH = -87.33654022216797; // e to this is the smallest normal number
const SIGN = i32x4.const(-2147483648);

// (exp(r) - 1 - r) / r^2 for |r| <= ln 2 / 2; error 3e-9
const EXP = [
  0.4999999403953552,
  0.1666652113199234,
  0.04166838899254799,
  0.00836874544620514,
  0.0013814539415761828,
];
const LN2 = 0.6931471805599453;
/** Where weights end: what would be less is this, too small to count beside a largest of about 1. */
const WEIGHT_FROM = -70;
// (exp(r) - 1) / r for |r| <= ln 2 / 2, of exp: errors 9e-8 and 1e-4
const WEIGHT = {
  f32: [
    0.9999997019767761,
    0.4999915063381195,
    0.1666763722896576,
    0.0418979749083519,
    0.008290305733680725,
  ],
  bf16: [1.000195860862732, 0.5041311979293823, 0.16517946124076843],
};
// (log(1 + f) - f + f^2 / 2) / f^3 for sqrt(1/2) <= 1 + f <= sqrt(2); error 8e-10
const LOG = [
  0.3333331346511841,
  -0.25000008940696716,
  0.2000211924314499,
  -0.1666799634695053,
  0.14219552278518677,
  -0.1240558922290802,
  0.11888162791728973,
  -0.11675651371479034,
  0.0674663856625557,
];
// (tanh(x) - x) / x^3 in x^2 for |x| <= 0.625; error 5e-9
const TANH = [
  -0.3333328068256378,
  0.13331441581249237,
  -0.05373971536755562,
  0.0206390880048275,
  -0.005704987328499556,
];
// erf(x) / x - 1 in x^2 for |x| <= 0.9375; error 2e-8
const ERF_SMALL = [
  0.12837915122509003,
  -0.37612468004226685,
  0.1128155067563057,
  -0.02675699070096016,
  0.004979081451892853,
  -0.0005919220275245607,
];
// -log(1 - erf(x)) / x - 1 for 0.92 <= x <= 4; error 8e-10 of erf
const ERF_LARGE = [
  0.12864848971366882,
  0.6351513266563416,
  0.10623687505722046,
  -0.023762060329318047,
  0.003642458003014326,
  -0.0003228035639040172,
  1.1231276403123047e-5,
];

/** c[0] + c[1] x + ... */
function polynomial(
  f: FunctionBuilder,
  x: Vector,
  c: readonly number[],
): Vector {
  let sum: Vector = f32x4.const(c[c.length - 1]);
  for (let i = c.length - 2; i >= 0; i--) {
    sum = f32x4.madd(sum, x, f32x4.const(c[i]));
  }
  return f.local("v128", sum);
}

/** `magnitude` with the sign of `x`. */
function withSign(magnitude: Vector, x: Vector): Vector {
  return v128.or(magnitude, v128.and(x, SIGN));
}

/** e to the x; 0 below -87.3, infinite above 88.7. */
export function exp(f: FunctionBuilder, value: Vector): Vector {
  const x = f.hold(value);
  // x + infinity: infinite above the limit, NaN for NaN
  return f.local(
    "v128",
    v128.select(
      expOfNumber(f, x),
      f32x4.add(x, f32x4.const(Infinity)),
      f32x4.le(x, f32x4.const(EXP_LIMIT)),
    ),
  );
}

/** e to the x for x up to 88.7, which is not NaN: the same bits as `exp`; 0 below -87.3, minus infinity included. */
function expOfNumber(f: FunctionBuilder, value: Vector): Vector {
  const x = f.hold(value);
  return f.local(
    "v128",
    v128.and(expInside(f, x), f32x4.ge(x, f32x4.const(EXP_FLUSH))),
  );
}

/**
 * e to the x as a weight of softmax, for x up to 88: fewer instructions than `exp`, within 6e-7 (with `bf16` 2e-4) of the
 * true value down to x = -70, and below it e to the -70. NaN for NaN.
 */
export function expAsWeight(
  f: FunctionBuilder,
  value: Vector,
  kept: "f32" | "bf16",
): Vector {
  // `pmax` gives its first operand where one is NaN
  const x = f.local("v128", f32x4.pmax(value, f32x4.const(WEIGHT_FROM)));
  const biased = ROUNDER + 127;
  const rounded = f.local(
    "v128",
    f32x4.madd(x, f32x4.const(LOG2_E), f32x4.const(biased)),
  );
  const n = f32x4.sub(rounded, f32x4.const(biased));
  const r = f.local("v128", f32x4.nmadd(n, f32x4.const(LN2), x));
  const p = f32x4.madd(polynomial(f, r, WEIGHT[kept]), r, f32x4.const(1));
  // the low bits of `rounded` are n + 127: moved to the exponent they are 2^n, and NaN stays NaN in the product
  return f.local("v128", f32x4.mul(p, i32x4.shl(rounded, 23)));
}

/** e to the x for x between -87.3 and 88.7: the same bits as `exp`. */
function expInside(f: FunctionBuilder, value: Vector): Vector {
  const x = f.hold(value);
  const rounded = f.local(
    "v128",
    f32x4.madd(x, f32x4.const(LOG2_E), f32x4.const(ROUNDER)),
  );
  const n = f.local("v128", f32x4.sub(rounded, f32x4.const(ROUNDER)));
  const r = f.local(
    "v128",
    f32x4.nmadd(
      n,
      f32x4.const(LN2_LOW),
      f32x4.nmadd(n, f32x4.const(LN2_HIGH), x),
    ),
  );
  const p = polynomial(f, r, EXP);
  const mantissa = f32x4.add(f32x4.madd(p, f32x4.mul(r, r), r), f32x4.const(1));
  // times 2^n, by adding n to the exponent: n is in the low bits of `rounded`
  return i32x4.add(mantissa, i32x4.shl(rounded, 23));
}

/** Natural logarithm: -infinity of 0, NaN below. */
export function log(f: FunctionBuilder, value: Vector): Vector {
  const x = f.hold(value);
  const tiny = f.local("v128", f32x4.lt(x, f32x4.const(2 ** -126)));
  const normal = f.local(
    "v128",
    v128.select(f32x4.mul(x, f32x4.const(2 ** 23)), x, tiny),
  );
  // exponent, so that the mantissa is between sqrt(1/2) and sqrt(2)
  const exponent = f.local(
    "v128",
    i32x4.shrS(i32x4.sub(normal, i32x4.const(0x3f3504f3)), 23),
  );
  const t = f.local(
    "v128",
    f32x4.sub(i32x4.sub(normal, i32x4.shl(exponent, 23)), f32x4.const(1)),
  );
  const n = f.local(
    "v128",
    f32x4.sub(f32x4.fromI32(exponent), v128.and(f32x4.const(23), tiny)),
  );
  const square = f.local("v128", f32x4.mul(t, t));
  const p = polynomial(f, t, LOG);
  let y = f32x4.mul(f32x4.mul(p, t), square);
  y = f32x4.madd(n, f32x4.const(LN2_LOW), y);
  y = f32x4.nmadd(square, f32x4.const(0.5), y);
  y = f32x4.madd(n, f32x4.const(LN2_HIGH), f32x4.add(t, y));
  const ordinary = v128.and(
    f32x4.gt(x, f32x4.const(0)),
    f32x4.lt(x, f32x4.const(Infinity)),
  );
  // the square root has the right NaN and infinity
  const special = v128.select(
    f32x4.const(-Infinity),
    f32x4.sqrt(x),
    f32x4.eq(x, f32x4.const(0)),
  );
  return f.local("v128", v128.select(y, special, ordinary));
}

/** Hyperbolic tangent. */
export function tanh(f: FunctionBuilder, value: Vector): Vector {
  const x = f.hold(value);
  const square = f.local("v128", f32x4.mul(x, x));
  const p = polynomial(f, square, TANH);
  const small = f.local("v128", f32x4.madd(f32x4.mul(p, square), x, x));
  const size = f.local("v128", f32x4.abs(x));
  // from 44 on the result is 1 in single precision, so the power needs no limits
  const limited = f.local("v128", f32x4.pmin(size, f32x4.const(44)));
  const power = expInside(f, f.local("v128", f32x4.add(limited, limited)));
  const large = f32x4.sub(
    f32x4.const(1),
    f32x4.div(f32x4.const(2), f32x4.add(power, f32x4.const(1))),
  );
  // not "less than": NaN takes the polynomial, which stays NaN
  return f.local(
    "v128",
    v128.select(withSign(large, x), small, f32x4.ge(size, f32x4.const(0.625))),
  );
}

/** e to -x, but finite: what a sigmoid and 1 - sigmoid are made of. */
export function sigmoidPower(f: FunctionBuilder, x: Vector): Vector {
  // the first operand where one is NaN
  const y = f.local("v128", f32x4.pmin(f32x4.neg(x), f32x4.const(88)));
  // not "at least": NaN stays NaN
  const vanishes = f32x4.lt(y, f32x4.const(EXP_FLUSH));
  return f.local("v128", v128.andNot(expInside(f, y), vanishes));
}

/** 1 / (1 + e to -x), from `sigmoidPower` of x. */
export function sigmoid(
  f: FunctionBuilder,
  value: Vector,
  power: Vector = sigmoidPower(f, value),
): Vector {
  const ratio = f32x4.div(
    f32x4.const(1),
    f32x4.add(power, f32x4.const(1)),
  );
  const vanishes = f32x4.lt(value, f32x4.const(-88)); // the power was cut there
  return f.local("v128", v128.andNot(ratio, vanishes));
}

/** Gauss error function. */
export function erf(f: FunctionBuilder, value: Vector): Vector {
  const x = f.hold(value);
  const square = f.local("v128", f32x4.mul(x, x));
  const small = f.local(
    "v128",
    f32x4.madd(polynomial(f, square, ERF_SMALL), x, x),
  );
  const size = f.local("v128", f32x4.abs(x));
  // beyond 4 the result is 1 in single precision
  const t = f.local("v128", f32x4.min(size, f32x4.const(4)));
  const power = exp(
    f,
    f32x4.neg(f32x4.madd(polynomial(f, t, ERF_LARGE), t, t)),
  );
  const large = withSign(f32x4.sub(f32x4.const(1), power), x);
  return f.local(
    "v128",
    v128.select(small, large, f32x4.lt(size, f32x4.const(0.93))),
  );
}

/** -1, 0 or 1; NaN of NaN. */
export function sign(f: FunctionBuilder, value: Vector): Vector {
  const x = f.hold(value);
  const one = v128.and(
    withSign(f32x4.const(1), x),
    f32x4.ne(x, f32x4.const(0)),
  );
  return f.local("v128", v128.select(one, x, f32x4.eq(x, x)));
}

/** 1 where neither infinite nor NaN, else 0: the exponent's bits are not all ones. */
export function isFinite(f: FunctionBuilder, value: Vector): Vector {
  const exponent = i32x4.const(0x7f800000);
  const special = i32x4.eq(v128.and(value, exponent), exponent);
  return f.local("v128", v128.andNot(f32x4.const(1), special));
}

/** `mix32` of core/random.ts in each lane. */
export function mix32(f: FunctionBuilder, value: Vector): Vector {
  let x = f.hold(value);
  x = f.local(
    "v128",
    i32x4.mul(v128.xor(x, i32x4.shrU(x, 16)), i32x4.const(0x7feb352d)),
  );
  x = f.local(
    "v128",
    i32x4.mul(v128.xor(x, i32x4.shrU(x, 15)), i32x4.const(0x846ca68b | 0)),
  );
  return f.local("v128", v128.xor(x, i32x4.shrU(x, 16)));
}

/** Sum of the four lanes, always paired in the same way, in every lane. */
export function sumLanes(f: FunctionBuilder, value: Vector): Vector {
  return fold(f, value, f32x4.add);
}

/** Largest of the four lanes, in every lane. */
export function maxLanes(f: FunctionBuilder, value: Vector): Vector {
  return fold(f, value, f32x4.max);
}

function fold(
  f: FunctionBuilder,
  value: Vector,
  op: (a: Vector, b: Vector) => Vector,
): Vector {
  const x = f.hold(value);
  const halves = f.local("v128", op(x, v128.shuffle32(x, x, [2, 3, 0, 1])));
  return f.local(
    "v128",
    op(halves, v128.shuffle32(halves, halves, [1, 0, 3, 2])),
  );
}
