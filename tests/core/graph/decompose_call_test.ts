/** Kernels that a device lacks are made of others, and a device without a kernel that cannot be says so. */
import assert from "node:assert/strict";
import {
  Graph,
  input,
  randomFrom,
  sum,
  type Tensor,
} from "@denotune/denotune/core";
import { localDevice } from "../../../core/device/local_device.ts";
import { Session } from "../../../core/engine/session.ts";
import { kernelDefinitions } from "../../../core/graph/kernels/mod.ts";
import { Memory } from "../../../core/graph/memory.ts";
import { zerosOp } from "../../../core/graph/ops/embedding.ts";
import { argmax, groupSum } from "../../../core/graph/ops/sums.ts";
import { planProgram } from "../../../core/graph/planner.ts";
import { ReferenceExecutor } from "../../../backends/reference/mod.ts";

const ALL = Object.keys(kernelDefinitions);
const LACKING = ALL.filter((name) =>
  !["fill", "group_sum", "sum"].includes(name)
);

const N = 37;
const random = randomFrom(3);
const values = Float32Array.from({ length: N }, () => random.normal());
const groups = Int32Array.from({ length: N }, () => random.below(5));

/** Sums by group and in all of the squares, and a tensor of zeros, on a device with these kernels. */
async function results(kernels: readonly string[] | undefined) {
  const executor = new ReferenceExecutor();
  const ran = new Set<string>();
  const compile = executor.compile.bind(executor);
  executor.compile = (id, plan) => {
    plan.segments.forEach((s) => s.calls.forEach((c) => ran.add(c.kernel)));
    compile(id, plan);
  };
  await using device = localDevice(executor);
  const graph = new Graph();
  const x = graph.input("x", [N]);
  const total = graph.variable("total", [1]);
  const sums = graph.variable("sums", [5]);
  const outputs: Record<string, Tensor> = {
    groups: groupSum(graph, x, graph.input("groups", [N], "i32"), sums),
    total: sum(graph, x, input(0).mul(input(0)), total),
    zeros: graph.apply1(zerosOp, [], { shape: [3] }),
  };
  for (const [name, t] of Object.entries(outputs)) graph.output(name, t);
  const memory = new Memory({ ...device.info, kernels });
  memory.variable("total", [1], { role: "inputs" });
  memory.variable("sums", [5], { role: "inputs" });
  const program = planProgram(graph, { name: "p", memory, capacities: {} });
  await using session = await Session.open(device, memory, [program]);
  session.write("total", Float32Array.of(3));
  session.write("sums", Float32Array.of(1, 2, 3, 4, 5));
  session.run("p", {}, { x: values, groups });
  const found = Object.fromEntries(
    await Promise.all(
      Object.keys(outputs).map(async (name) =>
        [name, await session.output("p", name, {})] as const
      ),
    ),
  );
  return { found, ran };
}

Deno.test("fill, group_sum and sum are made of row programs and sums of columns where a device lacks them", async () => {
  const whole = await results(undefined);
  const made = await results(LACKING);
  assert.deepEqual([...whole.ran].sort(), ["fill", "group_sum", "sum"]);
  assert.deepEqual([...made.ran].sort(), ["column_sum", "rows"]);
  assert.deepEqual(made.found, whole.found);
});

Deno.test("a device without a kernel that cannot be made of others is refused, with the label and the kernel", () => {
  const graph = new Graph();
  graph.scope(
    "choose",
    () => graph.output("best", argmax(graph, graph.input("x", [2, 3]))),
  );
  const memory = new Memory({
    alignment: 4,
    maxBufferBytes: 2 ** 20,
    kernels: ALL.filter((name) => name !== "argmax"),
  });
  assert.throws(
    () => planProgram(graph, { name: "p", memory, capacities: {} }),
    /choose\.argmax: the device has no kernel argmax/,
  );
});
