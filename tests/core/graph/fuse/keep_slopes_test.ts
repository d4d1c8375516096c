/**
 * Which slopes are computed with their functions, and that it changes no bit on `cpu` and no byte of memory.
 */
import assert from "node:assert/strict";
import { dim } from "../../../../core/graph/dims.ts";
import { gradients } from "../../../../core/graph/gradients.ts";
import {
  add,
  elementwise,
  Graph,
  matmul,
  type Plan,
  swiglu,
  type Tensor,
} from "../../../../core/mod.ts";
import { openCpu } from "../../../backends/cpu/open.ts";
import { C, runPlanned } from "./_planned.ts";

type Build = (
  graph: Graph,
  x: Tensor,
  of: (name: string) => Tensor,
) => { readonly y: Tensor; readonly parameters: readonly string[] };

/** A program with the gradients of `y` by the parameters, and what it gives; its seed is x. */
async function run(build: Build, keepsSlopes: boolean): Promise<{
  plan: Plan;
  bytes: number;
  outputs: Record<string, ArrayLike<number>>;
}> {
  const graph = new Graph();
  const x = graph.input("x", [dim("N"), C]);
  const of = (name: string) => graph.variable(name, [C, C]);
  const { y, parameters } = build(graph, x, of);
  graph.output("y", y);
  const found = gradients(graph, {
    seeds: [{ tensor: y, gradient: x }],
    parameters: parameters.map(of),
  });
  for (const name of parameters) graph.output(name, found.get(of(name))!);
  await using device = await openCpu({ workers: 1, blas: "off" });
  return await runPlanned(graph, device, { ...device.info, keepsSlopes });
}

/** Row programs of a plan: how many outputs each has. */
function functions({ segments }: Plan): number[] {
  return segments.flatMap(({ calls }) => calls)
    .filter(({ kernel }) => kernel === "rows")
    .map(({ outputs }) => outputs.length);
}

async function gives(build: Build, expected: readonly number[]): Promise<void> {
  const before = await run(build, false);
  const after = await run(build, true);
  assert.ok(functions(before.plan).every((outputs) => outputs === 1));
  assert.deepEqual(functions(after.plan), expected);
  assert.deepEqual(after.outputs, before.outputs);
  assert.ok(after.bytes <= before.bytes, `${after.bytes} > ${before.bytes}`);
}

const NT = { layout: "NT" } as const;

const gelu = (graph: Graph, z: Tensor) =>
  elementwise(graph, [z], (x) => x.mul(x.mul(1.7).sigmoid()));

Deno.test("the slope of an activation is computed with it and kept in the place of its input", async () => {
  await gives((graph, x, of) => {
    const z = matmul(graph, x, of("w"), NT);
    const y = matmul(graph, gelu(graph, z), of("v"), NT);
    return { y, parameters: ["w", "v"] };
  }, [2, 1]);
});

Deno.test("a gated unit keeps the slopes of both of its inputs", async () => {
  await gives((graph, x, of) => {
    const gate = matmul(graph, x, of("w"), NT);
    const up = matmul(graph, x, of("v"), NT);
    const y = matmul(graph, swiglu(graph, gate, up), of("u"), NT);
    return { y, parameters: ["w", "v", "u"] };
  }, [3, 1, 1]);
});

Deno.test("what a checkpointed block computes again keeps its slope the second time", async () => {
  await gives((graph, x, of) => {
    const y = graph.checkpoint(() => {
      const z = matmul(graph, x, of("w"), NT);
      return matmul(graph, gelu(graph, z), of("v"), NT);
    });
    return { y, parameters: ["w", "v"] };
  }, [1, 2, 1]);
});

Deno.test("an input that is read besides stays, and its slope is computed where it is needed", async () => {
  await gives((graph, x, of) => {
    const z = matmul(graph, x, of("w"), NT);
    graph.output("z", z);
    const y = matmul(graph, gelu(graph, z), of("v"), NT);
    return { y, parameters: ["w", "v"] };
  }, [1, 1]);
  await gives((graph, x, of) => {
    const z = matmul(graph, x, of("w"), NT);
    const y = matmul(graph, gelu(graph, z), of("v"), { ...NT, addend: z });
    return { y, parameters: ["w", "v"] };
  }, [1, 1]);
  await gives((graph, x, of) => {
    const z = matmul(graph, x, of("w"), NT);
    const both = add(graph, gelu(graph, z), swiglu(graph, z, x));
    const y = matmul(graph, both, of("v"), NT);
    return { y, parameters: ["w", "v"] };
  }, [1, 1, 1, 1, 1]);
});

Deno.test("a slope that is no more than a number to be read is not kept", async () => {
  await gives((graph, x, of) => {
    const product = elementwise(
      graph,
      [matmul(graph, x, of("w"), NT), matmul(graph, x, of("v"), NT)],
      (a, b) => a.mul(b),
    );
    const y = matmul(graph, product, of("u"), NT);
    return { y, parameters: ["w", "v", "u"] };
  }, [1, 1, 1]);
});
