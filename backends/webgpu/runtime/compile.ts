/**
 * Turns a plan into dispatches that can be replayed: every pipeline and bind group is made here, none at a
 * run.
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
  type TensorUse,
} from "../shader/dispatch.ts";
import { SizeTable } from "../shader/sizes.ts";
import { layOutBindings, type Reach } from "./bindings.ts";
import type { Gpu } from "./gpu.ts";
import { type Pipelines, sourceOf } from "./pipelines.ts";

/** A buffer of the host. */
export interface HostBuffer {
  readonly gpu: GPUBuffer;
  readonly label: string;
  /** As the host asked for; the buffer itself may be a few bytes longer. */
  readonly bytes: number;
}

/** One dispatch, ready. */
export interface ReadyDispatch {
  readonly kernel: KernelName;
  readonly label: string;
  readonly name: string;
  readonly pipeline: GPUComputePipeline;
  readonly bindings: GPUBindGroup;
  readonly grid: DispatchSpec["grid"];
  readonly cost: DispatchSpec["cost"];
}

/** Dispatches that run in order, or once for each chunk. */
export interface ReadySegment {
  readonly dispatches: readonly ReadyDispatch[];
  readonly repeat: NonNullable<Segment["repeat"]> | null;
  /** Number of its first record of sizes. */
  readonly firstRecord: number;
  /** Most iterations. */
  readonly iterations: number;
}

/** A program. */
export interface ReadyProgram {
  readonly name: string;
  readonly capacities: Extents;
  readonly segments: readonly ReadySegment[];
  readonly sizes: SizeTable;
  readonly records: number;
  /** Bytes from record to record. */
  readonly recordBytes: number;
  readonly sizesBuffer: GPUBuffer;
  readonly sizesGroup: GPUBindGroup;
}

/** What compiling needs of the device. */
export interface CompileContext {
  readonly gpu: Gpu;
  readonly pipelines: Pipelines;
  readonly buffers: ReadonlyMap<number, HostBuffer>;
  /** Scratch memory of at least so many bytes. */
  scratch(bytes: number): Promise<GPUBuffer>;
}

interface LoweredCall {
  readonly call: KernelCall;
  readonly specs: readonly DispatchSpec[];
  readonly iterations: number;
  readonly capacities: Extents;
}

/** Scratch tensors of a call start at multiples of this many bytes. */
const SCRATCH_ALIGNMENT = 256;

/** Compiles a plan. Throws `DeviceError` that names plan and call. */
export async function compilePlan(
  plan: Plan,
  context: CompileContext,
): Promise<ReadyProgram> {
  const sizes = new SizeTable();
  let scratchBytes = 0;
  const lowered = plan.segments.map((segment) => {
    const { repeat } = segment;
    if (repeat !== undefined && !(repeat.chunk >= 1)) {
      throw new DeviceError(
        `${plan.name}: a segment repeats in chunks of ${repeat.chunk}`,
      );
    }
    const iterations = repeat === undefined
      ? 1
      : Math.ceil(sizeOf(repeat.total, plan.capacities) / repeat.chunk);
    const capacities = repeat === undefined
      ? plan.capacities
      : { ...plan.capacities, [repeat.as]: repeat.chunk };
    const lastCapacities = repeat === undefined ? plan.capacities : {
      ...plan.capacities,
      [repeat.as]: sizeOf(repeat.total, plan.capacities) -
        (iterations - 1) * repeat.chunk,
    };
    const calls = iterations === 0
      ? []
      : segment.calls.map((call) =>
        named(plan, call, () => {
          const result = lowerCall(call, {
            context,
            capacities,
            lastCapacities,
            iterations,
          });
          scratchBytes = Math.max(scratchBytes, result.scratchBytes);
          return { call, specs: result.specs, iterations, capacities };
        })
      );
    return { segment, calls, iterations };
  });
  const scratch = scratchBytes === 0
    ? null
    : await context.scratch(scratchBytes);
  const segments: ReadySegment[] = [];
  let records = 1;
  for (const { segment, calls, iterations } of lowered) {
    const dispatches: ReadyDispatch[] = [];
    for (const call of calls) {
      dispatches.push(
        ...await bindCall(plan, call, { context, scratch, sizes }),
      );
    }
    segments.push({
      dispatches,
      repeat: segment.repeat ?? null,
      firstRecord: segment.repeat === undefined ? 0 : records,
      iterations,
    });
    if (segment.repeat !== undefined) records += iterations;
  }
  const recordBytes = Math.ceil(sizes.length * 4 / 256) * 256;
  const sizesBuffer = await context.gpu.ownBuffer(
    `sizes of ${plan.name}`,
    records * recordBytes,
    GPUBufferUsage.UNIFORM | GPUBufferUsage.COPY_DST,
  );
  context.gpu.counters.bindGroups++;
  const sizesGroup = context.gpu.device.createBindGroup({
    layout: context.pipelines.sizesLayout,
    entries: [{
      binding: 0,
      resource: { buffer: sizesBuffer, size: recordBytes },
    }],
  });
  return {
    name: plan.name,
    capacities: plan.capacities,
    segments,
    sizes,
    records,
    recordBytes,
    sizesBuffer,
    sizesGroup,
  };
}

