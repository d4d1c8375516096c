/**
 * What every optimizer must do. Call it with your own: it registers tests.
 *
 * ```ts
 * import { testOptimizer } from "@denotune/denotune/testing";
 * testOptimizer("my-optimizer", () => myRule({ learning_rate: 1e-3 }));
 * ```
 * @module
 */
import { localDevice } from "../../core/device/local_device.ts";
import { Session } from "../../core/engine/session.ts";
import { Memory } from "../../core/graph/memory.ts";
import { planProgram } from "../../core/graph/planner.ts";
import assert from "node:assert/strict";
import {
  type Expr,
  Graph,
  input,
  type Optimizer,
  randomFrom,
  rows,
  type TrainedTensor,
  write,
} from "@denotune/denotune/core";
import { ReferenceExecutor } from "../../backends/reference/mod.ts";
import { evaluate } from "./expression.ts";
import { trainSteps } from "./optimizer/steps.ts";

/** What a step is made with. */
export interface StepInput {
  readonly parameter: Float32Array;
  readonly gradient: Float32Array;
  readonly slots: Readonly<Record<string, Float32Array>>;
  readonly learningRate: number;
  readonly weightDecay: number;
  /** Counted from 1. */
  readonly step: number;
}

/** What a step gives. */
export interface StepOutput {
  readonly parameter: Float32Array;
  readonly slots: Readonly<Record<string, Float32Array>>;
}

/** The rule over numbered inputs: parameter, gradient, slots, then one vector of scalars. */
function expressionsOf(rule: Optimizer): {
  parameter: Expr;
  slots: readonly Expr[];
  scalars: number;
} {
  const scalars = 2 + rule.slots.length;
  const named = (names: readonly string[], make: (i: number) => Expr) =>
    Object.fromEntries(names.map((name, i) => [name, make(i)]));
  const next = rule.update({
    parameter: input(0),
    gradient: input(1),
    slots: named(rule.slots, (i) => input(2 + i)),
    learningRate: input(scalars, 0),
    weightDecay: input(scalars, 1),
    scalars: named(rule.scalarNames, (i) => input(scalars, 2 + i)),
  });
  assert.deepEqual(
    Object.keys(next.slots).sort(),
    [...rule.slots].sort(),
    "update gives the slots that the rule has",
  );
  return {
    parameter: next.parameter,
    slots: rule.slots.map((name) => next.slots[name]),
    scalars,
  };
}

function scalarsOf(rule: Optimizer, given: StepInput): Float32Array {
  const own = rule.scalars(given.step);
  return Float32Array.of(
    given.learningRate,
    given.weightDecay,
    ...rule.scalarNames.map((name) => own[name]),
  );
}

/** One step by plain arithmetic in double precision, rounded at its end. */
export function plainStep(rule: Optimizer, given: StepInput): StepOutput {
  const { parameter, slots, scalars } = expressionsOf(rule);
  const numbers = scalarsOf(rule, given);
  const inputs = [
    given.parameter,
    given.gradient,
    ...rule.slots.map((name) => given.slots[name]),
  ];
  const over = (e: Expr) =>
    Float32Array.from(given.parameter, (_, i) =>
      evaluate(
        e.node,
        (n, index) => n === scalars ? numbers[index ?? 0] : inputs[n][i],
      ));
  return {
    parameter: over(parameter),
    slots: Object.fromEntries(
      rule.slots.map((name, i) => [name, over(slots[i])]),
    ),
  };
}

