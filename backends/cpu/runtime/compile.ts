/**
 * Turns a plan into launches with addresses, in the order in which the workers run them.
 * @module
 */
import {
  bytesOf,
  DeviceError,
  type Dim,
  elementsOf,
  type Extents,
  iterationsOf,
  type KernelCall,
  type Plan,
  type Segment,
  sizeOf,
  type View,
} from "@denotune/denotune/device";
import { ModuleBuilder } from "../assembler/mod.ts";
import { Kernel, type Launch, LAUNCH_PARAMETERS } from "../kernels/launch.ts";
import { importedBy, lower, type LowerOptions } from "../lower.ts";
import type { LoopMaker } from "../machine_code/wide/loop.ts";
import { intervalsOf, type Span, type Touched } from "./intervals.ts";
import { ALIGNMENT, MARGIN } from "./heap.ts";
import { MAX_NAMES } from "./layout.ts";
import type {
  Argument,
  LaunchData,
  ProgramData,
  SegmentData,
} from "./program.ts";

/** Functions that the device has assembled so far, by key. */
export type FunctionTable = Map<string, number>;

/** The result of compiling. */
export interface Compiled {
  readonly program: ProgramData;
  /** The binary with the new functions, named by their numbers; null if all are known. */
  readonly binary: Uint8Array<ArrayBuffer> | null;
  readonly newNames: readonly string[];
  readonly scratchBytes: number;
  readonly temporaryBytes: number;
}

/** The parts of the device that the compiler needs. */
export interface CompileContext {
  readonly functions: FunctionTable;
  /** Address of a buffer. */
  readonly addressOf: (buffer: number) => number;
  /** Reserves memory that the program's launches share; called once, at the end of lowering. */
  readonly reserve: (bytes: number) => number;
  readonly options: LowerOptions;
  /** What makes loops in machine code; null: WebAssembly does them. */
  readonly loops: LoopMaker | null;
}

interface Lowered {
  readonly call: KernelCall;
  readonly launches: readonly Launch[];
}

/** Calls that share less memory than this among their launches have it for themselves, in turn, */
const SMALL_TEMPORARY = 64 * 1024;
/** in so many bytes: else calls that have nothing else in common would wait for each other. */
const SMALL_TEMPORARIES = 512 * 1024;

/** Compiles a checked plan. Throws `DeviceError` that names the kernel and label of the failing call. */
export function compilePlan(
  id: number,
  plan: Plan,
  context: CompileContext,
): Compiled {
  const names = namesOf(plan);
  const segments = plan.segments.map((segment) => {
    const extents = chunkExtents(segment, plan.capacities);
    return {
      segment,
      extents,
      calls: segment.calls.map((call): Lowered => ({
        call,
        launches: lowered(call, extents, context.options),
      })),
    };
  });
  const lowerings = segments.flatMap((s) => s.calls);
  const all = lowerings.flatMap((c) => c.launches);
  const temporaries = placeTemporaries(lowerings);
  const temporaryBytes = temporaries.bytes;
  const temporaryAt = temporaryBytes === 0
    ? 0
    : context.reserve(temporaryBytes);
  const assembled = assemble(lowerings, context);
  const addressesOf = (call: Lowered): Addresses => ({
    names,
    temporaryAt: temporaryAt + (temporaries.offsets.get(call) ?? 0),
    addressOf: context.addressOf,
  });
  const data = segments.map(({ segment, extents, calls }): SegmentData => {
    const iterations = iterationsOf(segment, plan.capacities);
    const launches = calls.flatMap((lowered) => {
      const addresses = addressesOf(lowered);
      return lowered.launches.map((launch) => ({
        touched: {
          ...touchedBy(launch, { addresses, extents, iterations }),
          apart: launch.apart === true ? lowered.call : null,
        },
        data: {
          kernel: lowered.call.kernel,
          label: lowered.call.label,
          function: launch.blas === undefined
            ? context.functions.get(launch.key) ?? -1
            : -1,
          blas: launch.blas ?? null,
          arguments: argumentsOf(launch, addresses),
        },
      }));
    });
    return {
      launches: intervalsOf(launches.map((l) => l.touched)).flatMap((numbers) =>
        numbers.map((number, i): LaunchData => ({
          ...launches[number].data,
          barrier: i === 0,
        }))
      ),
      repeat: segment.repeat === undefined ? null : {
        total: sizeArgument(segment.repeat.total, names),
        chunk: segment.repeat.chunk,
        as: names.indexOf(segment.repeat.as),
      },
    };
  });
  return {
    program: { id, name: plan.name, names, segments: data },
    ...assembled,
    scratchBytes: Math.max(0, ...all.map((s) => s.scratch ?? 0)),
    temporaryBytes,
  };
}

function lowered(
  call: KernelCall,
  extents: Extents,
  options: LowerOptions,
): readonly Launch[] {
  try {
    return lower(call, extents, options);
  } catch (error) {
    if (error instanceof DeviceError) throw error;
    const reason = error instanceof Error ? error.message : String(error);
    throw new DeviceError(
      `Cannot compile ${call.kernel} (${call.label}): ${reason}`,
      { cause: error },
    );
  }
}

