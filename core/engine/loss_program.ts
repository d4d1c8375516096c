/**
 * The programs that run the model for its loss: `micro` (forward, backward, accumulate), `evaluate` (forward) and
 * `window` (forward, for a loss that reads numbers of the whole window). Losses stay on the device, as sums,
 * until somebody reads the ring.
 * @module
 */
import type { ModelSpec } from "../contracts/model.ts";
import type { Measure, ObjectiveLoss } from "../contracts/objective.ts";
import { product } from "../graph/dims.ts";
import { input, write } from "../graph/expression.ts";
import { gradients } from "../graph/gradients.ts";
import { Graph, type Tensor } from "../graph/graph.ts";
import type { LevelValue } from "../graph/loss/level_value.ts";
import type { Level } from "../graph/loss/levels.ts";
import { selectRows } from "../graph/ops/embedding.ts";
import type { Head } from "../graph/ops/head.ts";
import { linearCrossEntropy } from "../graph/ops/linear_cross_entropy.ts";
import type { Projection } from "../graph/ops/row_statistics.ts";
import { rows } from "../graph/ops/rows.ts";
import { groupSum, sum } from "../graph/ops/sums.ts";
import {
  buildModel,
  type BuildOptions,
  type ModelLoss,
} from "./model/build_model.ts";
import { buildLoss, buildWindow, windowName } from "./objective_loss.ts";
import { type InputName, programInput } from "./inputs/program_inputs.ts";
import { gradientName, type Trainables } from "./trainables.ts";

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

/** Names of the two sums of a metric: its numbers, and what they are divided by. */
export function metricNames(
  prefix: "train" | "eval",
  metric: string,
): readonly [string, string] {
  return [`${prefix}.metric.${metric}`, `${prefix}.metric.${metric}.weight`];
}

/** Output of the program of a micro-batch: its weighted loss by row (R), of cross-entropy. */
export const ROW_LOSSES = "row_losses";

/** What a loss is built for. */
export interface LossContext {
  /** Number of data sources. */
  readonly sources: number;
  /** A loss of the objective's own; null: cross-entropy. */
  readonly loss: ObjectiveLoss | null;
  /** How the model is built whose logits are the second row; null: no statistic reads one. */
  readonly second: BuildOptions | null;
}

/** Name of the program of a micro-batch: whether it has causal attention although the objective's is not. */
export function microName(
  { causal = false }: { readonly causal?: boolean },
): string {
  return causal ? "micro_causal" : "micro";
}

/** Forward, backward, accumulate: adds to the gradient slots and to the sums of the step. */
export function microProgram(
  spec: ModelSpec,
  options: BuildOptions,
  context: LossContext & { readonly trainables: Trainables },
): Graph {
  return lossOf(spec, options, context);
}

/** Forward only: adds to the sums of the evaluation. */
export function evaluateProgram(
  spec: ModelSpec,
  options: BuildOptions,
  context: LossContext,
): Graph {
  return lossOf(spec, options, { ...context, trainables: null });
}

/** Forward only: adds to the numbers of the window that a loss reads. */
export function windowProgram(
  spec: ModelSpec,
  options: BuildOptions,
  { loss, second }: {
    readonly loss: ObjectiveLoss;
    readonly second: BuildOptions | null;
  },
): Graph {
  const graph = new Graph();
  const secondRow = secondOf(graph, spec, second);
  const { hidden, head } = buildModel(spec, { ...options, graph });
  const sums = graph.scope("window", () =>
    buildWindow(graph, {
      loss,
      operands: { ...operandsOf(graph, hidden, head), second: secondRow },
    }));
  for (const [name, value] of Object.entries(sums)) {
    addUp(graph, windowName(name), value.tensor());
  }
  return graph;
}

/** What a loss gave, in whichever way it was made. */
interface MadeLoss {
  /** One number for each of what the loss is per. */
  readonly losses: Tensor;
  /** Weight of each row whose target has the largest logit; null: not measured. */
  readonly correct: Tensor | null;
  readonly per: Level;
  readonly metrics: Readonly<Record<string, Measure>>;
  readonly seeds: readonly {
    readonly tensor: Tensor;
    readonly gradient: Tensor;
  }[];
  readonly dWeight: Tensor | null;
  readonly dBias: Tensor | null;
}

/** Data source of each of what a loss may be per. */
const SOURCES = {
  row: "sources",
  sequence: "sequence_sources",
  group: "group_sources",
} as const satisfies Partial<Record<Level, InputName>>;

