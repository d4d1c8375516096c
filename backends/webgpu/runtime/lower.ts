/**
 * From a plan's calls to dispatches: no device is needed for it, so that shaders can be printed and compiled
 * elsewhere too.
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
  sizeOf,
  type View,
} from "@denotune/denotune/core";
import { kernels } from "../kernels/mod.ts";
import {
  type DispatchSpec,
  type Lower,
  type Lowering,
  SCRATCH,
} from "../shader/dispatch.ts";
import type { AdapterLimits } from "./adapter_limits.ts";
import type { Reach } from "./bindings.ts";

/** Scratch tensors of a call start at multiples of this many bytes. */
const SCRATCH_ALIGNMENT = 256;

/** What lowering knows of a buffer. */
export interface BufferSize {
  readonly label: string;
  readonly bytes: number;
}

/** How often a segment runs, and with which capacities. */
export interface Iterations {
  readonly iterations: number;
  /** Of every iteration but the last. */
  readonly capacities: Extents;
  readonly lastCapacities: Extents;
}

/** What lowering a call needs to know. */
export interface LowerContext extends Iterations {
  readonly limits: AdapterLimits;
  readonly buffers: ReadonlyMap<number, BufferSize>;
}

/** How often a segment of a plan runs: once, or once for each chunk, of which the last may be short. */
export function iterationsOf(plan: Plan, { repeat }: Segment): Iterations {
  const { capacities } = plan;
  if (repeat === undefined) {
    return { iterations: 1, capacities, lastCapacities: capacities };
  }
  if (!(repeat.chunk >= 1)) {
    throw new DeviceError(
      `${plan.name}: a segment repeats in chunks of ${repeat.chunk}`,
    );
  }
  const total = sizeOf(repeat.total, capacities);
  const iterations = Math.ceil(total / repeat.chunk);
  return {
    iterations,
    capacities: { ...capacities, [repeat.as]: repeat.chunk },
    lastCapacities: {
      ...capacities,
      [repeat.as]: total - (iterations - 1) * repeat.chunk,
    },
  };
}

/** The dispatches of a call, and the scratch memory that they share. Throws `DeviceError`. */
export function lowerCall(
  call: KernelCall,
  { limits, buffers, capacities, lastCapacities, iterations }: LowerContext,
): { specs: DispatchSpec[]; scratchBytes: number } {
  const lower = (kernels as Partial<typeof kernels>)[call.kernel] as
    | Lower<KernelName>
    | undefined; // only this lookup cannot express that names and attributes go together
  if (lower === undefined) {
    throw new DeviceError(`there is no kernel "${call.kernel}"`);
  }
  for (const view of [...call.inputs, ...call.outputs]) {
    checkView(view, {
      buffers,
      capacities,
      lastCapacities,
      iterations,
    });
  }
  const specs: DispatchSpec[] = [];
  let scratchBytes = 0;
  const lowering: Lowering<KernelName> = {
    attributes: call.attributes,
    inputs: call.inputs,
    outputs: call.outputs,
    limits,
    capacity: (dim) => sizeOf(dim, capacities),
    scratch(elements) {
      const offset = scratchBytes / 4;
      scratchBytes += Math.ceil(Math.max(elements, 1) * 4 / SCRATCH_ALIGNMENT) *
        SCRATCH_ALIGNMENT;
      return { buffer: SCRATCH, offset, shape: [elements], dtype: "f32" };
    },
    emit: (spec) => specs.push(spec),
    expect(what, view, elements, dtypes = ["f32"]) {
      if (view === undefined) throw new DeviceError(`${what} is not given`);
      if (!dtypes.includes(view.dtype)) {
        throw new DeviceError(
          `${what} is ${view.dtype}: must be ${dtypes.join(" or ")}`,
        );
      }
      const length = elementsOf(view.shape, capacities);
      const right = typeof elements === "number"
        ? length === elements
        : "atLeast" in elements
        ? length >= elements.atLeast
        : length % elements.multipleOf === 0;
      if (!right) {
        throw new DeviceError(
          `${what} has ${length} elements: must have ${
            typeof elements === "number"
              ? elements
              : "atLeast" in elements
              ? `at least ${elements.atLeast}`
              : `a multiple of ${elements.multipleOf}`
          }`,
        );
      }
      return view;
    },
  };
  lower(lowering);
  return { specs, scratchBytes };
}

function checkView(
  view: View,
  { buffers, capacities, lastCapacities, iterations }: Omit<
    LowerContext,
    "limits"
  >,
): void {
  const buffer = buffers.get(view.buffer);
  if (buffer === undefined) {
    throw new DeviceError(`buffer ${view.buffer} is not allocated`);
  }
  const { start } = reachOf(view, capacities, iterations);
  if (!Number.isInteger(view.offset) || view.offset < 0) {
    throw new DeviceError(`a view starts at element ${view.offset}`);
  }
  // Whole chunks, then the last, which may be short.
  const last = iterations - 1;
  const { end } = reachOf(view, capacities, Math.max(1, last));
  const lastEnd = last === 0
    ? end
    : reachOf(view, lastCapacities, iterations).end;
  const whole = { end: Math.max(end, lastEnd) };
  if (whole.end > buffer.bytes) {
    throw new DeviceError(
      `bytes ${start} to ${whole.end} do not lie within buffer "${buffer.label}" of ${buffer.bytes} bytes`,
    );
  }
}

/** Bytes of its buffer that a view reaches over all iterations. */
export function reachOf(
  view: View,
  capacities: Extents,
  iterations: number,
): Reach {
  const size = bytesOf(view.dtype);
  const length = elementsOf(view.shape, capacities);
  const last = (iterations - 1) * (view.advance ?? 0);
  return {
    start: view.offset * size,
    end: (view.offset + last + length) * size,
  };
}

/** Puts the plan's and the call's name in front of what is thrown within. */
export function named<T>(plan: Plan, call: KernelCall, body: () => T): T {
  try {
    return body();
  } catch (error) {
    throw namedError(plan, call, error);
  }
}

/** An error of a call, with the names of plan and call in front. */
export function namedError(
  plan: Plan,
  call: KernelCall,
  error: unknown,
): DeviceError {
  return new DeviceError(
    `${plan.name}: ${call.label} (${call.kernel}): ${
      error instanceof Error ? error.message : String(error)
    }`,
    { cause: error },
  );
}
