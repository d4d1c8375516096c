/**
 * Cases of attention, forward and backward, and over a cache.
 * @module
 */
import { dim } from "../../../core/graph/dims.ts";
import type { AttentionAttributes, Extents } from "@denotune/denotune/core";
import {
  type Case,
  caseOf,
  type Data,
  normal,
  type TensorSpec,
} from "./case.ts";
import { EXACT, MEAN } from "./compare.ts";

const B = dim("B");
const T = dim("T");

function attributesOf(
  change: Partial<AttentionAttributes>,
): AttentionAttributes {
  const base = {
    B,
    T,
    heads: 2,
    kvHeads: 1,
    headDim: 8,
    causal: true,
    window: null,
    softcap: null,
  };
  return { ...base, scale: 1 / Math.sqrt(change.headDim ?? 8), ...change };
}

/**
 * Rows of several segments of unequal lengths, the last of them padding (0):
 *
 * ```text
 * b = 0   1 1 1 2 2 2 2 2 3 0 0        b = 1   1 1 1 1 2 ...
 * ```
 */
const packed: Data = (count, _random, { T }: Extents) =>
  Array.from({ length: count }, (_, i) => {
    const [b, t] = [Math.floor(i / T), i % T];
    if (t >= T - Math.floor(T / 5)) return 0;
    return 1 + Math.floor(Math.sqrt((t * 3) / (b + 3)));
  });

const VARIANTS: readonly (readonly [string, Partial<AttentionAttributes>])[] = [
  ["causal", {}],
  ["both ways", { causal: false }],
  ["causal in a window", { window: 3 }],
  ["both ways in a window", { causal: false, window: 4 }],
  ["a window of one", { window: 1 }],
  ["softcap", { softcap: 2, scale: 1 }],
  ["softcap, both ways, in a window", { softcap: 5, causal: false, window: 6 }],
  ["a head for each key head", { heads: 3, kvHeads: 3 }],
  ["four heads to a key head", { heads: 8, kvHeads: 2, headDim: 4 }],
  ["heads of 4", { headDim: 4 }],
  ["heads of 12", { headDim: 12 }],
  ["heads of 16", { headDim: 16, heads: 4, kvHeads: 2 }],
  ["heads of 32", { headDim: 32 }],
  ["heads of 64", { headDim: 64, causal: false }],
  ["with dropout", { dropout: { p: 0.3, stream: 5 } }],
  ["with dropout, grouped heads, both ways, softcap", {
    dropout: { p: 0.5, stream: 0x40000001 },
    heads: 4,
    kvHeads: 2,
    causal: false,
    softcap: 3,
    headDim: 12,
  }],
];

/** Capacities, and what runs under them. */
interface Sizes {
  readonly capacities: Extents;
  readonly runs: readonly Extents[];
}

const SHORT: Sizes = {
  capacities: { B: 3, T: 37 },
  runs: [
    { B: 2, T: 37 },
    { B: 3, T: 16 },
    { B: 1, T: 1 },
    { B: 2, T: 5 },
    { B: 0, T: 8 },
  ],
};

/** Rows of several blocks, with heads as large as those of real models: a backend may do these in other ways. */
const LONG_VARIANTS: typeof VARIANTS = [
  ["long rows", { headDim: 32 }],
  ["long rows both ways, heads of 64", { headDim: 64, causal: false }],
  ["long rows in a window", { headDim: 32, window: 70 }],
  ["long rows, softcap, heads of 36", { headDim: 36, softcap: 5 }],
  ["long rows with dropout", {
    headDim: 32,
    dropout: { p: 0.5, stream: 77 },
  }],
];
const LONG: Sizes = {
  capacities: { B: 2, T: 290 },
  runs: [{ B: 1, T: 290 }, { B: 2, T: 129 }, { B: 2, T: 3 }],
};

/** Heads as real models have them, up to Gemma's 256 and Gemma 4's 512: more columns than fit in some memories at once. */
const LARGE_HEADS = [80, 96, 128, 192, 256, 512];
const LARGE_VARIANTS: typeof VARIANTS = LARGE_HEADS.map((headDim) => [
  `heads of ${headDim}`,
  { headDim, softcap: headDim === 256 ? 5 : null },
]);
const LARGE: Sizes = {
  capacities: { B: 2, T: 37 },
  runs: [{ B: 1, T: 37 }, { B: 2, T: 9 }],
};

