/**
 * Checks a plan before anything is compiled: every view is inside its buffer at capacity, and every call is as
 * the kernel's definition says. Every backend begins with it.
 * @module
 */
import { DeviceError } from "../../contracts/errors.ts";
import { checkCall } from "./check_call.ts";
import { elementsOf, type Extents, showShape } from "../dims.ts";
import { bytesOf } from "../dtype.ts";
import type { KernelCall, Plan, Segment } from "../plan.ts";
import { extentsAt, iterationsOf } from "./segments.ts";
import type { View } from "../view.ts";

/** A buffer as the device knows it. */
export interface BufferSize {
  /** As the host asked for. */
  readonly bytes: number;
  /** Its name in errors. */
  readonly label: string;
}

/**
 * Throws `DeviceError` that names the first call of the plan that cannot be right, and why. `panelRows`: those of the
 * panels that the device reads; absent: it reads none.
 */
export function validatePlan(
  plan: Plan,
  buffers: ReadonlyMap<number, BufferSize>,
  panelRows?: number,
): void {
  for (const segment of plan.segments) {
    for (const iteration of iterationsToCheck(plan, segment)) {
      const extents = extentsAt(segment, plan.capacities, iteration);
      for (const call of segment.calls) {
        namingCall(plan.name, call, () => {
          for (const view of [...call.inputs, ...call.outputs]) {
            checkBounds(view, { iteration, extents, buffers });
            checkPanels(view, panelRows);
          }
          checkCall(call, { iteration, extents, buffers });
        });
      }
    }
  }
}

/** Puts the plan's and the call's name in front of what is thrown within, as `DeviceError`. */
export function namingCall<T>(
  plan: string,
  { label, kernel }: Pick<KernelCall, "label" | "kernel">,
  body: () => T,
): T {
  try {
    return body();
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    throw new DeviceError(`${plan}: ${label} (${kernel}): ${message}`, {
      cause: error,
    });
  }
}

/** The first iteration, and the last two: the last chunk may be short, so the one before may reach further. */
function iterationsToCheck(plan: Plan, segment: Segment): Set<number> {
  const { repeat } = segment;
  if (
    repeat !== undefined &&
    !(Number.isInteger(repeat.chunk) && repeat.chunk > 0)
  ) {
    throw new DeviceError(
      `${plan.name}: a segment repeats in chunks of ${repeat.chunk}: not a size`,
    );
  }
  const count = iterationsOf(segment, plan.capacities);
  return new Set([0, count - 2, count - 1].filter((i) => i >= 0 && i < count));
}

function checkBounds(
  view: View,
  { iteration, extents, buffers }: {
    readonly iteration: number;
    readonly extents: Extents;
    readonly buffers: ReadonlyMap<number, BufferSize>;
  },
): void {
  const buffer = buffers.get(view.buffer);
  if (buffer === undefined) {
    throw new RangeError(`buffer ${view.buffer} is not allocated`);
  }
  if (!Number.isInteger(view.offset) || view.offset < 0) {
    throw new RangeError(`a view starts at element ${view.offset}`);
  }
  const start = view.offset + iteration * (view.advance ?? 0);
  const bytes = bytesOf(view.dtype);
  const end = (start + elementsOf(view.shape, extents)) * bytes;
  if (start >= 0 && end <= buffer.bytes) return;
  throw new RangeError(
    `a view ${
      showShape(view.shape)
    } at element ${start} ends at byte ${end} of buffer "${buffer.label}" of ${buffer.bytes} bytes`,
  );
}

function checkPanels(view: View, panelRows?: number): void {
  if (view.panelRows === undefined || view.panelRows === panelRows) return;
  throw new RangeError(
    `a view is in panels of ${view.panelRows} rows: the device reads ${
      panelRows === undefined ? "none" : `panels of ${panelRows}`
    }`,
  );
}
