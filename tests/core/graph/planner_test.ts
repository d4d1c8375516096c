import { localDevice } from "../../../core/device/local_device.ts";
import { type InputData, Session } from "../../../core/engine/session.ts";
import { Memory } from "../../../core/graph/memory.ts";
import { planProgram } from "../../../core/graph/planner.ts";
import { sum, writeRow } from "../../../core/graph/ops/sums.ts";
import type { PlannedProgram } from "../../../core/graph/planner.ts";
import assert from "node:assert/strict";
import { ReferenceExecutor } from "../../../backends/reference/mod.ts";
import {
  columnSum,
  elementwise,
  Graph,
  matmul,
  type Random,
  randomFrom,
  rows,
  type Tensor,
} from "../../../core/mod.ts";
import { input, write } from "../../../core/graph/expression.ts";
import { add } from "../../../core/graph/ops/add.ts";
import { embedding } from "../../../core/graph/ops/embedding.ts";
import { sortIndex } from "../../../core/engine/inputs/host_inputs.ts";
import { normals } from "../../graph_harness.ts";
import { planNaively } from "./_naive.ts";

type Planner = typeof planProgram;

const SHAPE = [4, 4];
const VARIABLES = ["a", "b", "c", "d"];

/** Runs programs one after the other, twice, and gives everything that can be read. */
async function results(
  plan: Planner,
  programs: readonly { graph: Graph; inputs: InputData }[],
): Promise<Record<string, Float32Array | Int32Array>> {
  const device = localDevice(new ReferenceExecutor());
  const memory = new Memory(device.info);
  for (const name of VARIABLES) {
    memory.variable(name, SHAPE, { role: "weights" });
  }
  const planned: PlannedProgram[] = programs.map(({ graph }, i) =>
    plan(graph, { name: `p${i}`, memory, capacities: {} })
  );
  await using session = await Session.open(device, memory, planned);
  for (const [i, name] of VARIABLES.entries()) {
    session.write(name, normals(16, randomFrom(i, 5)));
  }
  const found: Record<string, Float32Array | Int32Array> = {};
  for (let round = 0; round < 2; round++) {
    programs.forEach(({ graph, inputs }, i) =>
      session.run(
        `p${i}`,
        {},
        Object.fromEntries(
          Object.entries(inputs).filter(([name]) => graph.inputs.has(name)),
        ),
      )
    );
    // outputs of every program must have survived the programs behind it
    for (const [i, { graph }] of programs.entries()) {
      for (const name of graph.outputs.keys()) {
        found[`${round}.p${i}.${name}`] = await session.output(
          `p${i}`,
          name,
          {},
        );
      }
    }
    for (const name of VARIABLES) {
      found[`${round}.${name}`] = await session.read(name);
    }
  }
  return found;
}

async function agrees(
  programs: readonly { graph: Graph; inputs: InputData }[],
  what: string,
): Promise<void> {
  assert.deepEqual(
    await results(planProgram, programs),
    await results(planNaively, programs),
    what,
  );
}

const TOKENS = Int32Array.of(2, 0, 2, 3);
const SORTED = sortIndex(TOKENS);
const INPUTS: InputData = {
  x: normals(16, randomFrom(77)),
  row: Int32Array.of(2),
  tokens: TOKENS,
  ...SORTED,
};

