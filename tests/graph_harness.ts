/**
 * Runs small graphs on the reference backend, and holds gradients against finite differences.
 * @module
 */
import { localDevice } from "../core/device/local_device.ts";
import { type InputData, Session } from "../core/engine/session.ts";
import { gradients } from "../core/graph/gradients.ts";
import { Memory } from "../core/graph/memory.ts";
import { planProgram } from "../core/graph/planner.ts";
import { sum } from "../core/graph/ops/sums.ts";
import assert from "node:assert/strict";
import { ReferenceExecutor } from "../backends/reference/mod.ts";
import {
  type DType,
  elementsOf,
  type Extents,
  Graph,
  type Random,
  randomFrom,
  type Tensor,
} from "../core/mod.ts";
import { input } from "../core/graph/expression.ts";
import { elementwise } from "../core/graph/ops/elementwise.ts";

/** A variable and what it starts as; absent data: zeros. */
export interface VariableSpec {
  readonly shape: readonly number[];
  readonly data?: Float32Array | Int32Array | Uint16Array;
  readonly dtype?: DType;
}

/** Variables by name. */
export type Variables = Readonly<Record<string, VariableSpec>>;

/** A graph that a session runs under this name. */
export interface Program {
  readonly name: string;
  readonly graph: Graph;
  readonly capacities?: Extents;
}

/** A session on the reference backend, in this thread, with the variables written. */
export async function openSession(
  programs: readonly Program[],
  variables: Variables,
): Promise<Session> {
  const device = localDevice(new ReferenceExecutor());
  const memory = new Memory(device.info);
  for (const [name, { shape, dtype }] of Object.entries(variables)) {
    memory.variable(name, shape, { role: "weights", dtype });
  }
  const planned = programs.map(({ name, graph, capacities = {} }) =>
    planProgram(graph, { name, memory, capacities })
  );
  const session = await Session.open(device, memory, planned);
  for (const [name, { data }] of Object.entries(variables)) {
    if (data !== undefined) session.write(name, data);
  }
  return session;
}

/** Runs a graph once and gives its outputs. */
export async function runGraph(
  graph: Graph,
  options: {
    variables?: Variables;
    inputs?: InputData;
    extents?: Extents;
    capacities?: Extents;
  } = {},
): Promise<Record<string, Float32Array | Int32Array>> {
  const { variables = {}, inputs = {}, extents = {} } = options;
  const capacities = options.capacities ?? extents;
  await using session = await openSession(
    [{ name: "program", graph, capacities }],
    variables,
  );
  session.run("program", extents, inputs);
  const outputs: Record<string, Float32Array | Int32Array> = {};
  for (const name of graph.outputs.keys()) {
    outputs[name] = await session.output("program", name, extents);
  }
  return outputs;
}

/** A function of variables whose gradients are checked. */
export interface GradientCase {
  /** Every float32 variable is differentiated, but those of `frozen`. */
  readonly variables: Variables;
  readonly frozen?: readonly string[];
  readonly inputs?: InputData;
  readonly extents?: Extents;
  readonly capacities?: Extents;
  forward(graph: Graph, variable: (name: string) => Tensor): Tensor;
  /** Largest difference, relative to the largest element of the gradient. */
  readonly tolerance?: number;
}

/** Step of the differences: a power of two, exact in float32. */
const H = 2 ** -7;

/**
 * Checks the gradient of sum(seed * y), for a random seed, against central differences of fourth order.
 * The sum is taken of y - y0, with y0 as it is without a step: a small number keeps its digits in float32.
 * Truncation is below h^4 and rounding below 1e-7, so 2e-6 holds for functions that are tame at this scale.
 */
