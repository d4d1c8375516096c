/**
 * Runs single kernels of the reference on tensors given as lists.
 * @module
 */
import assert from "node:assert/strict";
import { Store } from "../../../backends/reference/store.ts";
import { Tensor } from "../../../backends/reference/tensor.ts";
import { callsOf } from "../../../backends/reference/program.ts";
import { bytesOf, type DType } from "../../../core/graph/dtype.ts";
import type {
  KernelAttributes,
  KernelCall,
  KernelName,
  View,
} from "../../../core/graph/plan.ts";

/** A tensor: f32 numbers, or numbers of another type. An output is given by its length. */
export type Given = readonly number[] | Float64Array | {
  readonly dtype: DType;
  readonly of: readonly number[];
};

/** Outputs of one call as doubles, not rounded. `outputs` are lengths, or `{input: n}` for in place. */
export function runKernel<K extends KernelName>(
  kernel: K,
  attributes: KernelAttributes[K],
  { inputs, outputs }: {
    inputs: readonly Given[];
    outputs:
      readonly (number | { readonly length: number; readonly dtype: DType } | {
        readonly input: number;
      })[];
  },
): Float64Array[] {
  const buffers = new Map<number, Store>();
  const make = (
    length: number,
    dtype: DType,
    values?: ArrayLike<number>,
  ): View => {
    const buffer = buffers.size + 1;
    const store = new Store(`tensor ${buffer}`, length * bytesOf(dtype));
    buffers.set(buffer, store);
    if (values !== undefined) {
      new Tensor(store, dtype, 0, length).save(Float64Array.from(values));
    }
    return { buffer, offset: 0, shape: [length], dtype };
  };
  const inputViews = inputs.map((given) => {
    if ("dtype" in given) return make(given.of.length, given.dtype, given.of);
    return make(given.length, "f32", given);
  });
  const outputViews = outputs.map((output) => {
    if (typeof output === "number") return make(output, "f32");
    return "input" in output
      ? inputViews[output.input]
      : make(output.length, output.dtype);
  });
  const call = {
    kernel,
    attributes,
    inputs: inputViews,
    outputs: outputViews,
    label: "test",
  } as KernelCall;
  for (
    const ready of callsOf(
      { name: "plan", segments: [{ calls: [call] }], capacities: {} },
      {},
      buffers,
    )
  ) ready.run();
  return outputViews.map(({ buffer, dtype, shape }) => {
    const store = buffers.get(buffer);
    assert.ok(store !== undefined);
    return store.load(dtype, 0, Number(shape[0]));
  });
}

/** Asserts closeness; golden numbers are written with ten decimals. */
export function assertNear(
  found: ArrayLike<number>,
  expected: ArrayLike<number>,
  tolerance = 1e-9,
): void {
  assert.equal(found.length, expected.length);
  for (let i = 0; i < found.length; i++) {
    assert.ok(
      Math.abs(found[i] - expected[i]) <= tolerance,
      `[${i}]: found ${found[i]}, expected ${expected[i]}; all: ${
        Array.from(found).join(", ")
      }`,
    );
  }
}