/** A graph of random ops over (4, 4) tensors, with random outputs and assignments. */
function randomGraph(random: Random): Graph {
  const graph = new Graph();
  const tensors: Tensor[] = [
    graph.input("x", SHAPE),
    ...VARIABLES.map((name) => graph.variable(name, SHAPE)),
  ];
  const any = () => tensors[random.below(tensors.length)];
  const square = (t: Tensor) => ({ ...t, shape: SHAPE });
  const ops: (() => readonly Tensor[])[] = [
    () => [elementwise(graph, [any()], (x) => x.tanh())],
    () => [elementwise(graph, [any(), any()], (x, y) => x.sub(y).tanh())],
    () => [add(graph, any(), any())],
    () => [matmul(graph, any(), any(), { layout: "NT", alpha: 0.25 })],
    () => [
      matmul(graph, any(), any(), {
        layout: "TN",
        alpha: 0.25,
        addend: any(),
      }),
    ],
    () => {
      const x = any();
      return rows(graph, [x, any()], { rows: 4, columns: 4 }, {
        inputs: ["matrix", "matrix"],
        stages: [
          write(1, input(0).mul(0.5)),
          write(0, input(0).add(input(1)).tanh()),
        ],
        outputs: ["matrix", "matrix"],
      });
    },
    () => {
      const sums = columnSum(graph, [any()], ["matrix"], input(0));
      return [
        rows(graph, [any(), sums], { rows: 4, columns: 4 }, {
          inputs: ["matrix", "row"],
          stages: [write(0, input(0).add(input(1)).tanh())],
          outputs: ["matrix"],
        })[0],
      ];
    },
    () => [
      square(
        writeRow(
          graph,
          any(),
          columnSum(graph, [any()], ["matrix"], input(0).tanh()),
          graph.input("row", [1], "i32"),
        ),
      ),
    ],
    () => {
      // a scatter_add whose addend is any tensor at all
      const [table, seed, addend] = [any(), any(), any()];
      const sorted = {
        order: graph.input("order", [4], "i32"),
        ids: graph.input("ids", [SORTED.ids.length], "i32"),
        starts: graph.input("starts", [SORTED.starts.length], "i32"),
      };
      const y = embedding(
        graph,
        table,
        graph.input("tokens", [4], "i32"),
        sorted,
      );
      const last = graph.nodes[graph.nodes.length - 1];
      last.op.gradient!({
        graph,
        node: last,
        dOutputs: [seed],
        wants: (i) => i === 0,
        add: (_, make) => tensors.push(make(addend)),
      });
      return [y];
    },
  ];
  const count = 3 + random.below(14);
  for (let i = 0; i < count; i++) {
    tensors.push(...ops[random.below(ops.length)]());
  }
  for (const name of VARIABLES) {
    if (random.next() < 0.6) {
      graph.assign(graph.variable(name, SHAPE), any());
    }
  }
  for (let i = random.below(4); i > 0; i--) graph.output(`out${i}`, any());
  if (graph.outputs.size + graph.assignments.size === 0) {
    graph.output("out", any());
  }
  return graph;
}

Deno.test("planned memory never changes a result, whatever the graph", async () => {
  for (let key = 0; key < 400; key++) {
    const programs = [0, 1].map((i) => ({
      graph: randomGraph(randomFrom(key, i)),
      inputs: INPUTS,
    }));
    await agrees(programs, `graphs of key ${key}`);
  }
});

/** A graph over the variables, checked against the naive plan. */
function assignTest(
  title: string,
  build: (graph: Graph, v: (name: string) => Tensor) => void,
): void {
  Deno.test(title, async () => {
    const graph = new Graph();
    build(graph, (name) => graph.variable(name, SHAPE));
    await agrees([{ graph, inputs: INPUTS }], title);
  });
}

assignTest("two variables change places", (graph, v) => {
  graph.assign(v("a"), v("b"));
  graph.assign(v("b"), v("a"));
});

assignTest(
  "three variables change places in a ring, and one follows",
  (graph, v) => {
    graph.assign(v("a"), v("b"));
    graph.assign(v("b"), v("c"));
    graph.assign(v("c"), v("a"));
    graph.assign(v("d"), v("a"));
  },
);

assignTest("values computed in each other's place", (graph, v) => {
  const twiceA = elementwise(graph, [v("a")], (x) => x.mul(2));
  const twiceB = elementwise(graph, [v("b")], (x) => x.mul(3));
  graph.assign(v("b"), twiceA);
  graph.assign(v("a"), twiceB);
});

