/**
 * What a model says, as numbers: the logits of a few texts, for comparing two states of a model.
 * @module
 */
import type { Device } from "../contracts/backend.ts";
import { buildModel } from "../engine/model/build_model.ts";
import { projectLogits } from "../graph/ops/head.ts";
import { planProgram } from "../graph/planner.ts";
import type { DType } from "../graph/dtype.ts";
import { Engine } from "../engine/engine.ts";
import { planEngine } from "../engine/plan_engine.ts";
import { checkWeights, writeBaseWeights } from "../run/open/open_model.ts";
import type { OpenedModel } from "../run/open/opened_model.ts";
import { type BoundAdapter, writeAdapter } from "./adapters.ts";

/** Logits (T, V) of each row of ids, one row at a time. All memory is given back. */
export async function logitsOf(
  rows: readonly Int32Array[],
  { model: base, adapter, dtype, device }: {
    model: OpenedModel;
    adapter: BoundAdapter | null;
    /** Storage of frozen matrices. */
    dtype: Exclude<DType, "i32" | "i8">;
    device: Device;
  },
): Promise<Float32Array[]> {
  const model = adapter?.model ?? base;
  const { spec } = model;
  const T = Math.max(...rows.map((row) => row.length));
  const planned = planEngine({
    spec,
    adapter: adapter?.attached ?? null,
    frozenDtype: dtype,
    causal: true,
    train: null,
    evaluate: { B: 1, T },
    generate: null,
    sources: 1,
  }, device.info);
  const { memory, inventory } = planned;
  checkWeights(model, inventory.weights);
  const { graph, hidden, head } = buildModel(spec, {
    adapter: adapter?.attached ?? null,
    training: false,
    causal: true,
    maxPositions: T,
    trains: () => false,
    dtypeOf: (name) => {
      const found = memory.variables.get(name)?.dtype ?? "f32";
      return found === "i32" || found === "i8" ? "f32" : found;
    },
    checkpoint: false,
    cache: null,
  });
  graph.output(
    "logits",
    graph.scope("head", () => projectLogits(graph, hidden, head)),
  );
  const program = planProgram(graph, {
    name: "logits",
    memory,
    capacities: { B: 1, T },
  });
  await using engine = await Engine.open({
    ...planned,
    report: memory.report(),
    programs: [...planned.programs, program],
  }, device);
  const { session } = engine;
  await writeBaseWeights(model, inventory.weights, { session, seed: 0 });
  if (adapter !== null) writeAdapter(engine, adapter);
  const found: Float32Array[] = [];
  for (const tokens of rows) {
    const extents = { B: 1, T: tokens.length };
    session.run("logits", extents, {
      tokens,
      positions: Int32Array.from(tokens.keys()),
      segments: new Int32Array(tokens.length).fill(1),
      row_keys: new Int32Array(tokens.length),
    });
    const logits = await session.output("logits", "logits", extents);
    found.push(
      logits instanceof Float32Array ? logits : Float32Array.from(logits),
    );
  }
  return found;
}