function lossOf(
  spec: ModelSpec,
  options: BuildOptions,
  { sources, loss, second, trainables }: LossContext & {
    readonly trainables: Trainables | null;
  },
): Graph {
  const graph = new Graph();
  // before the model that is trained: no activation of it is kept meanwhile
  const secondRow = secondOf(graph, spec, second);
  const { hidden, head, losses } = buildModel(spec, { ...options, graph });
  const slot = (name: string | undefined): Tensor | null => {
    const found = trainables?.tensors.find((t) => t.name === name);
    return found === undefined
      ? null
      : graph.variable(gradientName(found.name), found.shape);
  };
  const operands = operandsOf(graph, hidden, head);
  const train = trainables === null ? null : {
    // with an untied head alone trained nothing before it needs a gradient
    dHidden: spec.head.tied ||
      trainables.tensors.some(({ name }) =>
        name !== spec.head.name && name !== spec.head.bias
      ),
    slots: { weight: slot(spec.head.name), bias: slot(spec.head.bias) },
    scale: programInput(graph, "loss_scale"),
  };
  const made = graph.scope(
    "loss",
    () =>
      loss === null ? crossEntropy(graph, operands, train) : ownLoss(graph, {
        loss,
        operands: { ...operands, second: secondRow },
        train,
      }),
  );
  const ofModel = losses.map((own) => maskedLoss(graph, own));
  if (trainables !== null) {
    const seeds = ofModel.map(({ values, mask, coefficient }) => ({
      tensor: values,
      gradient: scaledMask(graph, mask, coefficient),
    }));
    const all = { ...made, seeds: [...made.seeds, ...seeds] };
    addGradients(graph, trainables, all, head);
  }
  if (trainables !== null && loss === null) {
    graph.output(ROW_LOSSES, made.losses);
  }
  const prefix = trainables === null ? "eval" : "train";
  const names = sumNames(prefix);
  graph.scope("metrics", () => {
    addUp(graph, names.loss, made.losses);
    if (made.correct !== null) addUp(graph, names.correct, made.correct);
    if (made.per !== "window") {
      const bySource = graph.variable(names.sources, [sources]);
      const source = programInput(graph, SOURCES[made.per]);
      graph.assign(bySource, groupSum(graph, made.losses, source, bySource));
    }
    for (const { name, masked, mask } of ofModel) {
      const [own, weight] = metricNames(prefix, name);
      addUp(graph, own, masked);
      addUp(graph, weight, mask);
    }
    for (const [name, measure] of Object.entries(made.metrics)) {
      const [own, weight] = metricNames(prefix, name);
      addUp(graph, own, measure.sum.tensor());
      addUp(graph, weight, weightOf(measure).tensor());
    }
  });
  return graph;
}

/** A loss of the model's own with 0 at padding, and which tokens are none (N). */
function maskedLoss(graph: Graph, { name, values, coefficient }: ModelLoss) {
  const space = { rows: 1, columns: product(values.shape) };
  const segments = programInput(graph, "segments");
  const [masked, mask] = graph.scope(
    name,
    () =>
      rows(graph, [values, segments], space, {
        inputs: ["matrix", "matrix"],
        stages: [
          write(0, input(1).select(input(0), 0)),
          write(1, input(1).min(1)),
        ],
        outputs: ["matrix", "matrix"],
      }),
  );
  return { name, values, coefficient, masked, mask };
}

/** coefficient / the tokens of the step where there is a token, 0 at padding. */
function scaledMask(graph: Graph, mask: Tensor, coefficient: number): Tensor {
  return rows(graph, [mask, programInput(graph, "token_scale")], {
    rows: 1,
    columns: product(mask.shape),
  }, {
    inputs: ["matrix", "scalars"],
    stages: [write(0, input(0).mul(input(1, 0)).mul(coefficient))],
    outputs: ["matrix"],
  })[0];
}

/** What a metric is divided by: 1 for each where it does not say. */
function weightOf({ sum, weight }: Measure): LevelValue {
  return weight ?? sum.select(1, 1);
}

function addUp(graph: Graph, name: string, values: Tensor): void {
  const variable = graph.variable(name, [1]);
  graph.assign(variable, sum(graph, values, input(0), variable));
}

function operandsOf(graph: Graph, hidden: Tensor, head: Head) {
  return {
    hidden: selectRows(graph, hidden, programInput(graph, "rows")),
    ...head,
    targets: programInput(graph, "targets"),
  };
}

type Operands = ReturnType<typeof operandsOf>;

/** What the second row of logits is projected from: a forward pass that nothing is trained by. */
function secondOf(
  graph: Graph,
  spec: ModelSpec,
  options: BuildOptions | null,
): Projection | null {
  if (options === null) return null;
  return graph.scope("second", () => {
    const { hidden, head } = buildModel(spec, { ...options, graph });
    return operandsOf(graph, hidden, head);
  });
}

interface TrainedLoss {
  readonly dHidden: boolean;
  readonly slots: {
    readonly weight: Tensor | null;
    readonly bias: Tensor | null;
  };
  readonly scale: Tensor;
}

function crossEntropy(
  graph: Graph,
  operands: Operands,
  train: TrainedLoss | null,
): MadeLoss {
  const result = linearCrossEntropy(
    graph,
    {
      ...operands,
      weights: programInput(graph, "loss_weights"),
      scale: programInput(graph, "loss_scale"),
    },
    train === null ? null : {
      dHidden: train.dHidden,
      dWeightSlot: train.slots.weight,
      dBiasSlot: train.slots.bias,
    },
  );
  return { ...result, per: "row", metrics: {} };
}

function ownLoss(
  graph: Graph,
  { loss, operands, train }: {
    readonly loss: ObjectiveLoss;
    readonly operands: Operands & { readonly second: Projection | null };
    readonly train: TrainedLoss | null;
  },
): MadeLoss {
  const { loss: total, metrics = {}, back } = buildLoss(graph, {
    loss,
    operands,
    train,
  });
  return {
    losses: total.tensor(),
    correct: null,
    per: total.level,
    metrics,
    seeds: back?.dHidden == null
      ? []
      : [{ tensor: operands.hidden, gradient: back.dHidden }],
    dWeight: back?.dWeight ?? null,
    dBias: back?.dBias ?? null,
  };
}

function addGradients(
  graph: Graph,
  trainables: Trainables,
  loss: MadeLoss,
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
