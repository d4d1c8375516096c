/**
 * Which ranges of which buffers a dispatch binds. WebGPU refuses one buffer bound to be read and bound to
 * be written in the same dispatch, whatever the ranges; so views of a buffer that is written are merged:
 *
 * ```text
 * buffer 7   |....[ input 0 ].......[ output ]....|     one binding, read_write
 * buffer 8   |[ input 1 ].........[ input 2 ].....|     two bindings, read
 * ```
 *
 * A range beyond the largest binding is bound in slices.
 * @module
 */
import { bytesOf, DeviceError, type DType } from "@denotune/denotune/device";
import type { DispatchSpec, TensorUse } from "../shader/dispatch.ts";
import {
  type BoundArray,
  type BoundType,
  TensorText,
} from "../shader/tensor.ts";
import { widenFunctions, widenNames } from "../shader/quantized.ts";
import type { AdapterLimits } from "./adapter_limits.ts";

/** A range of bytes of one buffer, as it is bound. */
export interface BoundRange {
  readonly buffer: number;
  readonly offset: number;
  readonly size: number;
  readonly writes: boolean;
}

/** Bindings of a dispatch. */
export interface BindingLayout {
  readonly ranges: readonly BoundRange[];
  readonly tensors: ReadonlyMap<string, TensorText>;
  /** WGSL of variables and of access to slices. */
  readonly declarations: string;
}

/** Bytes that a use reaches, over all iterations. */
export interface Reach {
  readonly start: number;
  readonly end: number;
}

interface Use {
  readonly use: TensorUse;
  readonly reach: Reach;
}

/** Lays out the bindings of a dispatch. `bytesOfBuffer` are the allocated sizes. Throws `DeviceError` for too many. */
export function layOutBindings(
  spec: DispatchSpec,
  options: {
    readonly limits: AdapterLimits;
    readonly reachOf: (use: TensorUse) => Reach;
    readonly bytesOfBuffer: (buffer: number) => number;
  },
): BindingLayout {
  const { limits } = options;
  const ranges: BoundRange[] = [];
  const tensors = new Map<string, TensorText>();
  const declarations: string[] = [];
  const widened: string[] = [];
  for (
    const group of groupsOf(
      withUniformWidths(spec.tensors, limits),
      options.reachOf,
    )
  ) {
    const buffer = group[0].use.view.buffer;
    const writes = group.some(({ use }) => use.writes === true);
    const align = Math.max(limits.bindingAlignment, 16);
    const start = Math.floor(
      Math.min(...group.map((g) => g.reach.start)) / align,
    ) * align;
    const end = Math.min(
      Math.ceil(Math.max(...group.map((g) => g.reach.end), start + 4) / 16) *
        16,
      options.bytesOfBuffer(buffer),
    );
    const type = commonType(group, { align, halves: limits.halves });
    const sliceBytes = Math.floor(limits.maxBindingBytes / align) * align;
    const slices = Math.max(1, Math.ceil((end - start) / sliceBytes));
    const array: BoundArray = {
      name: `data${ranges.length}`,
      type,
      sliceElements: slices === 1 ? null : sliceBytes / bytesOfBound(type),
    };
    declarations.push(
      declare(array, { first: ranges.length, slices, writes }),
    );
    for (let s = 0; s < slices; s++) {
      const offset = start + s * sliceBytes;
      ranges.push({
        buffer,
        offset,
        size: Math.min(sliceBytes, end - offset),
        writes,
      });
    }
    for (const { use } of group) {
      const { name, view } = use;
      const size = bytesOf(view.dtype);
      const place = view.offset - start / size;
      const plain = new TensorText(array, view.dtype, place, view.advance ?? 0);
      if (use.quantized === undefined) {
        tensors.set(name, plain);
        continue;
      }
      const { one, four } = widenNames(name);
      widened.push(
        widenFunctions(name, use.quantized, (i) => plain.word(plain.place(i))),
      );
      tensors.set(
        name,
        new TensorText(array, view.dtype, place, view.advance ?? 0, {
          one,
          four: use.wide === true && use.quantized.columns % 4 === 0
            ? four
            : null,
        }),
      );
    }
  }
  if (ranges.length > limits.maxBindings) {
    throw new DeviceError(
      `${spec.name} needs ${ranges.length} bindings, the adapter allows ${limits.maxBindings}: smaller tensors or a larger max_binding_mb would do`,
    );
  }
  return {
    ranges,
    tensors,
    declarations: [...declarations, ...widened].join("\n"),
  };
}