function lowerCall(
  call: KernelCall,
  { context, capacities, lastCapacities, iterations }: {
    context: CompileContext;
    capacities: Extents;
    lastCapacities: Extents;
    iterations: number;
  },
): { specs: DispatchSpec[]; scratchBytes: number } {
  const lower = (kernels as Partial<typeof kernels>)[call.kernel] as
    | Lower<KernelName>
    | undefined; // only this lookup cannot express that names and attributes go together
  if (lower === undefined) {
    throw new DeviceError(`there is no kernel "${call.kernel}"`);
  }
  for (const view of [...call.inputs, ...call.outputs]) {
    checkView(view, {
      buffers: context.buffers,
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
    limits: context.gpu.limits,
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
  { buffers, capacities, lastCapacities, iterations }: {
    buffers: ReadonlyMap<number, HostBuffer>;
    capacities: Extents;
    lastCapacities: Extents;
    iterations: number;
  },
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

function reachOf(view: View, capacities: Extents, iterations: number): Reach {
  const size = bytesOf(view.dtype);
  const length = elementsOf(view.shape, capacities);
  const last = (iterations - 1) * (view.advance ?? 0);
  return {
    start: view.offset * size,
    end: (view.offset + last + length) * size,
  };
}

async function bindCall(
  plan: Plan,
  { call, specs, iterations, capacities }: LoweredCall,
  { context, scratch, sizes }: {
    context: CompileContext;
    scratch: GPUBuffer | null;
    sizes: SizeTable;
  },
): Promise<ReadyDispatch[]> {
  const { gpu, pipelines, buffers } = context;
  const ready: ReadyDispatch[] = [];
  const bufferOf = (id: number): GPUBuffer => {
    const found = id === SCRATCH ? scratch : buffers.get(id)?.gpu;
    if (found === null || found === undefined) {
      throw new DeviceError(`buffer ${id} is not allocated`);
    }
    return found;
  };
  for (const spec of specs) {
    try {
      const bindings = layOutBindings(spec, {
        limits: gpu.limits,
        reachOf: ({ view }: TensorUse) => reachOf(view, capacities, iterations),
        bytesOfBuffer: (id) => bufferOf(id).size,
      });
      const source = sourceOf(spec, bindings, sizes);
      const { pipeline, layout } = await pipelines.get(
        source,
        bindings,
        spec.name,
      );
      gpu.counters.bindGroups++;
      const group = await gpu.guarded(
        `bind the tensors of ${spec.name}`,
        "",
        () =>
          gpu.device.createBindGroup({
            layout,
            entries: bindings.ranges.map((
              { buffer, offset, size },
              binding,
            ) => ({
              binding,
              resource: { buffer: bufferOf(buffer), offset, size },
            })),
          }),
      );
      ready.push({
        kernel: call.kernel,
        label: call.label,
        name: spec.name,
        pipeline,
        bindings: group,
        grid: spec.grid,
        cost: spec.cost,
      });
    } catch (error) {
      throw namedError(plan, call, error);
    }
  }
  return ready;
}

/** Puts the plan's and the call's name in front of what is thrown within. */
function named<T>(plan: Plan, call: KernelCall, body: () => T): T {
  try {
    return body();
  } catch (error) {
    throw namedError(plan, call, error);
  }
}

function namedError(plan: Plan, call: KernelCall, error: unknown): DeviceError {
  return new DeviceError(
    `${plan.name}: ${call.label} (${call.kernel}): ${
      error instanceof Error ? error.message : String(error)
    }`,
    { cause: error },
  );
}

/** Sizes of dimensions under extents, for the grids of one iteration. */
export function sizesUnder(extents: Extents): (dim: Dim) => number {
  return (dim) => sizeOf(dim, extents);
}
