/**
 * What joins a product, and that it changes no bit on the reference.
 */
import { localDevice } from "../../../../core/device/local_device.ts";
import { dim } from "../../../../core/graph/dims.ts";
import { gradients } from "../../../../core/graph/gradients.ts";
import assert from "node:assert/strict";
import { ReferenceExecutor } from "../../../../backends/reference/mod.ts";
import {
  type DeviceInfo,
  elementwise,
  Graph,
  matmul,
  type Plan,
  swiglu,
  type Tensor,
} from "../../../../core/mod.ts";
import { input, write } from "../../../../core/graph/expression.ts";
import { rows } from "../../../../core/graph/ops/rows.ts";
import { C, runPlanned } from "./_planned.ts";

type Epilogues = DeviceInfo["epilogues"];
const ALL: Epilogues = { tensors: 16, bytes: 2 ** 30 };

/** The plan of a graph over square variables, and what it gives. */
async function run(
  build: (graph: Graph, x: Tensor, of: (name: string) => Tensor) => void,
  epilogues: Epilogues,
): Promise<{ plan: Plan; outputs: Record<string, ArrayLike<number>> }> {
  const graph = new Graph();
  const x = graph.input("x", [dim("N"), C]);
  build(graph, x, (name) => graph.variable(name, [C, C]));
  const device = localDevice(new ReferenceExecutor());
  return await runPlanned(graph, device, { ...device.info, epilogues });
}

/** Kernels of a plan with how many outputs each has: `matmul`, `matmul>2` with an epilogue of two. */
function kernels({ segments }: Plan): string[] {
  return segments.flatMap(({ calls }) => calls).map((call) =>
    call.kernel === "matmul" && call.attributes.epilogue !== undefined
      ? `matmul>${call.outputs.length}`
      : call.kernel
  );
}

async function gives(
  build: Parameters<typeof run>[0],
  expected: readonly string[],
  epilogues: Epilogues = ALL,
): Promise<void> {
  const apart = await run(build, undefined);
  const joined = await run(build, epilogues);
  assert.ok(kernels(apart.plan).every((k) => !k.includes(">")));
  assert.deepEqual(kernels(joined.plan), expected);
  assert.deepEqual(joined.outputs, apart.outputs);
}

const square = (graph: Graph, x: Tensor) =>
  elementwise(graph, [x], (v) => v.mul(v));

Deno.test("a function of a product is computed in the product's kernel", async () => {
  await gives((graph, x, of) => {
    const z = matmul(graph, x, of("w"), { layout: "NN" });
    graph.output("y", square(graph, z));
  }, ["matmul>1"]);
});

Deno.test("a product that is read besides is stored as well", async () => {
  await gives((graph, x, of) => {
    const z = matmul(graph, x, of("w"), { layout: "NT", alpha: -0.5 });
    graph.output("y", square(graph, z));
    graph.output("other", matmul(graph, z, of("v"), { layout: "NN" }));
  }, ["matmul>2", "matmul"]);
  await gives((graph, x, of) => {
    const z = matmul(graph, x, of("w"), { layout: "NT" });
    graph.output("y", square(graph, z));
    graph.output("z", z);
  }, ["matmul>2"]);
});

Deno.test("a gated unit joins its second product, and both of its gradients the product before them", async () => {
  await gives((graph, x, of) => {
    const gate = matmul(graph, x, of("w"), { layout: "NT" });
    const up = matmul(graph, x, of("v"), { layout: "NT" });
    const y = matmul(graph, swiglu(graph, gate, up), of("u"), { layout: "NT" });
    graph.output("y", y);
    const parameters = ["w", "v"].map(of);
    const found = gradients(graph, {
      seeds: [{ tensor: y, gradient: graph.input("x", [dim("N"), C]) }],
      parameters,
    });
    parameters.forEach((p, i) => graph.output(`${i}`, found.get(p)!));
  }, ["matmul", "matmul>2", "matmul", "matmul>2", "matmul", "matmul"]);
});

Deno.test("a function that needs what comes later stays apart", async () => {
  await gives((graph, x, of) => {
    const first = matmul(graph, x, of("w"), { layout: "NN" });
    const second = matmul(graph, x, of("v"), { layout: "NN" });
    const sum = elementwise(graph, [first, second], (a, b) => a.add(b));
    graph.output("y", sum); // joins the second, reads the first
    graph.output(
      "z",
      elementwise(graph, [first, sum], (a, b) => a.mul(b)), // reads what joined
    );
  }, ["matmul", "matmul>1", "rows"]);
});

Deno.test("what reads a product otherwise than element by element stays apart", async () => {
  await gives((graph, x, of) => {
    const z = matmul(graph, of("w"), of("v"), { layout: "NN" });
    const flat = { ...z, shape: [1, C * C] };
    graph.output(
      "y",
      rows(graph, [flat], { rows: 1, columns: C * C }, {
        inputs: ["matrix"],
        stages: [write(0, input(0).mul(2))],
        outputs: ["matrix"],
      })[0],
    );
    graph.output("x", matmul(graph, x, of("u"), { layout: "NN" }));
  }, ["matmul", "rows", "matmul"]);
});

Deno.test("nothing joins beyond what the device allows", async () => {
  const build: Parameters<typeof run>[0] = (graph, x, of) => {
    const gate = matmul(graph, x, of("w"), { layout: "NN" });
    const up = matmul(graph, x, of("v"), { layout: "NN" });
    graph.output("y", swiglu(graph, gate, up));
  };
  await gives(build, ["matmul", "matmul>1"], { tensors: 4, bytes: 1024 });
  await gives(build, ["matmul", "matmul", "rows"], { tensors: 3, bytes: 1024 });
  // seven rows of twelve take 336 bytes, a weight 576
  await gives(build, ["matmul", "matmul", "rows"], { tensors: 4, bytes: 575 });
});
