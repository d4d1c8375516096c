/**
 * One program over square variables, planned and run on a device.
 * @module
 */
import { Session } from "../../../../core/engine/session.ts";
import { Memory, type MemoryLimits } from "../../../../core/graph/memory.ts";
import { planProgram } from "../../../../core/graph/planner.ts";
import {
  type Device,
  type Graph,
  type Plan,
  randomFrom,
} from "../../../../core/mod.ts";
import { normals } from "../../../graph_harness.ts";

/** Variables of the programs, (C, C) each. */
const VARIABLES = ["w", "v", "u"];
/** Rows and columns of a variable, columns of the input x. */
export const C = 12;

/** Runs a graph with an input x (N, C) and these variables: the plan, bytes of its activations, and what it gives. */
export async function runPlanned(
  graph: Graph,
  device: Device,
  options: MemoryLimits,
): Promise<
  { plan: Plan; bytes: number; outputs: Record<string, ArrayLike<number>> }
> {
  const memory = new Memory(options);
  for (const name of VARIABLES) {
    memory.variable(name, [C, C], { role: "weights" });
  }
  const planned = planProgram(graph, {
    name: "p",
    memory,
    capacities: { N: 7 },
  });
  await using session = await Session.open(device, memory, [planned]);
  VARIABLES.forEach((name, i) =>
    session.write(name, normals(C * C, randomFrom(i, 3)))
  );
  session.run("p", { N: 5 }, { x: normals(5 * C, randomFrom(9)) });
  const outputs: Record<string, ArrayLike<number>> = {};
  for (const name of graph.outputs.keys()) {
    outputs[name] = await session.output("p", name, { N: 5 });
  }
  return {
    plan: planned.plan,
    bytes: memory.report().activations,
    outputs,
  };
}
