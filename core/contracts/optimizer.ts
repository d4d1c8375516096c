/**
 * An optimizer is its state slots and one expression a slot, or a small graph a tensor where an expression is
 * not enough (Muon, Adafactor); so it runs on every backend.
 * @module
 */
import type { Expr } from "../graph/expression.ts";
import type { Graph, Tensor } from "../graph/graph.ts";

/** A tensor that is trained. */
export interface TrainedTensor {
  /** As the model or the adapter names it. */
  readonly name: string;
  /** Its sizes. */
  readonly shape: readonly number[];
}

/** Shape and storage of a state that a graph keeps. */
export interface StateSpec {
  /** Its sizes: not those of the tensor, where it keeps less (a row, a column, blocks). */
  readonly shape: readonly number[];
  /**
   * How it is stored between steps; f32 where absent. The graph reads and gives f32. `dynamic-int8`, and
   * `dynamic-uint8` for numbers of which none is negative: 8 bits an element and a scale for each 256 of them
   * (arXiv:2110.02861), for states whose elements are a multiple of 256 (`fitsBlocks`).
   */
  readonly dtype?: "f32" | "bf16" | "f16" | "dynamic-int8" | "dynamic-uint8";
}

/** Numbers of a step, as expressions. */
export interface StepNumbers {
  /** Learning rate of this step and tensor. */
  readonly learningRate: Expr;
  /** Decay of this tensor; 0 if it is not decayed. */
  readonly weightDecay: Expr;
  /** The optimizer's own numbers of this step, from `scalars`. */
  readonly scalars: Readonly<Record<string, Expr>>;
}

/** What the graph of a tensor's update is made with. */
export interface TensorUpdateInputs {
  /** Where nodes are added. */
  readonly graph: Graph;
  /** The value before the update, in its own shape. */
  readonly parameter: Tensor;
  /** The gradient, already divided and clipped, in the parameter's shape. */
  readonly gradient: Tensor;
  /** States before the update, by name. */
  readonly states: Readonly<Record<string, Tensor>>;
  /**
   * A function of tensors, element by element, and of the step's numbers. All have the shape of the first; those of
   * one element are read as a number.
   */
  map(
    tensors: readonly Tensor[],
    f: (elements: readonly Expr[], numbers: StepNumbers) => Expr,
  ): Tensor;
}

/** How one tensor is updated by a graph. */
export interface TensorUpdate {
  /** States kept for the tensor, by name, all zero at the start. */
  readonly states: Readonly<Record<string, StateSpec>>;
  /** Adds the nodes of a step; gives the new parameter and every new state. A step that is not finite is undone. */
  update(inputs: TensorUpdateInputs): {
    readonly parameter: Tensor;
    readonly states: Readonly<Record<string, Tensor>>;
  };
}

/** What the update expressions read. All but the scalars are elementwise. */
export interface UpdateInputs<
  Slot extends string = string,
  Scalar extends string = string,
> {
  /** The value before the update. */
  readonly parameter: Expr;
  /** The gradient, already divided and clipped. */
  readonly gradient: Expr;
  /** State before the update, by name. */
  readonly slots: Readonly<Record<Slot, Expr>>;
  /** Learning rate of this step and group. */
  readonly learningRate: Expr;
  /** Decay of this group; 0 for tensors that are not decayed. */
  readonly weightDecay: Expr;
  /** The optimizer's own numbers of this step, from `scalars`. */
  readonly scalars: Readonly<Record<Scalar, Expr>>;
}

/** What parameters are updated with. */
export interface Optimizer<
  Slot extends string = string,
  Scalar extends string = string,
> {
  /** Step size at factor 1 of the schedule. */
  readonly learningRate: number;
  /** Decay of the tensors that are decayed. */
  readonly weightDecay: number;
  /** Whether it brings warm-up and decay of its own: a run with a schedule other than a constant one is refused. */
  readonly ownsSchedule?: boolean;
  /** Whether a tensor is decayed: by default all but biases and norms (tensors of one dimension). */
  decays(tensor: TrainedTensor): boolean;
  /** Factor on the learning rate of a tensor (groups); 1 where absent. */
  learningRateFactor?(tensor: TrainedTensor): number;
  /**
   * The graph that updates a tensor instead of the expressions; null for those that the expressions update. Absent:
   * the expressions update all. `slots` are kept for the tensors that expressions update.
   */
  tensorUpdate?(tensor: TrainedTensor): TensorUpdate | null;
  /** Names of the state tensors kept for each parameter, of its shape, all zero at the start. */
  readonly slots: readonly Slot[];
  /**
   * The slot that holds an average of each parameter. It starts as the parameter itself. With `used`,
   * evaluation, samples and the model saved at the end take it in the place of the parameter; checkpoints
   * always hold both.
   */
  readonly average?: { readonly slot: Slot; readonly used: boolean };
  /** Names of the numbers that `scalars` gives. */
  readonly scalarNames: readonly Scalar[];
  /** Numbers that change with the step (counted from 1): bias corrections and the like. */
  scalars(step: number): Readonly<Record<Scalar, number>>;
  /** New parameter and new slots, elementwise. */
  update(
    inputs: UpdateInputs<Slot, Scalar>,
  ): { parameter: Expr; slots: Readonly<Record<Slot, Expr>> };
}