export async function assertGradients(test: GradientCase): Promise<void> {
  const { variables, frozen = [], inputs = {}, extents = {} } = test;
  const capacities = test.capacities ?? extents;
  const tolerance = test.tolerance ?? 2e-6;
  const trained = Object.keys(variables).filter((name) =>
    !frozen.includes(name)
  );
  const build = () => {
    const graph = new Graph();
    const y = test.forward(
      graph,
      (name) =>
        graph.variable(name, variables[name].shape, variables[name].dtype),
    );
    return { graph, y, seed: graph.input("seed", y.shape) };
  };
  const backward = build();
  const parameters = trained.map((name) =>
    backward.graph.variable(name, variables[name].shape)
  );
  const found = gradients(backward.graph, {
    seeds: [{ tensor: backward.y, gradient: backward.seed }],
    parameters,
  });
  parameters.forEach((p, i) => {
    const gradient = found.get(p);
    assert.ok(gradient !== undefined, `no gradient of ${trained[i]}`);
    backward.graph.output(trained[i], gradient);
  });
  const forward = build();
  const y0 = forward.graph.input("y0", forward.y.shape);
  const weighted = elementwise(
    forward.graph,
    [forward.y, forward.seed, y0],
    (y, seed, base) => y.sub(base).mul(seed),
  );
  forward.graph.output("y", forward.y);
  forward.graph.output("sum", sum(forward.graph, weighted, input(0)));

  await using session = await openSession([
    { name: "forward", graph: forward.graph, capacities },
    { name: "backward", graph: backward.graph, capacities },
  ], variables);
  const elements = elementsOf(forward.y.shape, extents);
  const seed = normals(elements, randomFrom(elements, 17));
  const base = { ...inputs, seed, y0: new Float32Array(elements) };
  session.run("backward", extents, base);
  session.run("forward", extents, base);
  const y = await session.output("forward", "y", extents) as Float32Array;
  const at = async (): Promise<number> => {
    session.run("forward", extents, { ...base, y0: y });
    return (await session.output("forward", "sum", {}))[0];
  };
  for (const name of trained) {
    const analytic = await session.output("backward", name, {});
    const data = Float32Array.from(variables[name].data ?? []);
    const numeric = new Float64Array(data.length);
    for (let i = 0; i < data.length; i++) {
      const centre = data[i];
      const moved = async (step: number): Promise<number> => {
        data[i] = centre + step;
        session.write(name, data);
        return await at();
      };
      numeric[i] = (8 * (await moved(H) - await moved(-H)) -
        (await moved(2 * H) - await moved(-2 * H))) / (12 * H);
      data[i] = centre;
    }
    session.write(name, data);
    assertNear(analytic, numeric, { tolerance, what: `gradient of ${name}` });
  }
}

/** Refuses arrays that differ by more than `tolerance` times the largest expected element (at least 1e-3). */
export function assertNear(
  actual: ArrayLike<number>,
  expected: ArrayLike<number>,
  options: { tolerance: number; what: string },
): void {
  const { tolerance, what } = options;
  assert.equal(actual.length, expected.length, `${what}: length`);
  let scale = 1e-3;
  for (let i = 0; i < expected.length; i++) {
    scale = Math.max(scale, Math.abs(expected[i]));
  }
  for (let i = 0; i < expected.length; i++) {
    const difference = Math.abs(actual[i] - expected[i]);
    assert.ok(
      difference <= tolerance * scale,
      `${what}[${i}]: ${actual[i]}, expected ${
        expected[i]
      } (difference ${difference}, scale ${scale})`,
    );
  }
}

/** Normal numbers with 12 bits behind the point: steps of the differences stay exact. */
export function normals(count: number, random: Random): Float32Array {
  return Float32Array.from(
    { length: count },
    () => Math.round(random.normal() * 4096) / 4096,
  );
}

/** A variable of normal numbers. */
export function normalVariable(
  shape: readonly number[],
  key: number,
  scale = 1,
): VariableSpec {
  const count = shape.reduce((a, b) => a * b, 1);
  const data = normals(count, randomFrom(key, count)).map((v) =>
    Math.round(v * scale * 4096) / 4096
  );
  return { shape, data };
}
