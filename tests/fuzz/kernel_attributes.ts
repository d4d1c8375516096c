/**
 * Attributes of random calls, a maker for each kernel, with what the definition cannot know: which numbers an index
 * may be, and how closely backends agree.
 * @module
 */
import type {
  Access,
  Dim,
  Expr,
  KernelAttributes,
  KernelName,
  Random,
  RowProgram,
} from "@denotune/denotune/core";
import { constant, input, write } from "@denotune/denotune/core";
import { column, define, reduce, value } from "../../core/graph/expression.ts";
import { below, type Data, uniform } from "../conformance/backend/case.ts";
import {
  ELEMENT,
  EXACT,
  MEAN,
  SUM,
  type Tolerance,
} from "../conformance/backend/compare.ts";

/** Rows of a random call: their name, and how many there are at most. */
export interface Sizes {
  readonly N: Dim;
  readonly most: number;
}

/** A random call without its tensors. */
export interface Made<K extends KernelName> {
  readonly attributes: KernelAttributes[K];
  readonly tolerance: Tolerance;
  /** Sizes that the definition leaves free. */
  readonly free?: Readonly<Record<string, number>>;
  /** Data of operands, by name; normal numbers where absent. */
  readonly data?: Readonly<Record<string, Data>>;
}

/** A maker for each kernel. */
export type Makers = {
  readonly [K in KernelName]: (random: Random, sizes: Sizes) => Made<K>;
};

function pick<T>(random: Random, list: readonly T[]): T {
  return list[random.below(list.length)];
}

/** 1 to most, and often a size at which kernels change their ways. */
function size(random: Random, most = 40): number {
  const special = [1, 4, 7, 8, 16, 31, 32, 33, 64, 65, 128].filter((n) =>
    n <= most
  );
  return random.next() < 0.4 ? pick(random, special) : 1 + random.below(most);
}

const yes = (random: Random): boolean => random.next() < 0.5;

/** Different whole numbers below n, as many as are asked for. */
const distinct: (n: number) => Data = (n) => (count, random) => {
  const all = Array.from({ length: n }, (_, i) => i);
  for (let i = n - 1; i > 0; i--) {
    const j = random.below(i + 1);
    [all[i], all[j]] = [all[j], all[i]];
  }
  return all.slice(0, count);
};

/** Segments that begin now and then: their tokens are neighbours. */
const neighbours: Data = (count, random) => {
  let segment = 0;
  return Array.from(
    { length: count },
    () => segment += random.next() < 0.2 ? 1 : 0,
  );
};

/** A smooth function of the inputs: no comparison that a rounding could turn. */
function smooth(
  random: Random,
  accesses: readonly Access[],
  depth: number,
): Expr {
  if (depth === 0 || random.next() < 0.15) {
    if (accesses.length === 0 || random.next() < 0.15) {
      return yes(random) ? constant(random.normal()) : column().mul(0.01);
    }
    const i = random.below(accesses.length);
    return accesses[i] === "scalars" ? input(i, random.below(3)) : input(i);
  }
  const sub = () => smooth(random, accesses, depth - 1);
  return pick(random, [
    () => sub().add(sub()),
    () => sub().sub(sub()),
    () => sub().mul(sub()),
    () => sub().max(sub()),
    () => sub().min(sub()),
    () => sub().div(sub().abs().add(1)),
    () => sub().tanh(),
    () => sub().sigmoid(),
    () => sub().neg().abs(),
    () => sub().tanh().exp(),
  ])();
}

const ACCESSES: readonly Access[] = ["matrix", "row", "column", "scalars"];

function accesses(random: Random, of = ACCESSES): Access[] {
  return Array.from({ length: 1 + random.below(3) }, () => pick(random, of));
}

/** Reductions, numbers a row, outputs that read them; every output is written once. */
function program(random: Random): RowProgram {
  const inputs = accesses(random);
  const outputs = Array.from(
    { length: 1 + random.below(3) },
    () => yes(random) || yes(random) ? "matrix" as const : "column" as const,
  );
  const reduces = yes(random) || outputs.includes("column");
  const perRow = () => value("a").mul(0.1).add(value("b").tanh());
  return {
    inputs,
    stages: [
      ...(reduces
        ? [
          reduce("sum", "a", smooth(random, inputs, 2)),
          reduce("max", "b", smooth(random, inputs, 2)),
          define("c", perRow()),
        ]
        : []),
      ...outputs.map((kind, o) =>
        write(
          o,
          kind === "column"
            ? value("c").sub(perRow())
              .add(value("a"))
            : reduces
            ? smooth(random, inputs, 3).add(value("c"))
            : smooth(random, inputs, 3),
        )
      ),
    ],
    outputs,
  };
}

