/**
 * What a training step on WebGPU dispatches and moves, counted from its plans without an adapter: dispatches, the
 * bytes of their tensors if each is read or written once a dispatch, and the bytes that must move at least.
 * Run: `deno task bench webgpu_floor [small-gpt|quickstart|gpt2-124m|llama-135m]`
 *
 * The floor of a program: what it is given (weights, gradients, optimizer states, inputs) read once in forward and
 * once in backward, if it is used there; what outlives it written once; what forward leaves for backward written once
 * and read once. Everything else could stay in registers, if all kernels between were one.
 * @module
 */
import {
  bytesOf,
  elementsOf,
  type KernelCall,
  type Plan,
  type View,
} from "@denotune/denotune/core";
import { planEngine } from "../../core/engine/plan_engine.ts";
import { LEAST_LIMITS } from "../../backends/webgpu/runtime/adapter_limits.ts";
import {
  iterationsOf,
  lowerCall,
} from "../../backends/webgpu/runtime/lower.ts";
import { type ModelName, MODELS, specOf } from "./peers/models.ts";
import { cell } from "./webgpu_support.ts";
import { trainRequest } from "../train_request.ts";

const MIB = 2 ** 20;

/** Batches by model; what is not named has four rows of 512. */
const BATCHES: Readonly<Record<string, { B: number; T: number }>> = {
  "small-gpt": { B: 8, T: 64 },
  quickstart: { B: 48, T: 24 },
};

/** A card: more workgroup memory than the least, and large bindings. */
const LIMITS = {
  ...LEAST_LIMITS,
  subgroup: { min: 32, max: 32 },
  sharedBytes: 2 ** 15,
  maxInvocations: 1024,
  maxBindingBytes: 2 ** 31 - 4,
  maxBindings: 16,
};

/** One value of a range of bytes of a buffer. */
interface Value {
  readonly from: number;
  readonly to: number;
  /** Where it was made: 0 forward, 1 backward; null: it was there before. */
  readonly made: number | null;
  readonly readIn: Set<number>;
}

/** Bytes that a program must move at least. */
function floorOf(plan: Plan, pool: ReadonlySet<number>): number {
  const current = new Map<number, Value[]>();
  const all: Value[] = [];
  const add = (buffer: number, value: Value) => {
    all.push(value);
    const rest = (current.get(buffer) ?? []).filter((v) =>
      v.to <= value.from || v.from >= value.to
    );
    current.set(buffer, [...rest, value]);
  };
  for (const segment of plan.segments) {
    const { capacities, iterations } = iterationsOf(plan, segment);
    const rangeOf = (view: View) => {
      const from = view.offset * bytesOf(view.dtype);
      const elements = elementsOf(view.shape, capacities) +
        (iterations - 1) * (view.advance ?? 0);
      return { from, to: from + elements * bytesOf(view.dtype) };
    };
    for (const call of segment.calls) {
      const half = halfOf(call);
      for (const view of call.inputs) {
        const range = rangeOf(view);
        let value = current.get(view.buffer)?.find((v) =>
          v.from < range.to && v.to > range.from
        );
        if (value === undefined) {
          value = { ...range, made: null, readIn: new Set() };
          add(view.buffer, value);
        }
        value.readIn.add(half);
      }
      for (const view of call.outputs) {
        add(view.buffer, {
          ...rangeOf(view),
          made: half,
          readIn: new Set(),
        });
      }
    }
  }
  const outlives = new Set(
    [...current].flatMap(([buffer, values]) => pool.has(buffer) ? [] : values),
  );
  return all.reduce((sum, v) => {
    const reads = [...v.readIn].filter((half) => half !== v.made).length;
    const isWritten = v.made !== null && (reads > 0 || outlives.has(v));
    return sum + (v.to - v.from) * (reads + (isWritten ? 1 : 0));
  }, 0);
}

function halfOf({ label }: KernelCall): number {
  return label.startsWith("backward") ? 1 : 0;
}

/** Dispatches of a program by kernel, and the bytes of their tensors. */
function movedBy(
  plan: Plan,
): Map<string, { dispatches: number; bytes: number }> {
  const rows = new Map<string, { dispatches: number; bytes: number }>();
  for (const segment of plan.segments) {
    const { capacities, iterations } = iterationsOf(plan, segment);
    for (const call of segment.calls) {
      const { specs } = lowerCall(call, { limits: LIMITS, capacities });
      for (const { tensors } of specs) {
        const bytes = tensors.reduce(
          (sum, { view }) =>
            sum + elementsOf(view.shape, capacities) * bytesOf(view.dtype),
          0,
        );
        const row = rows.get(call.kernel) ?? { dispatches: 0, bytes: 0 };
        row.dispatches += iterations;
        row.bytes += iterations * bytes;
        rows.set(call.kernel, row);
      }
    }
  }
  return rows;
}

const name = (Deno.args[0] ?? "small-gpt") as ModelName;
if (!(name in MODELS)) {
  console.log(`No such model. Models: ${Object.keys(MODELS).join(", ")}`);
  Deno.exit(2);
}
const { B, T } = BATCHES[name] ?? { B: 4, T: 512 };
const planned = planEngine(
  trainRequest(await specOf(name), {
    adamw: { learning_rate: 1e-4 },
    train: { B, T },
  }),
  {
    alignment: LIMITS.bindingAlignment,
    maxBufferBytes: LIMITS.maxBindingBytes,
    epilogues: {
      tensors: LIMITS.maxBindings - 4,
      bytes: LIMITS.maxBindingBytes,
    },
  },
);
const pool = new Set(planned.memory.pool);
console.log(`${name}, B=${B} T=${T}: a step, counted`);
console.log(
  cell("program", 26) + cell("dispatches", -12) + cell("moved MiB", -12) +
    cell("floor MiB", -12) + cell("times", -8),
);
for (const { plan } of planned.programs) {
  if (plan.name !== "micro" && plan.name !== "update") continue;
  const rows = movedBy(plan);
  const sum = [...rows.values()].reduce((a, b) => ({
    dispatches: a.dispatches + b.dispatches,
    bytes: a.bytes + b.bytes,
  }));
  const floor = floorOf(plan, pool);
  const line = (
    label: string,
    { dispatches, bytes }: { dispatches: number; bytes: number },
  ) =>
    cell(label, 26) + cell(`${dispatches}`, -12) +
    cell((bytes / MIB).toFixed(1), -12);
  console.log(
    line(plan.name, sum) + cell((floor / MIB).toFixed(1), -12) +
      cell((sum.bytes / floor).toFixed(1), -8),
  );
  const byBytes = [...rows].toSorted(([, a], [, b]) => b.bytes - a.bytes);
  for (const [kernel, row] of byBytes) console.log(line(`  ${kernel}`, row));
}
