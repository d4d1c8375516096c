/**
 * Calls to look at: one of each kernel, with sizes of a small model, over tensors that no device has. For what
 * prints the code that a backend makes of a call.
 * @module
 */
import { ConfigError } from "../contracts/errors.ts";
import type { Json } from "../contracts/json.ts";
import type { Dim } from "./dims.ts";
import { define, input, reduce, value, write } from "./expression.ts";
import {
  type KernelAttributes,
  kernelDefinitions,
  type KernelName,
  type Operand,
  operandsOf,
  type Size,
} from "./kernels/mod.ts";
import type { KernelCall, Plan } from "./plan.ts";
import type { View } from "./view.ts";

/** Sizes of an example, as a model of 576 columns and nine heads has them. */
const EXAMPLES: { readonly [K in KernelName]: KernelAttributes[K] } = {
  argmax: { rows: 4, columns: 49152 },
  attention: attentionOf(256),
  attention_backward: attentionOf(256),
  attention_cached: { ...attentionOf(1), slots: 4, capacity: 1024 },
  column_sum: {
    rows: 512,
    columns: 576,
    inputs: ["matrix"],
    of: input(0).node,
    addend: true,
  },
  concat_columns: { rows: 512, widths: [576, 192, 192] },
  convolution: { B: 2, T: 256, columns: 576, taps: 4, reverse: false },
  convolution_cached: { B: 4, T: 1, slots: 4, columns: 576, taps: 4 },
  copy: { elements: 512 * 576 },
  fill: { elements: 512 * 576, value: 0 },
  gather_rows: { rows: 512, columns: 576 },
  group_sum: { rows: 512, count: 4 },
  matmul: {
    layout: "NT",
    batch: 1,
    m: 512,
    n: 1536,
    k: 576,
    alpha: 1,
    bias: false,
    addend: false,
  },
  recurrence: {
    B: 2,
    T: 256,
    heads: 9,
    keyDim: 64,
    valueDim: 64,
    reverse: false,
  },
  recurrence_cached: {
    B: 4,
    T: 1,
    slots: 4,
    heads: 9,
    keyDim: 64,
    valueDim: 64,
  },
  rope: { rows: 512, heads: 9, headDim: 64, rotary: 64, inverse: false },
  // root mean square: out = x / sqrt(mean of x^2 + 1e-5) * weight
  rows: {
    rows: 512,
    columns: 576,
    program: {
      inputs: ["matrix", "row"],
      stages: [
        reduce("sum", "squares", input(0).mul(input(0))),
        define("scale", value("squares").div(576).add(1e-5).sqrt()),
        write(0, input(0).div(value("scale")).mul(input(1))),
      ],
      outputs: ["matrix"],
    },
  },
  sample: { rows: 4, columns: 49152, slots: 4 },
  scatter_add: { unique: 256, columns: 576 },
  scatter_rows: { rows: 512, count: 256, columns: 576 },
  slice_columns: { rows: 512, from: 960, offset: 576, width: 192 },
  sum: {
    elements: 512 * 576,
    inputs: ["matrix"],
    of: input(0).mul(input(0)).node,
    addend: false,
  },
  take_tokens: { rows: 4, slots: 4, ring: 16, capacity: 1024, columns: 49152 },
  write_cache: { B: 4, T: 1, slots: 4, capacity: 1024, columns: 192 },
  write_row: { slots: 16, columns: 8 },
};

/** Attributes that an example leaves out. */
const OPTIONAL: Partial<Record<KernelName, Readonly<Record<string, Json>>>> = {
  matmul: { quantized: "nf4", exact: true, factors: "bf16" },
  copy: { quantized: {} },
  gather_rows: { quantized: {} },
};

function attentionOf(T: number): KernelAttributes["attention"] {
  return {
    B: 2,
    T,
    heads: 9,
    kvHeads: 3,
    headDim: 64,
    causal: true,
    scale: 0.125,
    window: null,
    softcap: null,
  };
}

/** What free sizes are taken to be. */
const FREE = 1024;

/** Names of the kernels. */
export const kernelNames: readonly string[] = Object.keys(EXAMPLES);

/**
 * A plan of one call of a kernel: its example, with other attributes where `change` has them. Throws `ConfigError`
 * for a kernel or an attribute that there is not, and for attributes that make no sense.
 */
export function examplePlan(
  name: string,
  change: Readonly<Record<string, Json>> = {},
): Plan {
  if (!isKernel(name)) {
    throw new ConfigError(
      `There is no kernel "${name}": there are ${kernelNames.join(", ")}`,
    );
  }
  return {
    name,
    capacities: {},
    segments: [{ calls: [callOf(name, change)] }],
  };
}

function isKernel(name: string): name is KernelName {
  return name in kernelDefinitions;
}

function callOf<K extends KernelName>(
  kernel: K,
  change: Readonly<Record<string, Json>>,
): KernelCall {
  const example = EXAMPLES[kernel];
  const attributes = { ...example, ...change };
  if (!isLike(example, attributes, OPTIONAL[kernel])) {
    throw new ConfigError(
      `${kernel} has other attributes than ${
        JSON.stringify(change)
      }: its example's are ${JSON.stringify(example)}`,
    );
  }
  let operands;
  try {
    operands = operandsOf({ kernel, attributes });
  } catch (error) {
    throw new ConfigError(
      `${kernel}: ${error instanceof Error ? error.message : String(error)}`,
      { cause: error },
    );
  }
  const views = new Map<string, View>();
  const viewOf = (operand: Operand): View => {
    const view: View = {
      buffer: views.size,
      offset: 0,
      shape: operand.shape.map(sizeOf),
      dtype: operand.dtypes?.[0] ?? "f32",
    };
    views.set(operand.name, view);
    return view;
  };
  const inputs = operands.inputs.map(viewOf);
  const outputs = operands.outputs.map((operand) =>
    views.get(operand.mustShare ?? "") ?? viewOf(operand)
  );
  // only here it is not seen that name and attributes go together
  return { kernel, attributes, inputs, outputs, label: kernel } as KernelCall;
}

function sizeOf(size: Size): Dim {
  if (typeof size === "number" || "names" in size) return size;
  if ("free" in size) return FREE;
  const { oneMoreThan } = size;
  return typeof oneMoreThan === "number" ? oneMoreThan + 1 : oneMoreThan;
}

/** Whether changed attributes are of the example's kind: no others, and of the same types (null: a number or null). */
function isLike<A extends object>(
  example: A,
  changed: object,
  optional: Readonly<Record<string, Json>> = {},
): changed is A {
  const kinds = new Map(Object.entries({ ...optional, ...example }));
  return Object.entries(changed).every(([name, value]) => {
    const like = kinds.get(name);
    if (like === undefined) return false;
    const kindOf = (of: unknown) =>
      of === null ? "number" : Array.isArray(of) ? "list" : typeof of;
    return kindOf(value) === kindOf(like);
  });
}