assignTest("an output that is a variable's old value", (graph, v) => {
  graph.output("old", v("a"));
  graph.assign(v("a"), elementwise(graph, [v("a")], (x) => x.add(1)));
});

assignTest("an output that is a variable's new value", (graph, v) => {
  const next = elementwise(graph, [v("a")], (x) => x.add(1));
  graph.assign(v("a"), next);
  graph.output("new", next);
  graph.output("later", elementwise(graph, [next], (x) => x.mul(2)));
});

assignTest(
  "one value for two variables, and an input for a third",
  (graph, v) => {
    const value = elementwise(graph, [v("a")], (x) => x.add(1));
    graph.assign(v("a"), value);
    graph.assign(v("b"), value);
    graph.assign(v("c"), graph.input("x", SHAPE));
  },
);

assignTest(
  "a variable's place is free for its new value only when nothing lives there",
  (graph, v) => {
    const there = elementwise(graph, [v("a")], (x) => x.mul(2)); // takes a's place
    const next = elementwise(graph, [v("b")], (x) => x.add(1));
    graph.assign(v("a"), next);
    graph.output("both", add(graph, there, next));
  },
);

assignTest("a chain in the variable's own place", (graph, v) => {
  let x = v("a");
  for (let i = 0; i < 3; i++) {
    x = matmul(graph, v("b"), v("c"), { layout: "NN", addend: x });
  }
  graph.assign(v("a"), x);
});

function accumulation(graph: Graph): Tensor {
  const slot = graph.variable("slot", [8, 8]);
  const x = graph.variable("x", [8, 8]);
  const total = matmul(graph, x, x, { layout: "TN", addend: slot });
  graph.assign(slot, total);
  return total;
}

function memoryWith(names: readonly string[]): Memory {
  const memory = new Memory({ alignment: 4, maxBufferBytes: 2 ** 20 });
  for (const name of names) memory.variable(name, [8, 8], { role: "weights" });
  return memory;
}

Deno.test("accumulation happens in the slot's own place: no copy, no pool", () => {
  const graph = new Graph();
  accumulation(graph);
  const memory = memoryWith(["slot", "x"]);
  const { plan } = planProgram(graph, { name: "p", memory, capacities: {} });
  assert.deepEqual(
    plan.segments.flatMap((s) => s.calls.map((c) => c.kernel)),
    ["matmul"],
  );
  assert.equal(memory.report().activations, 0);
});

Deno.test("what nothing needs is not run", () => {
  const graph = new Graph();
  const x = graph.variable("x", [8, 8]);
  elementwise(graph, [x], (v) => v.exp());
  graph.output("y", elementwise(graph, [x], (v) => v.neg()));
  const { plan } = planProgram(graph, {
    name: "p",
    memory: memoryWith(["x"]),
    capacities: {},
  });
  assert.equal(plan.segments.flatMap((s) => s.calls).length, 1);
});

Deno.test("a chain of elementwise nodes lives in one slot", () => {
  const graph = new Graph();
  let x: Tensor = graph.variable("x", [8, 8]);
  for (let i = 0; i < 5; i++) x = elementwise(graph, [x], (v) => v.tanh());
  graph.output("y", sum(graph, x, input(0)));
  const memory = memoryWith(["x"]);
  planProgram(graph, { name: "p", memory, capacities: {} });
  assert.equal(memory.pool.length, 1);
});

Deno.test("the optimizer's pattern needs no memory of its own", () => {
  const graph = new Graph();
  const names = ["p", "g", "m", "v"];
  const tensors = names.map((name) => graph.variable(name, [8, 8]));
  const next = rows(graph, tensors, { rows: 8, columns: 8 }, {
    inputs: names.map(() => "matrix" as const),
    stages: [
      write(0, input(0).sub(input(2).mul(input(1)))),
      write(1, input(2).add(input(1))),
      write(2, input(3).add(input(1))),
    ],
    outputs: ["matrix", "matrix", "matrix"],
  });
  graph.assign(tensors[0], next[0]);
  graph.assign(tensors[2], next[1]);
  graph.assign(tensors[3], next[2]);
  const memory = memoryWith(names);
  const { plan } = planProgram(graph, { name: "p", memory, capacities: {} });
  assert.equal(plan.segments.flatMap((s) => s.calls).length, 1);
  assert.equal(memory.report().activations, 0);
});

