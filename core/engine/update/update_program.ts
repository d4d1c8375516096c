/**
 * The program that ends a step: `update` (norm, clip, optimizer, zero), and the ring, in which the losses of
 * steps stay on the device until somebody reads them.
 * @module
 */
import type { Optimizer } from "../../contracts/optimizer.ts";
import {
  constant,
  define,
  type Expr,
  input,
  value,
  write,
} from "../../graph/expression.ts";
import { Graph, type Tensor } from "../../graph/graph.ts";
import { concatColumns, sliceColumns } from "../../graph/ops/columns.ts";
import { zerosOp } from "../../graph/ops/embedding.ts";
import { readsInput, rows } from "../../graph/ops/rows.ts";
import { sum, writeRow } from "../../graph/ops/sums.ts";
import { metricNames, sumNames } from "../loss_program.ts";
import { windowName } from "../objective_loss.ts";
import { programInput } from "../inputs/program_inputs.ts";
import { type Shard, shardName, shareOf } from "../ranks/shard.ts";
import { RING_SLOTS, ringColumns } from "./step_ring.ts";
import { gradientName, slotName, type Trainables } from "../trainables.ts";
import { updateTensor } from "./update_tensor.ts";

/** Layout of the input `scalars` of the update: two a group, the optimizer's own, 1 / loss scale if there is one. */
export function scalarsOf(
  trainables: Trainables,
  optimizer: Optimizer,
  step: {
    learningRate: number;
    step: number;
    /** What gradients were multiplied by; null or absent: the program was made without a scale. */
    lossScale?: number | null;
  },
): Float32Array {
  const own = optimizer.scalars(step.step);
  return Float32Array.from([
    ...trainables.groups.flatMap((g) => [
      step.learningRate * g.learningRateFactor,
      g.decayed ? optimizer.weightDecay : 0,
    ]),
    ...optimizer.scalarNames.map((name) => own[name]),
    ...(step.lossScale == null ? [] : [1 / step.lossScale]),
  ]);
}

/**
 * Norm over all gradients, clipping (as torch's `clip_grad_norm_`: max / (norm + 1e-6), at most 1), the
 * optimizer, zeroed gradients, one row of the ring. A norm that is not finite leaves everything as it was.
 */
export function updateProgram(
  trainables: Trainables,
  optimizer: Optimizer,
  options: {
    maxGradNorm: number | null;
    sources: number;
    /** What the loss measures, by name. */
    metrics?: readonly string[];
    /** Numbers of the window, which each step starts at 0. */
    window?: readonly string[];
    /** This rank's share of the optimizer; null or absent: all of it. */
    shard?: Shard | null;
    /** Whether gradients are multiplied by a loss scale; absent: no. */
    scaled?: boolean;
  },
): Graph {
  const graph = new Graph();
  const unscaleAt = trainables.groups.length * 2 +
    optimizer.scalarNames.length;
  const scaled = options.scaled === true;
  const scalarCount = unscaleAt + (scaled ? 1 : 0);
  const scalars = programInput(graph, "scalars", [scalarCount]);
  let squares: Tensor | undefined;
  for (const { arenas, updates } of trainables.groups) {
    // tensors that graphs update are not read as arenas: a place has one name in a program
    const places = updates === null
      ? arenas.map(({ name, elements }) => ({ name, shape: [elements] }))
      : arenas.flatMap(({ members }) => members);
    for (const { name, shape } of places) {
      const gradient = graph.variable(gradientName(name), shape);
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
  const unscaled = (x: Expr): Expr => scaled ? x.mul(input(1, unscaleAt)) : x;
  const [norm, factor, finite] = graph.scope(
    "clip",
    () =>
      rows(graph, [squares!, ...(scaled ? [scalars] : [])], {
        rows: 1,
        columns: 1,
      }, {
        inputs: ["column", ...(scaled ? ["scalars" as const] : [])],
        stages: [
          // the norm and the factor take the scale away again: both are powers of two, which rounds nothing
          define("norm", unscaled(input(0).sqrt())),
          define("finite", value("norm").isFinite()),
          write(0, value("norm")),
          write(1, value("finite").select(unscaled(clip), 0)),
          write(2, value("finite")),
        ],
        outputs: ["column", "column", "column"],
      }),
  );
  for (const group of trainables.groups) {
    const at = {
      scalars,
      factor,
      finite,
      learningRate: group.index * 2,
      ownScalars: trainables.groups.length * 2,
    };
    for (const arena of group.arenas) {
      if (group.updates !== null) {
        for (const tensor of arena.members) {
          const update = group.updates.get(tensor.name)!;
          updateTensor(graph, { tensor, update, optimizer, at });
        }
        continue;
      }
      graph.scope(`update.${arena.name}`, () =>
        updateArena(graph, optimizer, {
          arena: arena.name,
          elements: arena.elements,
          shard: options.shard ?? null,
          ...at,
        }));
    }
  }
  writeRing(graph, { ...options, norm, finite });
  return graph;
}

function updateArena(
  graph: Graph,
  optimizer: Optimizer,
  at: {
    arena: string;
    elements: number;
    shard: Shard | null;
    scalars: Tensor;
    factor: Tensor;
    finite: Tensor;
    learningRate: number;
    ownScalars: number;
  },
): void {
  const gradients = graph.variable(gradientName(at.arena), [at.elements]);
  const zero = () =>
    graph.assign(
      gradients,
      graph.apply1(zerosOp, [], { shape: [at.elements] }),
    );
  const share = at.shard === null ? null : shareOf(at.elements, at.shard);
  if (share?.width === 0) return zero();
  const elements = share?.width ?? at.elements;
  const flat = (name: string) => graph.variable(name, [elements]);
  const parameters = `parameters:${at.arena}`;
  // a share of the weights is in the memory of the whole; that of the gradients, whose whole is assigned, a copy
  const parameter = flat(share === null ? parameters : shardName(parameters));
  const gradient = share === null ? gradients : {
    ...sliceColumns(graph, { ...gradients, shape: [1, at.elements] }, {
      offset: share.offset,
      width: share.width,
    }),
    shape: [elements],
  };
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
    columns: elements,
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
  zero();
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
  { norm, finite, sources, metrics = [], window = [] }: {
    readonly norm: Tensor;
    readonly finite: Tensor;
    readonly sources: number;
    readonly metrics?: readonly string[];
    readonly window?: readonly string[];
  },
): void {
  const names = sumNames("train");
  const measured = metrics.flatMap((name) => metricNames("train", name));
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
      ...measured.map((name) => ({
        ...graph.variable(name, [1]),
        shape: [1, 1],
      })),
    ]);
    const columns = ringColumns(sources, metrics.length);
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
    for (const name of measured) reset(name, 1);
    for (const name of window) reset(windowName(name), 1);
  });
}
