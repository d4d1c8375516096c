/**
 * From a plan's calls to dispatches: no device is needed for it, so that shaders can be printed and compiled
 * elsewhere too.
 * @module
 */
import {
  bytesOf,
  DeviceError,
  type Dim,
  elementsOf,
  type Extents,
  type KernelCall,
  type KernelName,
  type Operand,
  operandsOf,
  operationsOf,
  type Plan,
  type Segment,
  sizeOf,
  type View,
} from "@denotune/denotune/device";
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

/** How often a segment runs, and with which capacities. */
export interface Iterations {
  readonly iterations: number;
  /** Of every iteration; the last may have less. */
  readonly capacities: Extents;
}

/** The inputs of lowering a call. */
export interface LowerContext extends Pick<Iterations, "capacities"> {
  readonly limits: AdapterLimits;
}

/** How often a segment of a plan runs: once, or once for each chunk, of which the last may be short. */
export function iterationsOf(plan: Plan, { repeat }: Segment): Iterations {
  const { capacities } = plan;
  if (repeat === undefined) {
    return { iterations: 1, capacities };
  }
  return {
    iterations: Math.ceil(sizeOf(repeat.total, capacities) / repeat.chunk),
    capacities: { ...capacities, [repeat.as]: repeat.chunk },
  };
}

/** The dispatches of a call, and the scratch memory that they share. Throws `DeviceError`. */
export function lowerCall(
  call: KernelCall,
  { limits, capacities }: LowerContext,
): { specs: DispatchSpec[]; scratchBytes: number } {
  const lower = (kernels as Partial<typeof kernels>)[call.kernel] as
    | Lower<KernelName>
    | undefined; // only this lookup cannot express that names and attributes go together
  if (lower === undefined) {
    throw new DeviceError(`there is no kernel "${call.kernel}"`);
  }
  const operands = operandsOf(call);
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
    input: (name) => operandNamed(operands.inputs, call.inputs, name),
    output: (name) => operandNamed(operands.outputs, call.outputs, name),
  };
  lower(lowering);
  // the work of a kernel that is one dispatch is what its definition says
  const work = (size: (dim: Dim) => number) => operationsOf(call, size);
  return {
    specs: specs.length === 1 ? [{ cost: work, ...specs[0] }] : specs,
    scratchBytes,
  };
}

function operandNamed(
  operands: readonly Operand[],
  views: readonly View[],
  name: string,
): View {
  const view = views[operands.findIndex((operand) => operand.name === name)];
  if (view === undefined) throw new DeviceError(`there is no operand ${name}`);
  return view;
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

/** Prefixes errors thrown within with the plan's and the call's name. */
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
