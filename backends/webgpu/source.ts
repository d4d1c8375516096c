/**
 * The WGSL that a plan would be compiled to, made without a device.
 * @module
 */
import {
  type BufferSize,
  type Plan,
  validatePlan,
  type View,
} from "@denotune/denotune/device";
import type { AdapterLimits } from "./runtime/adapter_limits.ts";
import { layOutBindings } from "./runtime/bindings.ts";
import { iterationsOf, lowerCall, named, reachOf } from "./runtime/lower.ts";
import { sourceOf } from "./runtime/pipelines.ts";
import { SCRATCH } from "./shader/dispatch.ts";
import { SizeTable } from "./shader/sizes.ts";

/** One shader. */
export interface ShaderSource {
  /** Its name in profiles: `matmul NT 64x64x16 of 4x4`. */
  readonly name: string;
  readonly wgsl: string;
}

/** The shaders of a plan, in the order of its dispatches, on an adapter of these limits. Throws `DeviceError`. */
export function shadersOf(plan: Plan, limits: AdapterLimits): ShaderSource[] {
  const buffers = buffersOf(plan);
  validatePlan(plan, buffers);
  const sizes = new SizeTable();
  return plan.segments.flatMap((segment) => {
    const cut = iterationsOf(plan, segment);
    if (cut.iterations === 0) return [];
    return segment.calls.flatMap((call) =>
      named(plan, call, () => {
        const { specs, scratchBytes } = lowerCall(call, {
          capacities: cut.capacities,
          limits,
        });
        return specs.map((spec) => {
          const bindings = layOutBindings(spec, {
            limits,
            reachOf: ({ view }) =>
              reachOf(view, cut.capacities, cut.iterations),
            bytesOfBuffer: (id) =>
              id === SCRATCH ? scratchBytes : buffers.get(id)?.bytes ?? 0,
          });
          return { name: spec.name, wgsl: sourceOf(spec, bindings, sizes) };
        });
      })
    );
  });
}

/** The buffers that the views of a plan use, each as long as its views reach. */
function buffersOf(plan: Plan): Map<number, BufferSize> {
  const buffers = new Map<number, BufferSize>();
  for (const segment of plan.segments) {
    const { capacities, iterations } = iterationsOf(plan, segment);
    const views: readonly View[] = segment.calls.flatMap((call) => [
      ...call.inputs,
      ...call.outputs,
    ]);
    for (const view of views) {
      const { end } = reachOf(view, capacities, Math.max(1, iterations));
      const before = buffers.get(view.buffer)?.bytes ?? 16;
      buffers.set(view.buffer, {
        label: `buffer ${view.buffer}`,
        bytes: Math.max(before, Math.ceil(end / 16) * 16),
      });
    }
  }
  return buffers;
}
