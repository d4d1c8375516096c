/**
 * A case of the backend suite is data: tensors, a plan over them, and extents to run it with. It is run
 * on the device under test, twice, and on the reference.
 *
 * Every tensor lies in a buffer of its own, away from its start and with a guard behind it:
 *
 * ```text
 * | guard (256 bytes) | elements under the extents | up to the capacity | guard |
 *   NaN                 data, or NaN for outputs     NaN                  NaN
 * ```
 *
 * A kernel that reads outside of its tensors meets NaN; one that writes outside changes a guard.
 * @module
 */
import type { Quantization } from "../../../core/graph/dtype.ts";
import { quantized } from "../../../core/graph/quantize/dequantize.ts";
import assert from "node:assert/strict";
import {
  bytesOf,
  type Device,
  type DType,
  elementsOf,
  type Extents,
  hash32,
  type KernelCall,
  type Plan,
  type QuantizedShape,
  type Random,
  randomFrom,
  type Segment,
  type Shape,
  type View,
} from "@denotune/denotune/core";
import { assertClose, type Tolerance } from "./compare.ts";
import { decode, encode } from "./encoding.ts";

/** Makes the `count` elements of a tensor. */
export type Data = (
  count: number,
  random: Random,
  extents: Extents,
) => ArrayLike<number>;

/** A tensor of a case. */
export interface TensorSpec {
  readonly shape: Shape;
  /** f32 where absent. */
  readonly dtype?: DType;
  /** Its elements before the run; absent: not set (NaN). */
  readonly data?: Data;
  /** Of i32 words: `data` makes the elements of this matrix, which is packed into them. */
  readonly quantized?: QuantizedShape;
}

/** One test. */
export interface Case {
  /** Read as a sentence after the backend's name. */
  readonly title: string;
  readonly tensors: Readonly<Record<string, TensorSpec>>;
  /** The calls over views of the tensors. */
  readonly segments: (
    view: (name: string, change?: Partial<View>) => View,
  ) => readonly Segment[];
  readonly capacities?: Extents;
  /** The program is compiled once and run with each of these. */
  readonly runs?: readonly Extents[];
  /**
   * Storage or precision that matrix products of the device must list, or that they take epilogues: else the case
   * is left out.
   */
  readonly needs?: Quantization | "bfloat16" | "float16" | "epilogues";
  /** What is compared, and how closely. Tensors not named here must stay as they were. */
  readonly outputs: Readonly<Record<string, Tolerance>>;
}

/** A case with one segment that is not repeated. */
export function caseOf(
  description: Omit<Case, "segments"> & {
    readonly calls: (
      view: (name: string, change?: Partial<View>) => View,
    ) => readonly KernelCall[];
  },
): Case {
  const { calls, ...rest } = description;
  return { ...rest, segments: (view) => [{ calls: calls(view) }] };
}

const GUARD_BYTES = 256;
const ALIGNMENT = 256; // enough for every device that we know of
/** NaN as f32, and as either half of it as bf16 and f16. */
const UNSET = 0x7fc07fc0;

interface Placed {
  readonly spec: TensorSpec;
  readonly dtype: DType;
  readonly buffer: number;
  readonly bytes: number;
}

/** What a run left in every tensor: its whole buffer. */
type Outcome = Readonly<Record<string, ArrayBuffer>>;

/** Runs a case on a device and on the reference and compares them. */
export async function checkCase(
  test: Case,
  tested: Device,
  witness: Device,
): Promise<void> {
  assert.ok(
    ALIGNMENT % tested.info.alignment === 0,
    `alignment of ${tested.info.alignment} bytes`,
  );
  const runs = test.runs ?? [test.capacities ?? {}];
  const ours = await runAll(test, runs, tested, {});
  const again = await runAll(test, runs, tested, {});
  const theirs = await runAll(test, runs, witness, {});
  const needsTerms = Object.values(test.outputs).some((tolerance) =>
    tolerance.kind === "terms"
  );
  const terms = needsTerms
    ? await runAll(test, runs, witness, { absolute: true })
    : theirs;
  for (const [r, extents] of runs.entries()) {
    for (const [name, spec] of Object.entries(test.tensors)) {
      const dtype = spec.dtype ?? "f32";
      const where = `${name}${
        runs.length > 1 ? ` at ${JSON.stringify(extents)}` : ""
      }`;
      const count = elementsOf(spec.shape, extents);
      assert.deepEqual(
        new Uint8Array(ours[r][name]),
        new Uint8Array(again[r][name]),
        `${where}: two runs give other bits`,
      );
      const found = split(ours[r][name], dtype, count);
      const expected = split(theirs[r][name], dtype, count);
      assert.deepEqual(
        found.outside,
        expected.outside,
        `${where}: elements outside of the tensor were written`,
      );
      const tolerance = test.outputs[name];
      if (tolerance === undefined) {
        assert.deepEqual(
          found.bytes,
          expected.bytes,
          `${where} is no output, but was written`,
        );
      } else {
        assertClose(found.values, expected.values, {
          tolerance,
          terms: split(terms[r][name], dtype, count).values,
          where,
        });
      }
    }
  }
}