function namesOf(plan: Plan): string[] {
  const names = new Set(Object.keys(plan.capacities));
  for (const { repeat } of plan.segments) {
    if (repeat !== undefined) names.add(repeat.as);
  }
  if (names.size > MAX_NAMES) {
    throw new DeviceError(
      `Program ${plan.name} has ${names.size} named dimensions; ${MAX_NAMES} are possible`,
    );
  }
  return [...names];
}

/** The largest extents inside a segment. */
export function chunkExtents(segment: Segment, capacities: Extents): Extents {
  const { repeat } = segment;
  if (repeat === undefined) return capacities;
  return {
    ...capacities,
    [repeat.as]: Math.min(
      repeat.chunk,
      Math.max(1, sizeOf(repeat.total, capacities)),
    ),
  };
}

/** Builds the functions that are not known yet. */
function assemble(
  calls: readonly Lowered[],
  { functions, options, loops }: CompileContext,
): { binary: Uint8Array<ArrayBuffer> | null; newNames: string[] } {
  const module = new ModuleBuilder(importedBy(options));
  const newNames: string[] = [];
  const added: string[] = [];
  for (const { call, launches } of calls) {
    for (const launch of launches) {
      if (launch.blas !== undefined || functions.has(launch.key)) continue;
      const name = `f${functions.size}`;
      try {
        module.function(
          { parameters: LAUNCH_PARAMETERS, name },
          (f) => launch.build(new Kernel(f, module, launch, loops)),
        );
      } catch (error) {
        for (const key of added) functions.delete(key); // none of this program's functions will be sent
        const reason = error instanceof Error ? error.message : String(error);
        throw new DeviceError(
          `Cannot assemble ${call.kernel} (${call.label}): ${reason}`,
          { cause: error },
        );
      }
      functions.set(launch.key, functions.size);
      added.push(launch.key);
      newNames.push(name);
    }
  }
  return { binary: newNames.length === 0 ? null : module.finish(), newNames };
}

interface Addresses {
  readonly names: readonly string[];
  readonly temporaryAt: number;
  readonly addressOf: (buffer: number) => number;
}

function argumentsOf(launch: Launch, addresses: Addresses): Argument[] {
  const sizes = launch.blas === undefined
    ? launch.dims.filter((d) => typeof d !== "number")
    : launch.dims;
  return [
    { kind: "constant", value: addresses.temporaryAt },
    ...launch.views.map((view): Argument => {
      const at = addressOf(view, addresses);
      const advance = (view.advance ?? 0) * bytesOf(view.dtype);
      return advance === 0
        ? { kind: "constant", value: at }
        : { kind: "address", at, advance };
    }),
    ...sizes.map((d) => sizeArgument(d, addresses.names)),
  ];
}

function addressOf(view: View, addresses: Addresses): number {
  return addresses.addressOf(view.buffer) + view.offset * bytesOf(view.dtype);
}

function sizeArgument(d: Dim, names: readonly string[]): Argument {
  if (typeof d === "number") return { kind: "constant", value: d };
  return {
    kind: "extent",
    coefficient: d.coefficient,
    names: d.names.map((n) => names.indexOf(n)),
  };
}

/** Where each call has the memory that its launches share. */
function placeTemporaries(
  calls: readonly Lowered[],
): { bytes: number; offsets: ReadonlyMap<Lowered, number> } {
  const offsets = new Map<Lowered, number>();
  let next = 0, small = 0, large = 0;
  const needs = calls.map((call) => ({
    call,
    bytes: Math.max(0, ...call.launches.map((l) => l.temporary?.bytes ?? 0)),
  }));
  for (const { call, bytes } of needs) {
    if (bytes === 0 || bytes > SMALL_TEMPORARY) continue;
    const size = Math.ceil((bytes + MARGIN) / ALIGNMENT) * ALIGNMENT;
    if (next + size > SMALL_TEMPORARIES) next = 0;
    offsets.set(call, next);
    next += size;
    small = Math.max(small, next);
  }
  // the large ones behind them, all at one place
  for (const { call, bytes } of needs) {
    if (bytes <= SMALL_TEMPORARY) continue;
    offsets.set(call, small);
    large = Math.max(large, bytes);
  }
  return { bytes: small + large, offsets };
}

function touchedBy(
  launch: Launch,
  context: { addresses: Addresses; extents: Extents; iterations: number },
): Omit<Touched, "apart"> {
  const { addresses, extents, iterations } = context;
  const reads: Span[] = [], writes: Span[] = [];
  for (const [i, view] of launch.views.entries()) {
    const from = addressOf(view, addresses);
    const elements = elementsOf(view.shape, extents) +
      Math.max(0, iterations - 1) * (view.advance ?? 0);
    const span = { from, to: from + elements * bytesOf(view.dtype) };
    (launch.writes.includes(i) ? writes : reads).push(span);
  }
  if (launch.temporary !== undefined) {
    const span = {
      from: addresses.temporaryAt,
      to: addresses.temporaryAt + launch.temporary.bytes,
    };
    (launch.temporary.use === "write" ? writes : reads).push(span);
  }
  return { reads, writes };
}
