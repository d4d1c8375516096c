/**
 * Turns a plan into dispatches that can be replayed: every pipeline and bind group is made here, none at a
 * run.
 * @module
 */
import {
  DeviceError,
  type Dim,
  type Extents,
  type KernelCall,
  type KernelName,
  type Plan,
  type Segment,
  sizeOf,
  validatePlan,
} from "@denotune/denotune/device";
import {
  type DispatchSpec,
  SCRATCH,
  type TensorUse,
} from "../shader/dispatch.ts";
import { SizeTable } from "../shader/sizes.ts";
import { layOutBindings } from "./bindings.ts";
import type { Gpu } from "./gpu.ts";
import {
  iterationsOf,
  lowerCall,
  named,
  namedError,
  reachOf,
} from "./lower.ts";
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

/** The parts of the device that compiling needs. */
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

/** Compiles a plan. Throws `DeviceError` that names plan and call. */
export async function compilePlan(
  plan: Plan,
  context: CompileContext,
): Promise<ReadyProgram> {
  validatePlan(plan, context.buffers);
  const sizes = new SizeTable();
  let scratchBytes = 0;
  const lowered = plan.segments.map((segment) => {
    const { iterations, capacities } = iterationsOf(plan, segment);
    const calls = iterations === 0
      ? []
      : segment.calls.map((call) =>
        named(plan, call, () => {
          const result = lowerCall(call, {
            capacities,
            limits: context.gpu.limits,
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

/** Sizes of dimensions under extents, for the grids of one iteration. */
export function sizesUnder(extents: Extents): (dim: Dim) => number {
  return (dim) => sizeOf(dim, extents);
}
