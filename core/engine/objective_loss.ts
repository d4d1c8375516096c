/**
 * A loss of an objective's own in a graph: statistics of the logits, the loss's expressions over them, and the
 * way back.
 *
 * ```text
 * hidden ─► statistics (R) ─► loss's expressions ─► loss, metrics
 *   ▲                              │ differentiated
 *   └── logits again ◄── d loss / d statistics (R)
 * ```
 * @module
 */
import { PluginError } from "../contracts/errors.ts";
import type {
  LossResult,
  LossValues,
  ObjectiveLoss,
} from "../contracts/objective.ts";
import { dim } from "../graph/dims.ts";
import { input, write } from "../graph/expression.ts";
import { gradients } from "../graph/gradients.ts";
import { Graph, type Tensor } from "../graph/graph.ts";
import { LevelValue } from "../graph/loss/level_value.ts";
import type { LevelScope } from "../graph/loss/levels.ts";
import { readsSecondRow } from "../graph/loss/row_statistic.ts";
import { rows, spaceOf } from "../graph/ops/rows.ts";
import {
  type HeadSlots,
  rowStatistics,
  type StatisticOperands,
} from "../graph/ops/row_statistics.ts";
import {
  memberInput,
  ownInput,
  programInput,
} from "./inputs/program_inputs.ts";

/** A loss in a graph. */
export interface BuiltLoss extends LossResult {
  /** Gradients of the head and of the hidden rows; null where nothing is trained. */
  readonly back:
    | {
      readonly dHidden: Tensor | null;
      readonly dWeight: Tensor | null;
      readonly dBias: Tensor | null;
    }
    | null;
}

/** Name of the variable that holds a number of the window. */
export function windowName(name: string): string {
  return `window.${name}`;
}

/** What a loss says of itself when it is built once, on a graph that is thrown away. */
export interface LossInventory {
  /** Names of what it measures. */
  readonly metrics: readonly string[];
  /** Names of the numbers of the window. */
  readonly window: readonly string[];
  /** Members of each group that it names. */
  readonly memberCount: number;
}

/** Figures that a run has of its own. */
const TAKEN: ReadonlySet<string> = new Set([
  "loss",
  "perplexity",
  "token_accuracy",
  "seconds",
]);

/** Each statistic is one number a row; a second row is read where one is chosen, and only there. */
function checkStatistics({ statistics, second }: ObjectiveLoss): void {
  let reads: boolean;
  try {
    reads = readsSecondRow({ statistics, columns: 1, logits: null });
  } catch (cause) {
    if (!(cause instanceof RangeError)) throw cause;
    throw new PluginError(`The objective's loss: ${cause.message}`, { cause });
  }
  if (reads && second === undefined) {
    throw new PluginError(
      'A statistic of the loss reads a second row of logits, and the loss does not say of which model: add `second: "base"`',
    );
  }
  if (!reads && second !== undefined) {
    throw new PluginError(
      `The loss says \`second: "${second}"\`, and none of its statistics reads \`row.second\`: remove it, or a forward pass is made for nothing`,
    );
  }
}

/**
 * Builds a loss once to see what it needs. Throws `PluginError` for names that are taken, for a statistic that is more
 * than one number a row, and for a second row that is read and not chosen, or chosen and not read.
 */
export function inventoryOfLoss(loss: ObjectiveLoss): LossInventory {
  checkStatistics(loss);
  const graph = new Graph();
  const statistics = Object.fromEntries(
    Object.keys(loss.statistics).map((name) => [
      name,
      graph.input(`statistic.${name}`, [dim("R")]),
    ]),
  );
  const made = valuesOf(graph, loss, statistics);
  const window = Object.keys(loss.window?.({ ...made, window: {} }) ?? {});
  const { metrics = {} } = loss.loss({
    ...made,
    window: windowValues(graph, window),
  });
  const bad = Object.keys(metrics).find((name) =>
    !/^[a-z][a-z0-9_]*$/.test(name) || TAKEN.has(name)
  );
  if (bad !== undefined) {
    throw new PluginError(
      `The loss measures \`${bad}\`; a metric has a name in snake_case other than ${
        [...TAKEN].join(", ")
      }`,
    );
  }
  const members = [...graph.inputs.keys()]
    .filter((name) => name.startsWith("group_member."))
    .map((name) => Number(name.slice("group_member.".length)) + 1);
  return {
    metrics: Object.keys(metrics),
    window,
    memberCount: Math.max(0, ...members),
  };
}

