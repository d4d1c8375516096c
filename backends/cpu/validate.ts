/**
 * Checks a plan before anything is compiled: every view lies inside its buffer at capacity, has the type that
 * its kernel reads and enough elements. Kernels trust their arguments; this is why they may.
 * @module
 */
import {
  bytesOf,
  DeviceError,
  type DType,
  elementsOf,
  type Expression,
  type Extents,
  type KernelAttributes,
  type KernelCall,
  type KernelName,
  type Plan,
  type Segment,
  showShape,
  sizeOf,
  type View,
} from "@denotune/denotune/core";
import { walk } from "./kernels/expressions.ts";
import { chunkExtents, iterationsOf } from "./runtime/compile.ts";

/** What a kernel expects of one view. */
interface Expected {
  readonly name: string;
  readonly dtypes: readonly DType[];
  /** Least number of elements. */
  readonly elements: number;
}

/** A buffer as the device knows it. */
export interface BufferSize {
  readonly bytes: number;
  readonly label: string;
}

/** Throws `DeviceError` naming the first call of the plan that cannot be right, and why. */
export function validatePlan(
  plan: Plan,
  buffers: ReadonlyMap<number, BufferSize>,
): void {
  for (const segment of plan.segments) {
    const { repeat } = segment;
    if (
      repeat !== undefined &&
      !(Number.isInteger(repeat.chunk) && repeat.chunk > 0)
    ) {
      throw new DeviceError(
        `Program ${plan.name} repeats a segment in chunks of ${repeat.chunk}: not a size`,
      );
    }
    const extents = chunkExtents(segment, plan.capacities);
    for (const call of segment.calls) {
      const fail = (what: string): never => {
        throw new DeviceError(
          `Cannot compile ${call.kernel} (${call.label}) of program ${plan.name}: ${what}`,
        );
      };
      const [inputs, outputs] = expectations(call, extents, fail);
      checkViews(call.inputs, inputs, { side: "inputs", extents, fail });
      checkViews(call.outputs, outputs, { side: "outputs", extents, fail });
      for (const view of [...call.inputs, ...call.outputs]) {
        checkBounds(view, { segment, plan, buffers, fail });
      }
      checkPlaces(call, fail);
    }
  }
}

interface CheckContext {
  readonly side: string;
  readonly extents: Extents;
  readonly fail: (what: string) => never;
}

function checkViews(
  views: readonly View[],
  expected: readonly Expected[],
  context: CheckContext,
): void {
  const { side, extents, fail } = context;
  if (views.length !== expected.length) {
    fail(
      `it has ${views.length} ${side}, expected ${expected.length} (${
        expected.map((e) => e.name).join(", ")
      })`,
    );
  }
  for (const [i, view] of views.entries()) {
    const { name, dtypes, elements } = expected[i];
    if (!dtypes.includes(view.dtype)) {
      fail(`${name} is ${view.dtype}, expected ${dtypes.join(" or ")}`);
    }
    const found = elementsOf(view.shape, extents);
    if (found < elements) {
      fail(
        `${name} ${
          showShape(view.shape)
        } has ${found} elements at capacity, expected ${elements}`,
      );
    }
  }
}

function checkBounds(
  view: View,
  context: {
    segment: Segment;
    plan: Plan;
    buffers: ReadonlyMap<number, BufferSize>;
    fail: (what: string) => never;
  },
): void {
  const { segment, plan, buffers, fail } = context;
  const buffer = buffers.get(view.buffer);
  if (buffer === undefined) {
    return fail(`buffer ${view.buffer} is not allocated`);
  }
  if (!Number.isInteger(view.offset) || view.offset < 0) {
    fail(`offset ${view.offset} of a view is not a place`);
  }
  const { repeat } = segment;
  const advance = view.advance ?? 0;
  const iterations = iterationsOf(segment, plan.capacities);
  const endAt = (iteration: number): number => {
    if (iteration < 0) return 0;
    const left = repeat === undefined
      ? 0
      : sizeOf(repeat.total, plan.capacities) - iteration * repeat.chunk;
    const extents = repeat === undefined
      ? plan.capacities
      : { ...plan.capacities, [repeat.as]: Math.min(repeat.chunk, left) };
    return view.offset + iteration * advance + elementsOf(view.shape, extents);
  };
  const end = Math.max(endAt(iterations - 1), endAt(iterations - 2)) *
    bytesOf(view.dtype);
  if (end > buffer.bytes) {
    fail(
      `a view ${
        showShape(view.shape)
      } at element ${view.offset} ends at byte ${end} of buffer ` +
        `"${buffer.label}" of ${buffer.bytes} bytes`,
    );
  }
}

/** Outputs that must share the place of an input. */
function checkPlaces(call: KernelCall, fail: (what: string) => never): void {
  const pairs: Partial<Record<KernelName, number>> = {
    scatter_add: 4,
    write_cache: 0,
    write_row: 0,
  };
  const input = pairs[call.kernel];
  if (input === undefined) return;
  const [a, b] = [call.inputs[input], call.outputs[0]];
  if (
    a.buffer !== b.buffer || a.offset !== b.offset ||
    (a.advance ?? 0) !== (b.advance ?? 0)
  ) {
    fail(
      `the output must lie where input ${input} lies: it is written in place`,
    );
  }
}

const F32: readonly DType[] = ["f32"];
const I32: readonly DType[] = ["i32"];
const WORDS: readonly DType[] = ["f32", "i32"];
const STORED: readonly DType[] = ["f32", "bf16", "f16"];
const ANY: readonly DType[] = ["f32", "i32", "bf16", "f16"];

type Fail = (what: string) => never;

function expectations(
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
      const inputs = [
        view("a", batch * m * k),
        view("b", batch * n * k, STORED),
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
      const { B, T, capacity, columns } = call.attributes;
      const cache = view("cache", size(B) * capacity * columns);
      return [[
        cache,
        view("new", size(B) * size(T) * columns),
        view("lengths", size(B), I32),
      ], [cache]];
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
    const cached = size(B) * call.attributes.capacity * kvHeads * headDim;
    return [
      [
        view("q", query),
        view("kCache", cached),
        view("vCache", cached),
        view("lengths", size(B), I32),
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
