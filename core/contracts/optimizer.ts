/**
 * An optimizer is its state slots and one expression a slot, and so runs on every backend.
 * @module
 */
import type { Expr } from "../graph/expression.ts";

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

/** What a group of parameters is updated with. */
export interface Optimizer<
  Slot extends string = string,
  Scalar extends string = string,
> {
  /** Step size at factor 1 of the schedule. */
  readonly learningRate: number;
  /** Decay of the tensors that are decayed. */
  readonly weightDecay: number;
  /** Whether a tensor is decayed: by default all but biases and norms (tensors of one dimension). */
  decays(tensor: { name: string; shape: readonly number[] }): boolean;
  /** Factor on the learning rate of a tensor (groups); 1 where absent. */
  learningRateFactor?(
    tensor: { name: string; shape: readonly number[] },
  ): number;
  /** Names of the state tensors kept for each parameter, all zero at the start. */
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