/** Adds a loss to a graph. `train`: with its gradient, of which `scale` times the sum of the loss is taken. */
export function buildLoss(
  graph: Graph,
  { loss, operands, train }: {
    readonly loss: ObjectiveLoss;
    readonly operands: Omit<StatisticOperands, "statistics">;
    readonly train:
      | {
        readonly dHidden: boolean;
        readonly slots: HeadSlots;
        readonly scale: Tensor;
      }
      | null;
  },
): BuiltLoss {
  const statistics = rowStatistics(graph, {
    ...operands,
    statistics: loss.statistics,
  });
  const values = valuesOf(graph, loss, statistics.values);
  const names = Object.keys(loss.window?.({ ...values, window: {} }) ?? {});
  const result = loss.loss({ ...values, window: windowValues(graph, names) });
  if (train === null) return { ...result, back: null };
  const total = result.loss.tensor();
  const found = gradients(graph, {
    seeds: [{ tensor: total, gradient: repeated(graph, train.scale, total) }],
    parameters: Object.values(statistics.values),
  });
  const upstream = Object.fromEntries(
    Object.entries(statistics.values).flatMap(([name, tensor]) => {
      const gradient = found.get(tensor);
      // a statistic of the second row alone has no way back
      return gradient === undefined || !statistics.isTrained(name)
        ? []
        : [[name, gradient]];
    }),
  );
  if (Object.keys(upstream).length === 0) {
    throw new PluginError(
      "The loss depends on none of its statistics: nothing would be trained",
    );
  }
  return { ...result, back: statistics.gradient(upstream, train) };
}

/** Adds the sums over the window to a graph: what a pass without gradients computes. */
export function buildWindow(
  graph: Graph,
  { loss, operands }: {
    readonly loss: ObjectiveLoss;
    readonly operands: Omit<StatisticOperands, "statistics">;
  },
): Readonly<Record<string, LevelValue>> {
  const statistics = rowStatistics(graph, {
    ...operands,
    statistics: loss.statistics,
  });
  const values = valuesOf(graph, loss, statistics.values);
  return loss.window?.({ ...values, window: {} }) ?? {};
}

function scopeOf(graph: Graph): LevelScope {
  return {
    graph,
    index: (from) => {
      const name = from === "row" ? "row_sequence" : "sequence_group";
      return {
        parent: programInput(graph, name),
        sorted: {
          order: programInput(graph, `${name}.order`),
          ids: programInput(graph, `${name}.ids`),
          starts: programInput(graph, `${name}.starts`),
        },
      };
    },
    member: (k) => memberInput(graph, k),
  };
}

function valuesOf(
  graph: Graph,
  loss: ObjectiveLoss,
  statistics: Readonly<Record<string, Tensor>>,
): Omit<LossValues, "window"> {
  const scope = scopeOf(graph);
  return {
    statistics: mapped(
      statistics,
      (tensor) => LevelValue.of(scope, "row", tensor),
    ),
    weights: LevelValue.of(scope, "row", programInput(graph, "loss_weights")),
    inputs: mapped(
      loss.inputs ?? {},
      ({ per }, name) => LevelValue.of(scope, per, ownInput(graph, name, per)),
    ),
  };
}

function windowValues(
  graph: Graph,
  names: readonly string[],
): Readonly<Record<string, LevelValue>> {
  const scope = scopeOf(graph);
  return Object.fromEntries(
    names.map((name) => [
      name,
      LevelValue.of(scope, "window", graph.variable(windowName(name), [1])),
    ]),
  );
}

/** One number, for each element of a tensor. */
function repeated(graph: Graph, scalar: Tensor, like: Tensor): Tensor {
  return rows(graph, [like, scalar], spaceOf(like), {
    inputs: ["matrix", "scalars"],
    stages: [write(0, input(1, 0))],
    outputs: ["matrix"],
  })[0];
}

function mapped<A, B>(
  record: Readonly<Record<string, A>>,
  f: (value: A, name: string) => B,
): Readonly<Record<string, B>> {
  return Object.fromEntries(
    Object.entries(record).map(([name, value]) => [name, f(value, name)]),
  );
}
