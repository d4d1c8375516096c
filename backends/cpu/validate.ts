/**
 * Checks a plan before anything is compiled: every view is inside its buffer at capacity, has the type that
 * its kernel reads and enough elements. Kernels trust their arguments; this is why they may.
 * @module
 */
import {
  bytesOf,
  DeviceError,
  elementsOf,
  type Extents,
  type KernelCall,
  type KernelName,
  type Plan,
  type Segment,
  showShape,
  sizeOf,
  type View,
} from "@denotune/denotune/core";
import { expectations, type Expected, type Fail } from "./expectations.ts";
import { chunkExtents, iterationsOf } from "./runtime/compile.ts";

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
      checkInPlace(call, fail);
    }
  }
}

interface CheckContext {
  readonly side: string;
  readonly extents: Extents;
  readonly fail: Fail;
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
    fail: Fail;
  },
): void {
  const { segment, plan, buffers, fail } = context;
  const buffer = buffers.get(view.buffer);
  if (buffer === undefined) {
    return fail(`buffer ${view.buffer} is not allocated`);
  }
  if (!Number.isInteger(view.offset) || view.offset < 0) {
    fail(`offset ${view.offset} of a view is not an index`);
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

/** Outputs that must share the memory of an input. */
function checkInPlace(call: KernelCall, fail: (what: string) => never): void {
  /** Kernel, and the input whose memory each output shares. */
  const pairs: Partial<Record<KernelName, readonly number[]>> = {
    scatter_add: [4],
    write_cache: [0],
    write_row: [0],
    take_tokens: [2, 3, 4, 5],
  };
  pairs[call.kernel]?.forEach((input, output) => {
    const [a, b] = [call.inputs[input], call.outputs[output]];
    if (
      a.buffer !== b.buffer || a.offset !== b.offset ||
      (a.advance ?? 0) !== (b.advance ?? 0)
    ) {
      fail(
        `output ${output} must share the memory of input ${input}: it is written in place`,
      );
    }
  });
}
