/**
 * Pipelines by their source: equal calls of all programs share one.
 * @module
 */
import { DeviceError } from "@denotune/denotune/device";
import { libraryFor } from "../shader/library.ts";
import type { DispatchSpec, Scope } from "../shader/dispatch.ts";
import type { SizeTable } from "../shader/sizes.ts";
import type { BindingLayout } from "./bindings.ts";
import type { Gpu } from "./gpu.ts";

/** A pipeline and how its first group is bound. */
export interface ReadyPipeline {
  readonly pipeline: GPUComputePipeline;
  readonly layout: GPUBindGroupLayout;
}

/** The WGSL of a dispatch. */
export function sourceOf(
  spec: DispatchSpec,
  bindings: BindingLayout,
  sizes: SizeTable,
): string {
  const scope: Scope = {
    tensor(name) {
      const found = bindings.tensors.get(name);
      if (found === undefined) {
        throw new RangeError(`${spec.name} has no tensor ${name}`);
      }
      return found;
    },
    size: (dim) => sizes.text(dim),
  };
  const body = spec.body(scope);
  const declarations = spec.declarations?.(scope) ?? "";
  const [x, y, z] = spec.workgroup;
  const written = `${bindings.declarations}
${declarations}
@compute @workgroup_size(${x}, ${y}, ${z})
fn main(@builtin(workgroup_id) wg: vec3<u32>, @builtin(num_workgroups) grid: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
let group = wg.y * grid.x + wg.x;
let id = group * ${x * y * z}u + lane;
${body}
}`;
  const enable = /\bf16\b/.test(written) ? "enable f16;\n" : "";
  return `${enable}${sizesText(written)}${libraryFor(written)}\n${written}\n`;
}

/** The uniform buffer, as long as the source reads it. */
function sizesText(source: string): string {
  let quads = 0;
  for (const [, quad] of source.matchAll(/\bsizes\[(\d+)\]/g)) {
    quads = Math.max(quads, Number(quad) + 1);
  }
  return quads === 0
    ? ""
    : `@group(1) @binding(0) var<uniform> sizes: array<vec4<u32>, ${quads}>;\n`;
}

/** Makes pipelines, each once. */
export class Pipelines {
  readonly #gpu: Gpu;
  readonly #ready = new Map<string, ReadyPipeline>();
  readonly #layouts = new Map<string, GPUBindGroupLayout>();
  /** The layout of the sizes: one uniform buffer with a dynamic offset. */
  readonly sizesLayout: GPUBindGroupLayout;

  constructor(gpu: Gpu) {
    this.#gpu = gpu;
    this.sizesLayout = gpu.device.createBindGroupLayout({
      entries: [{
        binding: 0,
        visibility: GPUShaderStage.COMPUTE,
        buffer: { type: "uniform", hasDynamicOffset: true },
      }],
    });
  }

  /** The pipeline of a source. Throws `DeviceError` with the lines that do not compile. */
  async get(
    source: string,
    bindings: BindingLayout,
    name: string,
  ): Promise<ReadyPipeline> {
    const key = source;
    const before = this.#ready.get(key);
    if (before !== undefined) return before;
    const { device, counters } = this.#gpu;
    const layout = this.#layoutOf(bindings);
    const made = await this.#gpu.guarded(
      `make the kernel ${name}`,
      "",
      () => {
        const module = device.createShaderModule({ label: name, code: source });
        const pipeline = device.createComputePipeline({
          label: name,
          layout: device.createPipelineLayout({
            bindGroupLayouts: [layout, this.sizesLayout],
          }),
          compute: { module, entryPoint: "main" },
        });
        return { module, pipeline };
      },
    ).catch((error: unknown) => {
      throw withSource(error, source, name);
    });
    counters.pipelines++;
    const ready = { pipeline: made.pipeline, layout };
    this.#ready.set(key, ready);
    return ready;
  }

  #layoutOf({ ranges }: BindingLayout): GPUBindGroupLayout {
    const key = ranges.map(({ writes }) => writes ? "w" : "r").join("");
    const before = this.#layouts.get(key);
    if (before !== undefined) return before;
    const layout = this.#gpu.device.createBindGroupLayout({
      entries: ranges.map(({ writes }, binding) => ({
        binding,
        visibility: GPUShaderStage.COMPUTE,
        buffer: { type: writes ? "storage" : "read-only-storage" },
      })),
    });
    this.#layouts.set(key, layout);
    return layout;
  }
}

/** The error with the lines of the source that it speaks of. */
function withSource(error: unknown, source: string, name: string): DeviceError {
  const message = error instanceof Error ? error.message : String(error);
  const lines = source.split("\n");
  const at = Number(/wgsl:(\d+):/.exec(message)?.[1] ?? NaN);
  const first = Number.isNaN(at) ? 0 : Math.max(0, at - 4);
  const excerpt = lines.slice(first, first + 8).map((line, i) =>
    `${String(first + i + 1).padStart(5)}${
      first + i + 1 === at ? " >" : "  "
    } ${line}`
  ).join("\n");
  return new DeviceError(
    `The adapter's driver does not take the kernel ${name}: ${message}\n${excerpt}\nThis is a fault of the backend, not of your run file: please report it with the adapter's name (the command \`doctor\` shows it); backend: cpu will do meanwhile`,
    { cause: error },
  );
}
