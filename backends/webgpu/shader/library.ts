/**
 * Functions that generated shaders call, in WGSL: a shader gets those that it names.
 * @module
 */

/** A function and those that it calls itself. */
interface LibraryFunction {
  readonly source: string;
  readonly needs?: readonly string[];
}

/** By name. */
const LIBRARY: Readonly<Record<string, LibraryFunction>> = {
  widen_bf16: {
    source: `fn widen_bf16(word: u32, place: u32) -> f32 {
  return bitcast<f32>(select(word << 16u, word & 0xffff0000u, (place & 1u) == 1u));
}`,
  },
  widen_f16: {
    source: `fn widen_f16(word: u32, place: u32) -> f32 {
  let both = unpack2x16float(word);
  return select(both.x, both.y, (place & 1u) == 1u);
}`,
  },
  widen4_bf16: {
    source: `fn widen4_bf16(words: vec2<u32>) -> vec4<f32> {
  return bitcast<vec4<f32>>(vec4<u32>(words.x << 16u, words.x & 0xffff0000u, words.y << 16u, words.y & 0xffff0000u));
}`,
  },
  widen4_f16: {
    source: `fn widen4_f16(words: vec2<u32>) -> vec4<f32> {
  return vec4<f32>(unpack2x16float(words.x), unpack2x16float(words.y));
}`,
  },
  // To nearest, ties to even; a NaN stays one.
  narrow_bf16: {
    source: `fn narrow_bf16(x: f32) -> u32 {
  let bits = bitcast<u32>(x);
  if ((bits & 0x7fffffffu) > 0x7f800000u) { return (bits >> 16u) | 0x40u; }
  return (bits + 0x7fffu + ((bits >> 16u) & 1u)) >> 16u;
}`,
  },
  // pack2x16float rounds as each adapter likes: whole numbers do not.
  narrow_f16: {
    source: `fn narrow_f16(x: f32) -> u32 {
  let bits = bitcast<u32>(x);
  let sign = (bits >> 16u) & 0x8000u;
  let size = bits & 0x7fffffffu;
  if (size > 0x7f800000u) { return sign | 0x7e00u; }
  if (size >= 0x477ff000u) { return sign | 0x7c00u; } // 65520 and above
  if (size >= 0x38800000u) { // normal: move the exponent, round away 13 bits
    return sign | ((size - 0x38000000u + 0xfffu + ((size >> 13u) & 1u)) >> 13u);
  }
  if (size < 0x33000000u) { return sign; } // below half of the smallest
  let shift = 126u - (size >> 23u); // 14 to 24
  let mantissa = (size & 0x7fffffu) | 0x800000u;
  let kept = mantissa >> shift;
  let rest = mantissa & ((1u << shift) - 1u);
  let half = 1u << (shift - 1u);
  let up = select(0u, 1u, rest > half || (rest == half && (kept & 1u) == 1u));
  return sign | (kept + up);
}`,
  },
  mix32: {
    source: `fn mix32(seed: u32) -> u32 {
  var x = (seed ^ (seed >> 16u)) * 0x7feb352du;
  x = (x ^ (x >> 15u)) * 0x846ca68bu;
  return x ^ (x >> 16u);
}`,
  },
  bits_at: {
    needs: ["mix32"],
    source: `fn bits_at(key: u32, stream: u32, column: u32) -> u32 {
  return mix32(mix32(key + stream * 0x9e3779b9u) + column * 0x85ebca6bu);
}`,
  },
  uniform_at: {
    needs: ["bits_at"],
    source: `fn uniform_at(key: u32, stream: u32, column: u32) -> f32 {
  return f32(bits_at(key, stream, column) >> 8u) * 5.9604644775390625e-8;
}`,
  },
  // -log(1 - u) by its series where 1 - u would round away what counts.
  gumbel_at: {
    needs: ["bits_at"],
    source: `fn gumbel_at(key: u32, stream: u32, column: u32) -> f32 {
  let u = (f32(bits_at(key, stream, column) >> 1u) + 0.5) * 4.656612873077393e-10;
  let near = u * (1.0 + u * (0.5 + u * (0.33333333 + u * 0.25)));
  let far = -log(max(1.0 - u, 5.9604644775390625e-8));
  return -log(select(far, near, u < 0.015625));
}`,
  },
  // Keys have the order of the numbers; both zeros have one, and what is not a number has the least.
  ordered_key: {
    source: `fn ordered_key(x: f32) -> u32 {
  let bits = bitcast<u32>(x);
  let size = bits & 0x7fffffffu;
  if (size == 0u) { return 0x80000000u; }
  if (size > 0x7f800000u) { return 0u; }
  return select(bits | 0x80000000u, ~bits, bits != size);
}`,
  },
  number_of_key: {
    source: `fn number_of_key(key: u32) -> f32 {
  return bitcast<f32>(select(~key, key & 0x7fffffffu, key >= 0x80000000u));
}`,
  },
  // By bits: x != x is folded to false by the compiler.
  is_finite: {
    source: `fn is_finite(x: f32) -> bool {
  return (bitcast<u32>(x) & 0x7f800000u) != 0x7f800000u;
}`,
  },
  // Adapters' own tanh may overflow; a series where the difference of exponentials would cancel.
  tanh_of: {
    source: `fn tanh_of(x: f32) -> f32 {
  let z = min(abs(x), 10.0);
  let s = z * z;
  let near = z * (1.0 + s * (-0.33333333 + s * (0.13333333 + s * (-0.053968254 + s * 0.021869488))));
  let far = 1.0 - 2.0 / (exp(2.0 * z) + 1.0);
  let size = select(far, near, z < 0.25);
  return select(size, -size, x < 0.0);
}`,
  },
  sigmoid_of: {
    source: `fn sigmoid_of(x: f32) -> f32 {
  return 1.0 / (1.0 + exp(-max(x, -88.0)));
}`,
  },
  // Near zero the series of erf; beyond, Abramowitz and Stegun 7.1.26's form with exp(-x^2), error 1.5e-7.
  erf_of: {
    source: `fn erf_of(x: f32) -> f32 {
  let z = abs(x);
  let s = z * z;
  let near = z * (1.1283791671 + s * (-0.3761263890 + s * (0.1128379167 + s * (-0.0268661706 + s * (0.0052239776 - s * 0.0008548327)))));
  let t = 1.0 / (1.0 + 0.3275911 * z);
  let p = t * (0.254829592 + t * (-0.284496736 + t * (1.421413741 + t * (-1.453152027 + t * 1.061405429))));
  let far = 1.0 - p * exp(-s);
  let size = select(far, near, z < 0.5);
  return select(size, -size, x < 0.0);
}`,
  },
  // For an index that is no row of its table: a number that no loss survives unseen.
  poison: {
    source: `fn poison(zero: u32) -> f32 {
  return bitcast<f32>(0x7fc00000u | zero);
}`,
  },
};

/** The functions that a source calls, each once, before their callers. */
export function libraryFor(source: string): string {
  const taken = new Set<string>();
  const take = (name: string): void => {
    if (taken.has(name)) return;
    for (const need of LIBRARY[name].needs ?? []) take(need);
    taken.add(name);
  };
  for (const name of Object.keys(LIBRARY)) {
    if (source.includes(`${name}(`)) take(name);
  }
  return [...taken].map((name) => LIBRARY[name].source).join("\n");
}
