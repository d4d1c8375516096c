/**
 * What each kernel expects of its views: types, and numbers of elements at capacity.
 * @module
 */
import {
  type DType,
  type Expression,
  type Extents,
  type KernelAttributes,
  type KernelCall,
  quantizedWords,
  sizeOf,
} from "@denotune/denotune/core";
import { walk } from "./kernels/expressions.ts";
import { quantizedShape } from "./kernels/quantized.ts";

/** What a kernel expects of one view. */
export interface Expected {
  readonly name: string;
  readonly dtypes: readonly DType[];
  /** Least number of elements. */
  readonly elements: number;
}

const F32: readonly DType[] = ["f32"];
const I32: readonly DType[] = ["i32"];
const WORDS: readonly DType[] = ["f32", "i32"];
const STORED: readonly DType[] = ["f32", "bf16", "f16"];
const ANY: readonly DType[] = ["f32", "i32", "bf16", "f16"];

/** Refuses a call, and says why. */
export type Fail = (what: string) => never;

/** What a call expects of its inputs and outputs; calls `fail` where its attributes cannot be right. */
export function expectations(
  call: KernelCall,
  extents: Extents,
  fail: Fail,
): [Expected[], Expected[]] {
  const size = (d: Parameters<typeof sizeOf>[0]) => sizeOf(d, extents);
  const view = (name: string, elements: number, dtypes = F32): Expected => ({
    name,
    dtypes,
    elements,
  });
  switch (call.kernel) {
    case "matmul": {
      const a = call.attributes;
      const [batch, m, n, k] = [a.batch, a.m, a.n, a.k].map(size);
      const quantized = quantizedShape(a);
      if (quantized !== null && batch !== 1) {
        fail("b is quantised: it must be one matrix");
      }
      const inputs = [
        view("a", batch * m * k),
        quantized === null
          ? view("b", batch * n * k, STORED)
          : view("b", quantizedWords(quantized), I32),
      ];
      if (a.bias) inputs.push(view("bias", n));
      if (a.addend) inputs.push(view("addend", batch * m * n));
      return [inputs, [view("out", batch * m * n)]];
    }
    case "rows": {
      const { rows, columns, program } = call.attributes;
      const [r, c] = [size(rows), size(columns)];
      checkExpressions(
        call,
        program.stages.map((s) =>
          s.kind === "reduce" ? s.of : s.kind === "let" ? s.be : s.value
        ),
        fail,
      );
      return [
        accesses(program.inputs, r, c),
        program.outputs.map((o, i) =>
          view(`output ${i}`, o === "matrix" ? r * c : r)
        ),
      ];
    }
    case "column_sum": {
      const { rows, columns, inputs, of, addend } = call.attributes;
      checkExpressions(call, [of], fail);
      const all = accesses(inputs, size(rows), columns);
      if (addend) all.push(view("addend", columns));
      return [all, [view("out", columns)]];
    }
    case "sum": {
      const { elements, inputs, of, addend } = call.attributes;
      checkExpressions(call, [of], fail);
      if (inputs.some((a) => a !== "matrix" && a !== "scalars")) {
        fail("a sum reads matrix and scalars inputs only");
      }
      const all = accesses(inputs, 1, size(elements));
      if (addend) all.push(view("addend", 1));
      return [all, [view("out", 1)]];
    }
    case "group_sum": {
      const { rows, count } = call.attributes;
      return [
        [
          view("values", size(rows)),
          view("groups", size(rows), I32),
          view("addend", count),
        ],
        [view("out", count)],
      ];
    }
    case "gather_rows": {
      const { rows, columns } = call.attributes;
      return [
        [view("table", columns, STORED), view("index", size(rows), I32)],
        [view("out", size(rows) * columns)],
      ];
    }
    case "scatter_rows": {
      const { rows, count, columns } = call.attributes;
      return [
        [
          view("values", size(count) * columns),
          view("index", size(count), I32),
        ],
        [view("out", size(rows) * columns)],
      ];
    }
    case "scatter_add": {
      const { unique, columns } = call.attributes;
      return [
        [
          view("values", columns),
          view("order", 1, I32),
          view("ids", size(unique), I32),
          view("starts", size(unique) + 1, I32),
          view("addend", columns),
        ],
        [view("out", columns)],
      ];
    }
    case "rope": {
      const { rows, heads, headDim, rotary } = call.attributes;
      if (rotary > headDim || rotary % 2 !== 0) {
        fail(`rotary is ${rotary}: it must be even, at most ${headDim}`);
      }
      const elements = size(rows) * heads * headDim;
      return [
        [
          view("x", elements),
          view("positions", size(rows), I32),
          view("table", rotary),
        ],
        [view("out", elements)],
      ];
    }
    case "attention":
    case "attention_backward":
    case "attention_cached":
      return attentionExpectations(call, size, fail);
    case "write_cache": {
      const { B, T, slots, capacity, columns } = call.attributes;
      const cache = view("cache", slots * capacity * columns);
      return [[
        cache,
        view("new", size(B) * size(T) * columns),
        view("lengths", size(B), I32),
        view("index", size(B), I32),
      ], [cache]];
    }
    case "sample": {
      const { rows, columns, slots } = call.attributes;
      return [
        [
          view("logits", size(rows) * columns),
          view("options", 4),
          view("keys", size(rows), I32),
          view("places", size(rows), I32),
          view("index", size(rows), I32),
          view("seen", slots * Math.ceil(columns / 32), I32),
        ],
        [view("out", size(rows), I32)],
      ];
    }
    case "take_tokens": {
      const { rows, slots, ring, columns } = call.attributes;
      const state = [
        view("tokens", size(rows), I32),
        view("places", size(rows), I32),
        view("ring", ring * slots, I32),
        view("seen", slots * Math.ceil(columns / 32), I32),
      ];
      return [
        [
          view("chosen", size(rows), I32),
          view("index", size(rows), I32),
          ...state,
        ],
        state,
      ];
    }
    case "slice_columns": {
      const { rows, from, offset, width } = call.attributes;
      if (offset < 0 || offset + width > from) {
        fail(`columns ${offset} .. ${offset + width} of ${from}`);
      }
      return [[view("x", size(rows) * from, WORDS)], [
        view("out", size(rows) * width, WORDS),
      ]];
    }
    case "concat_columns": {
      const { rows, widths } = call.attributes;
      const total = widths.reduce((a, b) => a + b, 0);
      return [
        widths.map((w, i) => view(`x_${i}`, size(rows) * w, WORDS)),
        [view("out", size(rows) * total, WORDS)],
      ];
    }
    case "write_row": {
      const { slots, columns } = call.attributes;
      const ring = view("ring", slots * columns, WORDS);
      return [[ring, view("row", columns, WORDS), view("index", 1, I32)], [
        ring,
      ]];
    }
    case "copy": {
      const { quantized } = call.attributes;
      if (quantized !== undefined) {
        return [
          [view("x", quantizedWords(quantized), I32)],
          [view("out", quantized.rows * quantized.columns)],
        ];
      }
      const elements = size(call.attributes.elements);
      const [from, to] = [call.inputs[0]?.dtype, call.outputs[0]?.dtype];
      if (from !== to && (from === "i32" || to === "i32")) {
        fail(`a copy from ${from} to ${to} is not defined`);
      }
      return [[view("x", elements, ANY)], [view("out", elements, ANY)]];
    }
    case "fill":
      return [[], [view("out", size(call.attributes.elements), ANY)]];
    case "argmax": {
      const { rows, columns } = call.attributes;
      return [[view("x", size(rows) * columns)], [
        view("out", size(rows), I32),
      ]];
    }
    default: {
      const { kernel }: { kernel: string } = call;
      return fail(`the cpu backend has no kernel ${kernel}`);
    }
  }
}