Deno.test("a row program may not overwrite what a later stage reads", () => {
  const graph = new Graph();
  const tensors = ["p", "m"].map((name) => graph.variable(name, [8, 8]));
  const next = rows(graph, tensors, { rows: 8, columns: 8 }, {
    inputs: ["matrix", "matrix"],
    stages: [
      write(1, input(1).add(input(0))), // m first, and p reads it again
      write(0, input(0).sub(input(1))),
    ],
    outputs: ["matrix", "matrix"],
  });
  graph.assign(tensors[0], next[0]);
  graph.assign(tensors[1], next[1]);
  const memory = memoryWith(["p", "m"]);
  const { plan } = planProgram(graph, { name: "p", memory, capacities: {} });
  const [call] = plan.segments[0].calls;
  assert.equal(call.outputs[0].buffer, call.inputs[0].buffer, "p in place");
  assert.notEqual(call.outputs[1].buffer, call.inputs[1].buffer, "m aside");
});

Deno.test("variables that share memory cannot be assigned beside each other", () => {
  const memory = new Memory({ alignment: 4, maxBufferBytes: 2 ** 20 });
  const [arena] = memory.layout("arena", [{ name: "a", shape: [8, 8] }]);
  memory.place(arena, {
    name: "all",
    role: "weights",
    memberName: (name) => name,
  });
  const graph = new Graph();
  const whole = graph.variable("all", [64]);
  graph.output("y", sum(graph, whole, input(0)));
  const a = graph.variable("a", [8, 8]);
  graph.assign(a, elementwise(graph, [a], (x) => x.neg()));
  assert.throws(
    () => planProgram(graph, { name: "p", memory, capacities: {} }),
    /p: the variables all and a share memory/,
  );
});

Deno.test("the report is what is allocated, byte for byte", async () => {
  const graph = new Graph();
  const total = accumulation(graph);
  graph.output("y", sum(graph, total, input(0).mul(input(0))));
  const executor = new ReferenceExecutor();
  let allocated = 0;
  const allocate = executor.allocate.bind(executor);
  executor.allocate = (id, bytes, label) => {
    allocated += bytes;
    return allocate(id, bytes, label);
  };
  const device = localDevice(executor);
  const memory = new Memory({ alignment: 256, maxBufferBytes: 2 ** 20 });
  memory.variable("slot", [8, 8], { role: "gradients" });
  memory.variable("x", [8, 8], { role: "weights" });
  const program = planProgram(graph, { name: "p", memory, capacities: {} });
  await using _ = await Session.open(device, memory, [program]);
  const report = memory.report();
  assert.equal(allocated, report.total);
  const { total: sumOfRoles, ...roles } = report;
  assert.equal(
    Object.values(roles).reduce((a, b) => a + b, 0),
    sumOfRoles,
  );
  assert.equal(report.weights, 256);
  assert.equal(report.gradients, 256);
});

Deno.test("a variable without a place, or of another size, is refused by name", () => {
  const graph = new Graph();
  graph.output(
    "y",
    add(graph, graph.variable("x", [4]), graph.variable("x", [4])),
  );
  const options = { name: "p", capacities: {} };
  assert.throws(
    () => planProgram(graph, { ...options, memory: memoryWith([]) }),
    /p: the variable x has no place/,
  );
  assert.throws(
    () => planProgram(graph, { ...options, memory: memoryWith(["x"]) }),
    /the variable x is used with another shape/,
  );
});
