/**
 * The programs of a run: `micro` (forward, backward, accumulate), `update` (norm, clip, optimizer, zero)
 * and `evaluate`. Losses stay on the device, as sums, until somebody reads the ring.
 * @module
 */
import type { ModelSpec } from "../contracts/model.ts";
import type { Optimizer } from "../contracts/optimizer.ts";
import { buildModel, type BuildOptions } from "./build_model.ts";
import {
  constant,
  define,
  type Expr,
  input,
  value,
  write,
} from "../graph/expression.ts";
import { gradients } from "../graph/gradients.ts";
import { Graph, type Tensor } from "../graph/graph.ts";
import { concatColumns } from "../graph/ops/columns.ts";
import { selectRows, zerosOp } from "../graph/ops/embedding.ts";
import type { Head } from "../graph/ops/head.ts";
import { linearCrossEntropy } from "../graph/ops/linear_cross_entropy.ts";
import { readsInput, rows } from "../graph/ops/rows.ts";
import { groupSum, sum, writeRow } from "../graph/ops/sums.ts";
import { programInput } from "./program_inputs.ts";
import { gradientName, slotName, type Trainables } from "./trainables.ts";

/** Slots of the ring: how many steps may pass before the host reads. */
export const RING_SLOTS = 256;

/** Columns of the ring before those of the sources: loss sum, correct sum, gradient norm, finite. */
export const RING_FIXED = 4;

/** Names of the sums that a program adds to: `train` or `eval`. */
export function sumNames(
  prefix: "train" | "eval",
): { loss: string; correct: string; sources: string } {
  return {
    loss: `${prefix}.loss`,
    correct: `${prefix}.correct`,
    sources: `${prefix}.sources`,
  };
}

function lossOf(
  spec: ModelSpec,
  options: BuildOptions,
  sources: number,
  trainables: Trainables | null,
): Graph {
  const { graph, hidden, head } = buildModel(spec, options);
  const selected = selectRows(graph, hidden, programInput(graph, "rows"));
  const slot = (name: string): Tensor | null => {
    const found = trainables?.tensors.find((t) => t.name === name);
    return found === undefined
      ? null
      : graph.variable(gradientName(name), found.shape);
  };
  const headSlot = slot(spec.head.name);
  const biasSlot = spec.head.bias === undefined ? null : slot(spec.head.bias);
  // with an untied head alone trained nothing before it needs a gradient
  const beforeHead = trainables !== null &&
    (spec.head.tied ||
      trainables.tensors.some(({ name }) =>
        name !== spec.head.name && name !== spec.head.bias
      ));
  const result = graph.scope("loss", () =>
    linearCrossEntropy(
      graph,
      {
        hidden: selected,
        ...head,
        targets: programInput(graph, "targets"),
        weights: programInput(graph, "loss_weights"),
        scale: programInput(graph, "loss_scale"),
      },
      trainables === null ? null : {
        dHidden: beforeHead,
        dWeightSlot: headSlot,
        dBiasSlot: biasSlot,
      },
    ));
  if (trainables !== null) addGradients(graph, trainables, result, head);
  const names = sumNames(trainables === null ? "eval" : "train");
  const total = (name: string, values: Tensor) => {
    const variable = graph.variable(name, [1]);
    graph.assign(variable, sum(graph, values, input(0), variable));
  };
  graph.scope("metrics", () => {
    total(names.loss, result.losses);
    total(names.correct, result.correct);
    const bySource = graph.variable(names.sources, [sources]);
    graph.assign(
      bySource,
      groupSum(graph, result.losses, programInput(graph, "sources"), bySource),
    );
  });
  return graph;
}