function accesses(
  list: KernelAttributes["sum"]["inputs"],
  rows: number,
  columns: number,
): Expected[] {
  const elements = {
    matrix: rows * columns,
    row: columns,
    column: rows,
    scalars: 1,
  };
  return list.map((access, i) => ({
    name: `input ${i} (${access})`,
    dtypes: WORDS,
    elements: elements[access],
  }));
}

function checkExpressions(
  call: KernelCall,
  expressions: readonly Expression[],
  fail: Fail,
): void {
  for (const expression of expressions) {
    for (const e of walk(expression)) {
      if (e.kind !== "input" && e.kind !== "random") continue;
      const view = call.inputs[e.input];
      if (view === undefined) {
        return fail(
          `an expression reads input ${e.input} of ${call.inputs.length}`,
        );
      }
      if (e.kind === "random" && view.dtype !== "i32") {
        fail(`the key of random numbers is ${view.dtype}, expected i32`);
      }
    }
  }
}

type AttentionCall = Extract<KernelCall, { kernel: `attention${string}` }>;

function attentionExpectations(
  call: AttentionCall,
  size: (d: Parameters<typeof sizeOf>[0]) => number,
  fail: Fail,
): [Expected[], Expected[]] {
  const { B, T, heads, kvHeads, headDim } = call.attributes;
  const view = (name: string, elements: number, dtypes = F32): Expected => ({
    name,
    dtypes,
    elements,
  });
  if (heads % kvHeads !== 0) {
    fail(`${heads} heads cannot share ${kvHeads} key/value heads evenly`);
  }
  const rows = size(B) * size(T);
  const query = rows * heads * headDim, key = rows * kvHeads * headDim;
  const lse = view("lse", rows * heads);
  if (call.kernel === "attention_cached") {
    const { slots, capacity } = call.attributes;
    const cached = slots * capacity * kvHeads * headDim;
    return [
      [
        view("q", query),
        view("kCache", cached),
        view("vCache", cached),
        view("lengths", size(B), I32),
        view("index", size(B), I32),
      ],
      [view("out", query)],
    ];
  }
  const inputs = [
    view("q", query),
    view("k", key),
    view("v", key),
    view("segments", rows, I32),
  ];
  if (call.kernel === "attention") return [inputs, [view("out", query), lse]];
  return [
    [...inputs, view("out", query), lse, view("dOut", query)],
    [view("dQ", query), view("dK", key), view("dV", key)],
  ];
}