/** Keys of random numbers use all 32 bits. */
const anyKeys: Data = (count, random) =>
  Array.from({ length: count }, () => Math.floor(random.next() * 2 ** 32) | 0);

function keysOf(
  { dropout }: AttentionAttributes,
): Readonly<Record<string, TensorSpec>> {
  return dropout === undefined
    ? {}
    : { rowKeys: { shape: [B, T], dtype: "i32", data: anyKeys } };
}

function inputsOf({ dropout }: AttentionAttributes): string[] {
  return [
    "q",
    "k",
    "v",
    "segments",
    ...(dropout === undefined ? [] : ["rowKeys"]),
  ];
}

function forward(
  [title, change]: readonly [string, Partial<AttentionAttributes>],
  sizes: Sizes = SHORT,
): Case {
  const attributes = attributesOf(change);
  const { heads, kvHeads, headDim } = attributes;
  return caseOf({
    title: `attends ${title}`,
    tensors: {
      q: { shape: [B, T, heads * headDim], data: normal },
      k: { shape: [B, T, kvHeads * headDim], data: normal },
      v: { shape: [B, T, kvHeads * headDim], data: normal },
      segments: { shape: [B, T], dtype: "i32", data: packed },
      ...keysOf(attributes),
      out: { shape: [B, T, heads * headDim] },
      lse: { shape: [B, T, heads] },
    },
    calls: (view) => [{
      kernel: "attention",
      attributes,
      inputs: inputsOf(attributes).map((name) => view(name)),
      outputs: [view("out"), view("lse")],
      label: title,
    }],
    ...sizes,
    outputs: { out: MEAN, lse: MEAN },
  });
}

/** Forward and backward in one plan, as a training step has them. */
function backward(
  [title, change]: readonly [string, Partial<AttentionAttributes>],
  sizes: Sizes = SHORT,
): Case {
  const attributes = attributesOf(change);
  const { heads, kvHeads, headDim } = attributes;
  const inputs = inputsOf(attributes);
  return caseOf({
    title: `gives the gradient of attention ${title}`,
    tensors: {
      q: { shape: [B, T, heads * headDim], data: normal },
      k: { shape: [B, T, kvHeads * headDim], data: normal },
      v: { shape: [B, T, kvHeads * headDim], data: normal },
      segments: { shape: [B, T], dtype: "i32", data: packed },
      ...keysOf(attributes),
      dOut: { shape: [B, T, heads * headDim], data: normal },
      out: { shape: [B, T, heads * headDim] },
      lse: { shape: [B, T, heads] },
      dQ: { shape: [B, T, heads * headDim] },
      dK: { shape: [B, T, kvHeads * headDim] },
      dV: { shape: [B, T, kvHeads * headDim] },
    },
    calls: (view) => [
      {
        kernel: "attention",
        attributes,
        inputs: inputs.map((name) => view(name)),
        outputs: [view("out"), view("lse")],
        label: title,
      },
      {
        kernel: "attention_backward",
        attributes,
        inputs: [...inputs, "out", "lse", "dOut"].map((name) => view(name)),
        outputs: [view("dQ"), view("dK"), view("dV")],
        label: `${title}, backward`,
      },
    ],
    ...sizes,
    outputs: { out: MEAN, lse: MEAN, dQ: MEAN, dK: MEAN, dV: MEAN },
  });
}

/** Longer rows than any block, with scores far apart: the maximum must be kept as it grows. */
const long: Case = caseOf({
  title: "attends rows of 150 with scores of magnitude 50",
  tensors: {
    q: {
      shape: [1, 150, 16],
      data: (n, r, e) =>
        Float64Array.from(normal(n, r, e), (x, i) => x * (i % 150) / 20),
    },
    k: {
      shape: [1, 150, 16],
      data: (n, r, e) =>
        Float64Array.from(normal(n, r, e), (x, i) => x * i / 1000),
    },
    v: { shape: [1, 150, 16], data: normal },
    segments: {
      shape: [1, 150],
      dtype: "i32",
      data: (n) => new Float64Array(n).fill(1),
    },
    out: { shape: [1, 150, 16] },
    lse: { shape: [1, 150, 1] },
  },
  calls: (view) => [{
    kernel: "attention",
    attributes: attributesOf({ B: 1, T: 150, heads: 1, headDim: 16, scale: 1 }),
    inputs: ["q", "k", "v", "segments"].map((name) => view(name)),
    outputs: [view("out"), view("lse")],
    label: "long",
  }],
  outputs: { out: { kind: "largest", relative: 1e-4 }, lse: MEAN }, // scores of 50 lose 6e-6 each
});