/** Without the wish for four at once where one of those that wish it together cannot have it. */
function withUniformWidths(
  uses: readonly TensorUse[],
  limits: AdapterLimits,
): TensorUse[] {
  const cannot = uses.some((use) =>
    use.wide === "together" && !canBeWide(use, limits.bindingAlignment) ||
    // merged with one that is not wide
    (use.wide === "together" && use.writes === true &&
      uses.some((other) =>
        other.view.buffer === use.view.buffer && other.wide !== "together"
      ))
  );
  return uses.map((use) =>
    use.wide === "together" ? { ...use, wide: !cannot } : use
  );
}

function canBeWide(
  { view: { offset, advance = 0, dtype } }: TensorUse,
  bindingAlignment: number,
): boolean {
  // Bindings start at multiples of the alignment, itself a multiple of 16 bytes.
  const step = Math.max(bindingAlignment, 16) / bytesOf(dtype);
  return dtype !== "i32" && (offset % step) % 4 === 0 && advance % 4 === 0;
}

/** Views of written buffers together; what is only read, each range on its own. */
function groupsOf(
  uses: readonly TensorUse[],
  reachOf: (use: TensorUse) => Reach,
): Use[][] {
  const written = new Set(
    uses.filter((u) => u.writes === true).map((u) => u.view.buffer),
  );
  const groups = new Map<string, Use[]>();
  for (const use of uses) {
    const { buffer, offset, advance = 0, dtype } = use.view;
    const key = written.has(buffer)
      ? `${buffer}`
      : `${buffer} ${offset} ${advance} ${dtype} ${use.wide === true}`;
    const reach = reachOf(use);
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [{ use, reach }]);
    else group.push({ use, reach });
  }
  return [...groups.values()];
}

/** What types depend on: where bindings may start, and whether shaders have f16. */
interface TypeContext {
  readonly align: number;
  readonly halves: boolean;
}

function commonType(group: readonly Use[], context: TypeContext): BoundType {
  const types = new Set(group.map(({ use }) => typeFor(use, context)));
  const [type] = types;
  if (types.size === 1) return type;
  const scalars = new Set(
    group.map(({ use }) => scalarType(use.view.dtype)),
  );
  const [scalar] = scalars;
  return scalars.size === 1 ? scalar : "u32";
}

function typeFor(use: TensorUse, { align, halves }: TypeContext): BoundType {
  const { dtype } = use.view;
  if (use.wide === true && canBeWide(use, align)) {
    if (dtype === "f16" && halves) return "vec4<f16>";
    return dtype === "f32" ? "vec4<f32>" : "vec2<u32>";
  }
  return scalarType(dtype);
}

function scalarType(dtype: DType): BoundType {
  return dtype === "f32" ? "f32" : dtype === "i32" ? "i32" : "u32";
}

function bytesOfBound(type: BoundType): number {
  return type === "vec4<f32>" ? 16 : type.startsWith("vec") ? 8 : 4;
}

function declare(
  { name, type, sliceElements }: BoundArray,
  { first, slices, writes }: { first: number; slices: number; writes: boolean },
): string {
  const variable = (binding: number, of: string) =>
    `@group(0) @binding(${binding}) var<storage, ${
      writes ? "read_write" : "read"
    }> ${of}: array<${type}>;`;
  if (sliceElements === null) return variable(first, name);
  const each = Array.from({ length: slices }, (_, s) => s);
  const branches = (statement: (s: number, at: string) => string) =>
    each.map((s) =>
      `  ${s === slices - 1 ? "" : `if (i < ${(s + 1) * sliceElements}u) `}{ ${
        statement(s, s === 0 ? "i" : `i - ${s * sliceElements}u`)
      } }`
    ).join("\n");
  // A last branch that returns is no return to WGSL, so the value goes through a variable.
  const get = `fn ${name}_get(i: u32) -> ${type} {
${
    each.slice(0, -1).map((s) =>
      `  if (i < ${(s + 1) * sliceElements}u) { return ${name}_${s}[${
        s === 0 ? "i" : `i - ${s * sliceElements}u`
      }]; }`
    ).join("\n")
  }
  return ${name}_${slices - 1}[i - ${(slices - 1) * sliceElements}u];
}`;
  const set = `fn ${name}_set(i: u32, value: ${type}) {
${branches((s, at) => `${name}_${s}[${at}] = value; return;`)}
}`;
  return [
    ...each.map((s) => variable(first + s, `${name}_${s}`)),
    get,
    ...(writes ? [set] : []),
  ].join("\n");
}