function addGradients(
  graph: Graph,
  trainables: Trainables,
  loss: ReturnType<typeof linearCrossEntropy>,
  head: Head,
): void {
  const parameters = trainables.tensors.map((t) =>
    graph.variable(t.name, t.shape)
  );
  const slots = new Map(
    parameters.map((
      p,
      i,
    ) => [
      p,
      graph.variable(gradientName(trainables.tensors[i].name), p.shape),
    ]),
  );
  const started = new Map(slots);
  // what the loss has added to the gradients of the head: other uses (a tied table's) add to that
  const made = new Map<Tensor, Tensor>();
  for (
    const [tensor, gradient] of [
      [head.weight, loss.dWeight],
      [head.bias, loss.dBias],
    ]
  ) {
    const parameter = parameters.find((p) => p.id === tensor?.id);
    if (parameter !== undefined && gradient != null) {
      made.set(parameter, gradient);
      started.set(parameter, gradient);
    }
  }
  const sums = gradients(graph, {
    seeds: loss.seeds,
    parameters,
    accumulators: started,
  });
  for (const p of parameters) {
    const total = sums.get(p) ?? made.get(p);
    if (total !== undefined) {
      graph.assign(slots.get(p)!, total);
    }
  }
}

/** Forward, backward, accumulate: adds to the gradient slots and to the sums of the step. */
export function microProgram(
  spec: ModelSpec,
  options: BuildOptions,
  context: { sources: number; trainables: Trainables },
): Graph {
  return lossOf(spec, options, context.sources, context.trainables);
}

/** Forward only: adds to the sums of the evaluation. */
export function evaluateProgram(
  spec: ModelSpec,
  options: BuildOptions,
  context: { sources: number },
): Graph {
  return lossOf(spec, options, context.sources, null);
}

/** Layout of the input `scalars` of the update: two a group, then the optimizer's own. */
export function scalarsOf(
  trainables: Trainables,
  optimizer: Optimizer,
  step: { learningRate: number; step: number },
): Float32Array {
  const own = optimizer.scalars(step.step);
  return Float32Array.from([
    ...trainables.groups.flatMap((g) => [
      step.learningRate * g.learningRateFactor,
      g.decayed ? optimizer.weightDecay : 0,
    ]),
    ...optimizer.scalarNames.map((name) => own[name]),
  ]);
}

/**
 * Norm over all gradients, clipping (as torch's `clip_grad_norm_`: max / (norm + 1e-6), at most 1), the
 * optimizer, zeroed gradients, one row of the ring. A norm that is not finite leaves everything as it was.
 */
export function updateProgram(
  trainables: Trainables,
  optimizer: Optimizer,
  options: { maxGradNorm: number | null; sources: number },
): Graph {
  const graph = new Graph();
  const scalarCount = trainables.groups.length * 2 +
    optimizer.scalarNames.length;
  const scalars = programInput(graph, "scalars", [scalarCount]);
  let squares: Tensor | undefined;
  for (const { arenas } of trainables.groups) {
    for (const arena of arenas) {
      const gradient = graph.variable(gradientName(arena.name), [
        arena.elements,
      ]);
      squares = graph.scope(
        "norm",
        () => sum(graph, gradient, input(0).mul(input(0)), squares),
      );
    }
  }
  if (squares === undefined) throw new RangeError("Nothing is trained");
  const clip = options.maxGradNorm === null
    ? constant(1)
    : value("norm").add(1e-6).reciprocal().mul(options.maxGradNorm).min(1);
  const [norm, factor, finite] = graph.scope(
    "clip",
    () =>
      rows(graph, [squares!], { rows: 1, columns: 1 }, {
        inputs: ["column"],
        stages: [
          define("norm", input(0).sqrt()),
          define("finite", value("norm").isFinite()),
          write(0, value("norm")),
          write(1, value("finite").select(clip, 0)),
          write(2, value("finite")),
        ],
        outputs: ["column", "column", "column"],
      }),
  );
  for (const group of trainables.groups) {
    for (const arena of group.arenas) {
      graph.scope(`update.${arena.name}`, () =>
        updateArena(graph, optimizer, {
          arena: arena.name,
          elements: arena.elements,
          scalars,
          factor,
          finite,
          learningRate: group.index * 2,
          ownScalars: trainables.groups.length * 2,
        }));
    }
  }
  writeRing(graph, norm, finite, options.sources);
  return graph;
}

