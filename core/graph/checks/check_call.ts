/**
 * A check of one kernel call against the kernel's definition: kernels trust their operands, and this is why
 * they may.
 * @module
 */
import { elementsOf, type Extents, sizeOf } from "../dims.ts";
import { bytesOf } from "../dtype.ts";
import {
  definitionOf,
  type FreeSize,
  type KernelAttributes,
  type KernelName,
  type Operand,
  type Operands,
  operandsOf,
  type Size,
} from "../kernels/mod.ts";
import type { KernelCall } from "../plan.ts";
import type { View } from "../view.ts";

/** What sizes and places a call is checked with. */
export interface CheckOptions {
  /** The largest extents, or those of a run. */
  readonly extents: Extents;
  /** Which iteration of a repeated segment; 0 by default. */
  readonly iteration?: number;
  /** Names of buffers, for messages. */
  readonly buffers?: ReadonlyMap<number, { readonly label: string }>;
}

/** Throws `RangeError` that says what of the call is wrong; its name is added by the caller. */
export function checkCall(call: KernelCall, options: CheckOptions): void {
  const operands = operandsOf(call);
  const free = new Map<string, number>();
  checkViews("input", call.inputs, operands.inputs, { ...options, free });
  checkViews("output", call.outputs, operands.outputs, { ...options, free });
  checkRest(call);
  checkSharing(call, operands, options);
}

function checkRest<K extends KernelName>(
  call: Pick<KernelCall, "inputs" | "outputs"> & {
    readonly kernel: K;
    readonly attributes: KernelAttributes[K];
  },
): void {
  definitionOf(call.kernel).check?.(call.attributes, call);
}

function checkViews(
  what: string,
  views: readonly View[],
  operands: readonly Operand[],
  { extents, free }: CheckOptions & { readonly free: Map<string, number> },
): void {
  if (views.length !== operands.length) {
    throw new RangeError(
      `needs ${operands.length} ${what}s (${
        operands.map((o) => o.name).join(", ")
      }), found ${views.length}`,
    );
  }
  for (const [i, operand] of operands.entries()) {
    const { name, dtypes = ["f32"] } = operand;
    const { dtype, shape } = views[i];
    if (views[i].panelRows !== undefined && !readsPanels(operand, views[i])) {
      throw new RangeError(`${name} is stored in panels: not read so`);
    }
    if (!dtypes.includes(dtype)) {
      throw new RangeError(
        `${name} is ${dtype}: must be ${dtypes.join(" or ")}`,
      );
    }
    const length = elementsOf(shape, extents);
    const expected = expectedElements(operand, { extents, free, length });
    if (operand.atLeast ? length < expected : length !== expected) {
      throw new RangeError(
        `${name} has ${length} elements: must have ${
          operand.atLeast ? "at least " : ""
        }${expected}`,
      );
    }
  }
}

/** Whether an operand that is the whole of a matrix may be stored in panels. */
export function readsPanels(
  { panels }: Operand,
  { shape, dtype, advance = 0 }: View,
): boolean {
  if (panels === undefined || dtype !== "f32" || advance !== 0) return false;
  const [rows, columns] = shape;
  return shape.length === 2 && columns === panels.columns &&
    typeof rows === "number" && (panels.rows === "any" || panels.rows === rows);
}

/** Elements that an operand must have. A free size is what its first operand makes it. */
function expectedElements(
  { name, shape }: Operand,
  { extents, free, length }: {
    readonly extents: Extents;
    readonly free: Map<string, number>;
    readonly length: number;
  },
): number {
  let fixed = 1;
  let open: string | null = null;
  for (const size of shape) {
    if (isFree(size) && !free.has(size.free)) open = size.free;
    else fixed *= numberOf(size, extents, free);
  }
  if (open === null) return fixed;
  if (length % fixed !== 0) {
    throw new RangeError(
      `${name} has ${length} elements: must be a multiple of ${fixed}`,
    );
  }
  free.set(open, length / fixed);
  return length;
}

function isFree(size: Size): size is FreeSize {
  return typeof size === "object" && "free" in size;
}

function numberOf(
  size: Size,
  extents: Extents,
  free: ReadonlyMap<string, number>,
): number {
  if (isFree(size)) return free.get(size.free) ?? 0;
  if (typeof size === "object" && "oneMoreThan" in size) {
    return sizeOf(size.oneMoreThan, extents) + 1;
  }
  return sizeOf(size, extents);
}

/** Bytes of a buffer that a view covers. */
interface Span {
  readonly view: View;
  readonly from: number;
  readonly to: number;
}

function checkSharing(
  { inputs, outputs }: KernelCall,
  operands: Operands,
  { extents, iteration = 0, buffers }: CheckOptions,
): void {
  const nameOf = ({ buffer }: View): string =>
    `buffer "${buffers?.get(buffer)?.label ?? buffer}"`;
  const span = (view: View): Span => {
    const bytes = bytesOf(view.dtype);
    const start = view.offset + iteration * (view.advance ?? 0);
    const from = start * bytes;
    return { view, from, to: from + elementsOf(view.shape, extents) * bytes };
  };
  const read = inputs.map(span);
  const written = outputs.map(span);
  for (const [o, output] of operands.outputs.entries()) {
    for (const [i, input] of operands.inputs.entries()) {
      const same = samePlace(read[i], written[o]);
      if (output.mustShare === input.name && !same) {
        throw new RangeError(
          `${output.name} must be in the place of its input: it is written there`,
        );
      }
      const allowed = output.mustShare === input.name ||
        output.mayShare?.includes(input.name);
      if (meet(read[i], written[o]) && !(allowed && same)) {
        throw new RangeError(
          `${output.name} overlaps ${input.name} in ${
            nameOf(outputs[o])
          }: not allowed there`,
        );
      }
    }
    for (let other = 0; other < o; other++) {
      if (!meet(written[o], written[other])) continue;
      throw new RangeError(
        `outputs ${output.name} and ${operands.outputs[other].name} overlap`,
      );
    }
  }
}

function samePlace(a: Span, b: Span): boolean {
  return a.view.buffer === b.view.buffer && a.from === b.from &&
    a.view.dtype === b.view.dtype &&
    (a.view.advance ?? 0) === (b.view.advance ?? 0);
}

function meet(a: Span, b: Span): boolean {
  return a.view.buffer === b.view.buffer && a.from < a.to && b.from < b.to &&
    a.from < b.to && b.from < a.to;
}