function split(
  buffer: ArrayBuffer,
  dtype: DType,
  count: number,
): { values: Float64Array; bytes: Uint8Array; outside: Uint8Array } {
  const end = GUARD_BYTES + count * bytesOf(dtype);
  const bytes = new Uint8Array(buffer, GUARD_BYTES, end - GUARD_BYTES);
  const outside = new Uint8Array(buffer.slice(0));
  outside.fill(0, GUARD_BYTES, end);
  return {
    values: decode(buffer.slice(GUARD_BYTES, end), dtype),
    bytes,
    outside,
  };
}

/** Gives every tensor of a case a buffer. */
function place(
  test: Case,
  allocate: (bytes: number, name: string) => number,
): {
  placed: ReadonlyMap<string, Placed>;
  view: (name: string, change?: Partial<View>) => View;
} {
  const capacities = test.capacities ?? {};
  const placed = new Map<string, Placed>();
  for (const [name, spec] of Object.entries(test.tensors)) {
    const dtype = spec.dtype ?? "f32";
    const room =
      Math.ceil(elementsOf(spec.shape, capacities) * bytesOf(dtype) / 4) * 4;
    const bytes = GUARD_BYTES + room + GUARD_BYTES;
    placed.set(name, {
      spec,
      dtype,
      buffer: allocate(bytes, name),
      bytes,
    });
  }
  const view = (name: string, change: Partial<View> = {}): View => {
    const tensor = placed.get(name);
    assert.ok(tensor !== undefined, `the case has no tensor ${name}`);
    const { buffer, dtype, spec } = tensor;
    return {
      buffer,
      offset: GUARD_BYTES / bytesOf(dtype),
      shape: spec.shape,
      dtype,
      ...change,
    };
  };
  return { placed, view };
}

/** The plan of a case, over buffers that no device has: for what only reads plans. */
export function planOf(test: Case): Plan {
  let buffers = 0;
  const { view } = place(test, () => buffers++);
  return {
    name: test.title,
    segments: test.segments(view),
    capacities: test.capacities ?? {},
  };
}

/** What every run leaves behind, on one device; with `absolute`, of the magnitudes of all data. */
async function runAll(
  test: Case,
  runs: readonly Extents[],
  device: Device,
  { absolute = false }: { absolute?: boolean },
): Promise<Outcome[]> {
  const { placed, view } = place(
    test,
    (bytes, name) => device.allocate(bytes, name),
  );
  const segments = test.segments(view).map((segment) =>
    absolute ? withoutSigns(segment) : segment
  );
  const program = await device.compile({
    name: test.title,
    segments,
    capacities: test.capacities ?? {},
  });
  const outcomes: Outcome[] = [];
  for (const extents of runs) {
    for (const [name, tensor] of placed) {
      device.write(tensor.buffer, initial(name, tensor, { extents, absolute }));
    }
    device.run(program, extents);
    // Enqueued at once: reads come after the run, and before what is written for the next.
    const reads = [...placed].map(async ([name, { buffer, bytes }]) =>
      [name, await device.read(buffer, 0, bytes)] as const
    );
    outcomes.push(Object.fromEntries(await Promise.all(reads)));
  }
  for (const { buffer } of placed.values()) device.free(buffer);
  await device.idle();
  return outcomes;
}

function initial(
  name: string,
  { spec, dtype, bytes }: Placed,
  { extents, absolute }: { extents: Extents; absolute: boolean },
): Uint8Array {
  const memory = new Uint8Array(bytes);
  new Uint32Array(memory.buffer).fill(UNSET);
  if (spec.data !== undefined) {
    const key = hash32(...[...name].map((c) => c.charCodeAt(0)));
    const count = spec.quantized === undefined
      ? elementsOf(spec.shape, extents)
      : spec.quantized.rows * spec.quantized.columns;
    const values = Float64Array.from(
      spec.data(count, randomFrom(key), extents),
    );
    assert.equal(
      values.length,
      count,
      `the case makes ${values.length} of ${count} elements of ${name}`,
    );
    const sized = absolute && (dtype !== "i32" || spec.quantized !== undefined)
      ? values.map(Math.abs)
      : values;
    const stored = spec.quantized === undefined
      ? encode(sized, dtype)
      : quantized(spec.quantized, Float32Array.from(sized));
    memory.set(stored, GUARD_BYTES);
  }
  return memory;
}

/** With the magnitudes of all data, the products of a matmul are to be added whatever the sign of alpha. */
function withoutSigns(segment: Segment): Segment {
  const calls = segment.calls.map((call) =>
    call.kernel === "matmul"
      ? {
        ...call,
        attributes: {
          ...call.attributes,
          alpha: Math.abs(call.attributes.alpha),
        },
      }
      : call
  );
  return { ...segment, calls };
}

/** Normal numbers. */
export const normal: Data = (count, random) =>
  Float64Array.from({ length: count }, () => random.normal());

/** Uniform numbers in [low, high). */
export function uniform(low: number, high: number): Data {
  return (count, random) =>
    Float64Array.from(
      { length: count },
      () => low + (high - low) * random.next(),
    );
}

/** Whole numbers in [0, n). */
export function below(n: number): Data {
  return (count, random) =>
    Float64Array.from({ length: count }, () => random.below(n));
}

/** These numbers. */
export function values(...numbers: readonly number[]): Data {
  return () => numbers;
}