/** Everything is compared with the largest: elements may be small rests of larger ones. */
const LARGEST: Tolerance = { kind: "largest", relative: 3e-5 };

function attention(random: Random) {
  const kvHeads = 1 + random.below(2);
  return {
    heads: kvHeads * (1 + random.below(3)),
    kvHeads,
    headDim: pick(random, [4, 8, 12, 16, 20, 32]),
    causal: yes(random),
    scale: 0.3,
    window: yes(random) ? null : 1 + random.below(6),
    softcap: yes(random) ? null : 2,
  };
}

/** Attention of a training step, which may drop probabilities. */
function trainedAttention(random: Random) {
  const own = attention(random);
  return random.below(3) > 0
    ? own
    : { ...own, dropout: { p: 0.5, stream: random.below(1 << 30) } };
}

/** The makers. */
export const makers: Makers = {
  argmax: (random, { N }) => ({
    attributes: { rows: N, columns: size(random, 300) },
    tolerance: EXACT,
  }),
  attention: (random, { N }) => ({
    attributes: { B: N, T: size(random, 20), ...trainedAttention(random) },
    tolerance: MEAN,
    data: { segments: below(2) },
  }),
  attention_backward: (random, { N }) => ({
    attributes: { B: N, T: size(random, 20), ...trainedAttention(random) },
    tolerance: MEAN,
    // of one softmax: every probability is at most 1
    data: { segments: below(2), lse: uniform(9, 12) },
  }),
  attention_cached: (random, { N, most }) => {
    const [T, capacity, slots] = [1 + random.below(5), 24, most + 2];
    return {
      attributes: {
        B: N,
        T,
        ...attention(random),
        causal: true,
        slots,
        capacity,
      },
      tolerance: MEAN,
      data: { lengths: below(capacity - T), index: distinct(slots) },
    };
  },
  column_sum: (random, { N }) => {
    const inputs = accesses(random);
    return {
      attributes: {
        rows: N,
        columns: size(random, 90),
        inputs,
        of: smooth(random, inputs, 2).node,
        addend: yes(random),
      },
      tolerance: LARGEST,
    };
  },
  concat_columns: (random, { N }) => ({
    attributes: {
      rows: N,
      widths: Array.from({ length: 1 + random.below(4) }, () => size(random)),
    },
    tolerance: EXACT,
  }),
  copy: (random, { N }) => {
    if (yes(random)) return { attributes: { elements: N }, tolerance: EXACT };
    if (yes(random)) {
      return { attributes: { elements: 4 * size(random) }, tolerance: EXACT };
    }
    const [rows, columns] = [size(random), size(random, 130)];
    const format = pick(random, ["int8", "nf4"] as const);
    return {
      attributes: {
        elements: rows * columns,
        quantized: { format, rows, columns },
      },
      tolerance: ELEMENT,
    };
  },
  fill: (random, { N }) => ({
    attributes: { elements: N, value: random.normal() },
    tolerance: ELEMENT,
  }),
  gather_rows: (random, { N }) => {
    const V = size(random);
    const columns = size(random, 70);
    const format = pick(random, [undefined, "int8", "nf4"] as const);
    return {
      attributes: {
        rows: N,
        columns,
        ...(format === undefined
          ? {}
          : { quantized: { format, rows: V, columns } }),
      },
      tolerance: format === undefined ? EXACT : ELEMENT,
      free: { V },
      data: { index: below(V) },
    };
  },
  group_sum: (random, { N }) => {
    const count = size(random, 9);
    return {
      attributes: { rows: N, count },
      tolerance: SUM,
      data: { groups: below(count) },
    };
  },
  matmul: (random, { N }) => {
    const layout = pick(random, ["NN", "NT", "TN"] as const);
    const [n, k] = [size(random, 140), size(random, 140)];
    const quantized = pick(random, [undefined, "int8", "nf4"] as const);
    return {
      attributes: {
        layout,
        batch: quantized === undefined ? 1 + random.below(2) : 1,
        m: N,
        n,
        k,
        alpha: pick(random, [1, -0.5]),
        bias: yes(random),
        addend: yes(random),
        ...(quantized === undefined ? {} : { quantized }),
      },
      tolerance: SUM,
    };
  },
  convolution: (random, { N }) => ({
    attributes: {
      B: N,
      T: size(random, 12),
      columns: size(random, 70),
      taps: 2 + random.below(4),
      reverse: yes(random),
    },
    tolerance: LARGEST,
    data: { segments: neighbours },
  }),
  convolution_cached: (random, { N, most }) => {
    const T = size(random, 9);
    return {
      attributes: {
        B: N,
        T,
        columns: size(random, 70),
        taps: 2 + random.below(4),
        slots: most + 1,
      },
      tolerance: LARGEST,
      data: {
        lengths: below(3),
        counts: below(T + 1),
        index: distinct(most + 1),
      },
    };
  },
  recurrence: (random, { N }) => ({
    attributes: {
      B: N,
      T: size(random, 12),
      heads: 1 + random.below(3),
      keyDim: size(random, 12),
      valueDim: size(random, 20),
      reverse: yes(random),
    },
    tolerance: LARGEST,
    data: { segments: neighbours, decay: uniform(-2, 0) },
  }),
  recurrence_cached: (random, { N, most }) => {
    const T = size(random, 9);
    return {
      attributes: {
        B: N,
        T,
        heads: 1 + random.below(3),
        keyDim: size(random, 12),
        valueDim: size(random, 20),
        slots: most + 1,
      },
      tolerance: LARGEST,
      data: {
        decay: uniform(-2, 0),
        lengths: below(3),
        counts: below(T + 1),
        index: distinct(most + 1),
      },
    };
  },
  rope: (random, { N }) => {
    const headDim = pick(random, [2, 4, 6, 16, 20]);
    const rotary = 2 * (1 + random.below(headDim / 2));
    const P = size(random);
    return {
      attributes: {
        rows: N,
        heads: 1 + random.below(3),
        headDim,
        rotary,
        inverse: yes(random),
      },
      tolerance: LARGEST,
      free: { P },
      data: { positions: below(P) },
    };
  },
  rows: (random, { N }) => ({
    attributes: {
      rows: N,
      columns: size(random, 200),
      program: program(random),
    },
    tolerance: LARGEST,
  }),
  sample: (random, { N, most }) => ({
    attributes: { rows: N, columns: size(random, 300), slots: most + 1 },
    tolerance: EXACT,
    data: {
      options: (count, drawn) =>
        Array.from({ length: count / 4 }, () => [
          pick(drawn, [0, 0.7, 1.3]),
          drawn.below(4) * 3,
          pick(drawn, [1, 0.8]),
          pick(drawn, [1, 1.5]),
        ]).flat(),
      keys: below(2 ** 30),
      places: below(100),
      index: distinct(most + 1),
      seen: below(2 ** 31),
    },
  }),
  scatter_add: (random, { N, most }) => {
    const V = most + size(random, 9);
    return {
      attributes: { unique: N, columns: size(random, 70) },
      tolerance: SUM,
      free: { V, N: most },
      data: {
        order: distinct(most),
        ids: distinct(V),
        starts: (count) => Array.from({ length: count }, (_, i) => i),
      },
    };
  },
  scatter_rows: (random, { N, most }) => {
    const rows = most + random.below(9);
    return {
      attributes: { rows, count: N, columns: size(random, 70) },
      tolerance: EXACT,
      data: { index: distinct(rows) },
    };
  },
  slice_columns: (random, { N }) => {
    const from = size(random, 90);
    const offset = random.below(from);
    const width = 1 + random.below(from - offset);
    return { attributes: { rows: N, from, offset, width }, tolerance: EXACT };
  },
  sum: (random, { N }) => {
    const inputs = accesses(random, ["matrix", "scalars"]);
    return {
      attributes: {
        elements: N,
        inputs,
        of: smooth(random, inputs, 2).node,
        addend: yes(random),
      },
      tolerance: { kind: "element", relative: 1e-4, absolute: 1e-3 },
    };
  },
  take_tokens: (random, { N, most }) => {
    const columns = size(random, 90);
    return {
      attributes: {
        rows: N,
        slots: most,
        ring: 1 + random.below(5),
        capacity: 20,
        columns,
      },
      tolerance: EXACT,
      data: {
        chosen: below(columns),
        index: distinct(most),
        tokens: below(columns),
        places: below(20),
        ring: below(columns),
        seen: below(2 ** 31),
      },
    };
  },
  write_cache: (random, { N, most }) => {
    const [T, capacity, slots] = [1 + random.below(4), 9, most + 1];
    return {
      attributes: { B: N, T, slots, capacity, columns: size(random) },
      tolerance: EXACT,
      data: { lengths: below(capacity), index: distinct(slots) },
    };
  },
  write_row: (random) => ({
    attributes: { slots: size(random, 9), columns: size(random) },
    tolerance: EXACT,
    data: { index: below(99) },
  }),
};
