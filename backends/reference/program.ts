/**
 * Walks the segments of a plan: repeats, extents, views. Every call was checked at capacity when the plan was
 * compiled; it is checked again with the extents of the run.
 * @module
 */
import {
  checkCall,
  DeviceError,
  elementsOf,
  type Extents,
  type KernelCall,
  type KernelName,
  namingCall,
  type Plan,
  sizeOf,
  type View,
} from "@denotune/denotune/device";
import type { Kernel } from "./kernel.ts";
import { kernels } from "./kernels/mod.ts";
import type { Store } from "./store.ts";
import { Tensor } from "./tensor.ts";

/** A call with everything filled in: `run` computes it. */
export interface ReadyCall {
  readonly kernel: KernelName;
  readonly label: string;
  run(): void;
}

/** The calls of a plan in order, each checked as it comes. Throws `DeviceError` that names plan and call. */
export function* callsOf(
  plan: Plan,
  extents: Extents,
  buffers: ReadonlyMap<number, Store>,
): Generator<ReadyCall> {
  for (const { calls, repeat } of plan.segments) {
    if (repeat === undefined) {
      for (const call of calls) {
        yield ready(plan, call, { extents, iteration: 0, buffers });
      }
      continue;
    }
    const total = sizeOf(repeat.total, extents);
    for (let i = 0; i * repeat.chunk < total; i++) {
      const here = {
        ...extents,
        [repeat.as]: Math.min(repeat.chunk, total - i * repeat.chunk),
      };
      for (const call of calls) {
        yield ready(plan, call, { extents: here, iteration: i, buffers });
      }
    }
  }
}

interface Context {
  readonly extents: Extents;
  readonly iteration: number;
  readonly buffers: ReadonlyMap<number, Store>;
}

function ready(plan: Plan, call: KernelCall, context: Context): ReadyCall {
  return namingCall(plan.name, call, () => {
    // The table's type pairs names with attributes, but TypeScript cannot express this pairing for a lookup.
    const kernel = kernels[call.kernel] as Kernel<KernelName> | undefined;
    if (kernel === undefined) {
      throw new DeviceError(`there is no kernel "${call.kernel}"`);
    }
    const size = (dim: Parameters<typeof sizeOf>[0]) =>
      sizeOf(dim, context.extents);
    const inputs = call.inputs.map((view) => tensorOf(view, context));
    const outputs = call.outputs.map((view) => tensorOf(view, context));
    checkCall(call, context);
    const run = () =>
      namingCall(
        plan.name,
        call,
        () => kernel.run(call.attributes, size, inputs, outputs),
      );
    return { kernel: call.kernel, label: call.label, run };
  });
}

function tensorOf(
  view: View,
  { extents, iteration, buffers }: Context,
): Tensor {
  const store = buffers.get(view.buffer);
  if (store === undefined) {
    throw new DeviceError(`buffer ${view.buffer} is not allocated`);
  }
  const start = view.offset + iteration * (view.advance ?? 0);
  const length = elementsOf(view.shape, extents);
  return new Tensor(store, view.dtype, start, length);
}