function updateArena(
  graph: Graph,
  optimizer: Optimizer,
  at: {
    arena: string;
    elements: number;
    scalars: Tensor;
    factor: Tensor;
    finite: Tensor;
    learningRate: number;
    ownScalars: number;
  },
): void {
  const flat = (name: string) => graph.variable(name, [at.elements]);
  const parameter = flat(`parameters:${at.arena}`);
  const gradient = flat(gradientName(at.arena));
  const slots = optimizer.slots.map((s) => flat(slotName(s, at.arena)));
  const n = 2 + slots.length;
  const [scalars, factor, finite] = [n, n + 1, n + 2];
  const named = <T extends string>(
    names: readonly T[],
    make: (i: number) => Expr,
  ) =>
    Object.fromEntries(names.map((name, i) => [name, make(i)])) as Record<
      T,
      Expr
    >;
  const next = optimizer.update({
    parameter: input(0),
    gradient: input(1).mul(input(factor, 0)),
    slots: named(optimizer.slots, (i) => input(2 + i)),
    learningRate: input(scalars, at.learningRate),
    weightDecay: input(scalars, at.learningRate + 1),
    scalars: named(
      optimizer.scalarNames,
      (i) => input(scalars, at.ownScalars + i),
    ),
  });
  const ifFinite = (after: Expr, before: Expr) =>
    input(finite, 0).select(after, before);
  const results = rows(graph, [
    parameter,
    gradient,
    ...slots,
    at.scalars,
    at.factor,
    at.finite,
  ], {
    rows: 1,
    columns: at.elements,
  }, {
    inputs: [
      "matrix",
      "matrix",
      ...slots.map(() => "matrix" as const),
      "scalars",
      "scalars",
      "scalars",
    ],
    stages: inPlaceOrder([
      { output: 0, home: 0, value: ifFinite(next.parameter, input(0)) },
      ...optimizer.slots.map((name, i) => ({
        output: 1 + i,
        home: 2 + i,
        value: ifFinite(next.slots[name], input(2 + i)),
      })),
    ]).map(({ output, value }) => write(output, value)),
    outputs: ["matrix", ...slots.map(() => "matrix" as const)],
  });
  graph.assign(parameter, results[0]);
  slots.forEach((slot, i) => graph.assign(slot, results[1 + i]));
  graph.assign(gradient, graph.apply1(zerosOp, [], { shape: [at.elements] }));
}

/**
 * New values in an order in which each may be written over the old one (input `home`): after all others
 * that read it. An average reads the weight and so comes before it. Where they read each other in a ring
 * the planner copies.
 */
function inPlaceOrder<T extends { home: number; value: Expr }>(
  values: readonly T[],
): T[] {
  const left = [...values];
  const order: T[] = [];
  while (left.length > 0) {
    const free = left.findIndex(({ home }, i) =>
      left.every((other, k) => k === i || !readsInput(other.value.node, home))
    );
    order.push(...left.splice(Math.max(0, free), 1));
  }
  return order;
}

function writeRing(
  graph: Graph,
  norm: Tensor,
  finite: Tensor,
  sources: number,
): void {
  const names = sumNames("train");
  const reset = (name: string, size: number): Tensor => {
    const variable = graph.variable(name, [size]);
    graph.assign(variable, graph.apply1(zerosOp, [], { shape: [size] }));
    return { ...variable, shape: [1, size] };
  };
  graph.scope("metrics", () => {
    const row = concatColumns(graph, [
      { ...graph.variable(names.loss, [1]), shape: [1, 1] },
      { ...graph.variable(names.correct, [1]), shape: [1, 1] },
      { ...norm, shape: [1, 1] },
      { ...finite, shape: [1, 1] },
      { ...graph.variable(names.sources, [sources]), shape: [1, sources] },
    ]);
    const columns = RING_FIXED + sources;
    const ring = graph.variable("ring", [RING_SLOTS, columns]);
    graph.assign(
      ring,
      writeRow(
        graph,
        ring,
        { ...row, shape: [columns] },
        programInput(graph, "ring_index"),
      ),
    );
    reset(names.loss, 1);
    reset(names.correct, 1);
    reset(names.sources, sources);
  });
}