/** A cache that is filled by write_cache and then read: prefill (T many) and decode (T = 1), rows in any slots. */
function cached(
  [title, change, capacity]: readonly [
    string,
    Partial<AttentionAttributes>,
    number,
  ],
): Case {
  const slots = 4;
  const attributes = { ...attributesOf(change), slots, capacity };
  const { heads, kvHeads, headDim } = attributes;
  const columns = kvHeads * headDim;
  // Whatever a cache holds beyond its lengths is finite: it is zeroed when it is made.
  return caseOf({
    title: `attends over a cache, ${title}`,
    tensors: {
      q: { shape: [B, T, heads * headDim], data: normal },
      k: { shape: [B, T, columns], data: normal },
      v: { shape: [B, T, columns], data: normal },
      kCache: { shape: [slots, capacity, columns], data: normal },
      vCache: { shape: [slots, capacity, columns], data: normal },
      lengths: {
        shape: [B],
        dtype: "i32",
        data: (n, _r, { T }) =>
          Array.from({ length: n }, (_, b) => [5, 0, capacity - T][b]),
      },
      index: { shape: [B], dtype: "i32", data: (n) => [3, 0, 2].slice(0, n) },
      out: { shape: [B, T, heads * headDim] },
    },
    calls: (view) => [
      ...(["k", "v"] as const).map((name) => ({
        kernel: "write_cache" as const,
        attributes: { B, T, slots, capacity, columns },
        inputs: [
          view(`${name}Cache`),
          view(name),
          view("lengths"),
          view("index"),
        ],
        outputs: [view(`${name}Cache`)],
        label: `write ${name}`,
      })),
      {
        kernel: "attention_cached",
        attributes,
        inputs: ["q", "kCache", "vCache", "lengths", "index"].map((name) =>
          view(name)
        ),
        outputs: [view("out")],
        label: title,
      },
    ],
    capacities: { B: 3, T: 9 },
    runs: [{ B: 3, T: 1 }, { B: 3, T: 9 }, { B: 1, T: 4 }, { B: 0, T: 1 }],
    outputs: { out: MEAN, kCache: EXACT, vCache: EXACT },
  });
}

const CACHED:
  readonly (readonly [string, Partial<AttentionAttributes>, number])[] = [
    ["plainly", {}, 33],
    ["four heads to a key head", { heads: 8, kvHeads: 2, headDim: 4 }, 20],
    ["in a window", { window: 3 }, 24],
    ["with softcap", { softcap: 2, scale: 1, headDim: 16 }, 17],
    ["heads of 64", { headDim: 64 }, 70],
    ["heads of 256", { headDim: 256 }, 20],
    ["heads of 512", { headDim: 512 }, 20],
  ];

const overflow: Case = caseOf({
  title: "drops what is written beyond a cache's capacity",
  tensors: {
    cache: { shape: [3, 6, 5], data: normal },
    new: { shape: [3, T, 5], data: normal },
    lengths: { shape: [3], dtype: "i32", data: () => [4, 6, 0] },
    index: { shape: [3], dtype: "i32", data: () => [1, 2, 0] },
  },
  calls: (view) => [{
    kernel: "write_cache",
    attributes: { B: 3, T, slots: 3, capacity: 6, columns: 5 },
    inputs: ["cache", "new", "lengths", "index"].map((name) => view(name)),
    outputs: [view("cache")],
    label: "overflow",
  }],
  capacities: { T: 8 },
  runs: [{ T: 8 }, { T: 3 }, { T: 1 }],
  outputs: { cache: EXACT },
});

/** Cases of attention with large heads. */
export const largeHeadCases: readonly Case[] = LARGE_VARIANTS.map((variant) =>
  backward(variant, LARGE)
);

/** Cases of attention. */
export const attentionCases: readonly Case[] = [
  ...VARIANTS.map((variant) => forward(variant)),
  ...VARIANTS.map((variant) => backward(variant)),
  ...LONG_VARIANTS.map((variant) => forward(variant, LONG)),
  ...LONG_VARIANTS.map((variant) => backward(variant, LONG)),
  ...largeHeadCases,
  long,
  ...CACHED.map(cached),
  overflow,
];