/** Steps as a program of the reference backend, each behind the last. */
export async function programSteps(
  rule: Optimizer,
  start: Float32Array,
  steps: readonly Omit<StepInput, "parameter" | "slots">[],
): Promise<StepOutput[]> {
  const graph = new Graph();
  const size = [start.length];
  const tensors = [
    graph.variable("parameter", size),
    graph.input("gradient", size),
    ...rule.slots.map((name) => graph.variable(name, size)),
  ];
  const { parameter, slots } = expressionsOf(rule);
  const scalars = graph.input("scalars", [2 + rule.scalarNames.length]);
  const results = rows(graph, [...tensors, scalars], {
    rows: 1,
    columns: start.length,
  }, {
    inputs: [...tensors.map(() => "matrix" as const), "scalars"],
    stages: [parameter, ...slots].map((e, i) => write(i, e)),
    outputs: [parameter, ...slots].map(() => "matrix" as const),
  });
  graph.assign(tensors[0], results[0]);
  rule.slots.forEach((_, i) => graph.assign(tensors[2 + i], results[1 + i]));

  await using device = localDevice(new ReferenceExecutor());
  const memory = new Memory(device.info);
  for (const name of ["parameter", ...rule.slots]) {
    memory.variable(name, size, { role: "optimizer" });
  }
  const planned = planProgram(graph, {
    name: "update",
    memory,
    capacities: {},
  });
  await using session = await Session.open(device, memory, [planned]);
  session.write("parameter", start);
  for (const [name, values] of Object.entries(startOf(rule, start).slots)) {
    session.write(name, values);
  }
  const found: StepOutput[] = [];
  for (const step of steps) {
    session.run("update", {}, {
      gradient: step.gradient,
      scalars: scalarsOf(rule, { ...step, parameter: start, slots: {} }),
    });
    found.push({
      parameter: await session.read("parameter"),
      slots: Object.fromEntries(
        await Promise.all(
          rule.slots.map(async (name) =>
            [name, await session.read(name)] as const
          ),
        ),
      ),
    });
  }
  return found;
}

/** Before the first step: an average starts as the parameter, every other state at zero. */
function startOf(rule: Optimizer, parameter: Float32Array): StepOutput {
  return {
    parameter,
    slots: Object.fromEntries(
      rule.slots.map((name) => [
        name,
        name === rule.average?.slot
          ? parameter.slice()
          : new Float32Array(parameter.length),
      ]),
    ),
  };
}

/** Steps by plain arithmetic, each behind the last. */
export function plainSteps(
  rule: Optimizer,
  start: Float32Array,
  steps: readonly Omit<StepInput, "parameter" | "slots">[],
): StepOutput[] {
  let state = startOf(rule, start);
  return steps.map((step) => state = plainStep(rule, { ...step, ...state }));
}

/** Registers the tests of an optimizer. */
export function testOptimizer(
  name: string,
  make: () => Optimizer | Promise<Optimizer>,
): void {
  Deno.test(`${name}: its numbers are finite at every step`, async () => {
    const rule = await make();
    assert.ok(rule.learningRate >= 0 && Number.isFinite(rule.learningRate));
    assert.ok(rule.weightDecay >= 0 && Number.isFinite(rule.weightDecay));
    for (const step of [1, 2, 3, 10, 1_000, 1_000_000]) {
      const scalars = rule.scalars(step);
      assert.deepEqual(
        Object.keys(scalars).sort(),
        [...rule.scalarNames].sort(),
      );
      for (const value of Object.values(scalars)) {
        assert.ok(Number.isFinite(Math.fround(value)), `step ${step}`);
      }
    }
  });

  testGraphs(name, make);

  Deno.test(`${name}: says which tensors are decayed`, async () => {
    const rule = await make();
    for (const shape of [[8, 8], [8]]) {
      const tensor = { name: "some.weight", shape };
      assert.equal(typeof rule.decays(tensor), "boolean");
      const factor = rule.learningRateFactor?.(tensor) ?? 1;
      assert.ok(factor >= 0 && Number.isFinite(factor));
    }
  });

  const random = randomFrom(4);
  const normals = () => Float32Array.from({ length: 9 }, () => random.normal());
  const start = normals();
  const steps = [1, 2, 3, 4].map((step) => ({
    gradient: normals(),
    learningRate: 1e-2,
    weightDecay: 0.1,
    step,
  }));

  Deno.test(`${name}: runs as a program as plain arithmetic does`, async () => {
    const rule = await make();
    const plain = plainSteps(rule, start, steps);
    const program = await programSteps(rule, start, steps);
    plain.forEach((wanted, i) => {
      near(program[i].parameter, wanted.parameter, `step ${i + 1}`);
      for (const slot of rule.slots) {
        near(program[i].slots[slot], wanted.slots[slot], `${slot} ${i + 1}`);
      }
    });
  });

  Deno.test(`${name}: a learning rate of 0 moves nothing`, async () => {
    const rule = await make();
    const still = steps.map((step) => ({ ...step, learningRate: 0 }));
    for (const { parameter } of plainSteps(rule, start, still)) {
      assert.deepEqual(parameter, start);
    }
  });

  Deno.test(`${name}: gradients of 0 and of 1e8 give finite numbers`, async () => {
    const rule = await make();
    const extreme = steps.map((step, i) => ({
      ...step,
      gradient: new Float32Array(9).fill(i % 2 === 0 ? 0 : 1e8),
    }));
    for (const { parameter, slots } of plainSteps(rule, start, extreme)) {
      for (const values of [parameter, ...Object.values(slots)]) {
        assert.ok(values.every(Number.isFinite));
      }
    }
  });

  Deno.test(`${name}: goes downhill`, async () => {
    const rule = await make();
    // of x^2 / 2, whose gradient is x
    let state = startOf(rule, Float32Array.of(1, -1));
    for (let step = 1; step <= 500; step++) {
      state = plainStep(rule, {
        ...state,
        gradient: state.parameter,
        learningRate: 0.01,
        weightDecay: 0,
        step,
      });
    }
    assert.ok(state.parameter.every((x) => Math.abs(x) < 0.5));
  });
}

/** Tensors of several shapes: those that a graph updates among them. */
const TENSORS: readonly TrainedTensor[] = [
  { name: "layers.0.mlp.tall", shape: [7, 3] },
  { name: "layers.0.mlp.wide", shape: [3, 7] },
  { name: "layers.1.attention.square", shape: [4, 4] },
  { name: "layers.1.norm", shape: [5] },
];

/** Registers what a rule with graphs must do besides: as the engine runs it, on the reference. */
function testGraphs(
  name: string,
  make: () => Optimizer | Promise<Optimizer>,
): void {
  const random = randomFrom(8);
  const numbers = (shape: readonly number[], factor = 1) =>
    Float32Array.from(
      { length: shape.reduce((a, b) => a * b, 1) },
      () => factor * random.normal(),
    );
  const tensors = TENSORS.map((tensor) => ({
    ...tensor,
    values: numbers(tensor.shape),
  }));
  const stepsOf = (factor: (i: number) => number, learningRate = 1e-2) =>
    Array.from({ length: 4 }, (_, i) => ({
      learningRate,
      gradients: Object.fromEntries(
        TENSORS.map(({ name, shape }) => [name, numbers(shape, factor(i))]),
      ),
    }));
  const run = async (steps: ReturnType<typeof stepsOf>) => {
    await using device = localDevice(new ReferenceExecutor());
    return await trainSteps(await make(), { tensors, steps, device });
  };

  Deno.test(`${name}: steps of whole tensors are finite, whatever the gradients`, async () => {
    for (const factor of [() => 1, () => 0, (i: number) => i % 2 * 1e8]) {
      for (const values of await run(stepsOf(factor))) {
        for (const [tensor, found] of values) {
          assert.ok(found.every(Number.isFinite), tensor);
        }
      }
    }
  });

  Deno.test(`${name}: steps of whole tensors move nothing at a learning rate of 0`, async () => {
    for (const values of await run(stepsOf(() => 1, 0))) {
      for (const { name, values: start } of tensors) {
        assert.deepEqual(values.get(name), start, name);
      }
    }
  });

  Deno.test(`${name}: a gradient that is not finite leaves tensors and states as they were`, async () => {
    const steps = stepsOf(() => 1);
    steps[2].gradients[TENSORS[0].name][1] = NaN;
    const found = await run(steps);
    assert.deepEqual(found[2], found[1]);
    assert.notDeepEqual(found[3], found[2]);
  });

  Deno.test(`${name}: every state has the shape that was asked for`, async () => {
    const rule = await make();
    const [values] = await run(stepsOf(() => 1).slice(0, 1));
    for (const tensor of TENSORS) {
      const states = rule.tensorUpdate?.(tensor)?.states ?? {};
      for (const [state, { shape }] of Object.entries(states)) {
        const count = shape.reduce((a, b) => a * b, 1);
        assert.equal(values.get(`${state}:${tensor.name}`)?.length, count);
      }
    }
  });
}

function near(found: Float32Array, wanted: Float32Array, what: string): void {
  wanted.forEach((value, i) =>
    assert.ok(
      Math.abs(found[i] - value) <= 1e-6 * Math.max(1, Math.abs(value)),
      `${what}, element ${i}: ${found[i]}, expected ${value}`,
    )
  );
}
