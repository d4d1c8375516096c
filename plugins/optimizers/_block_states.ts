/**
 * An optimizer by expressions, its states of large tensors in 8 bits: block-wise dynamic quantisation
 * (arXiv:2110.02861). A step reads the states, computes in float32, and stores them again.
 * @module
 */
import {
  type Expr,
  fitsBlocks,
  type Optimizer,
  type StepNumbers,
  type TensorUpdate,
  type TrainedTensor,
} from "@denotune/denotune/core";

/** Elements below which states stay in float32: they cost little, and small tensors suffer most. */
const LEAST = 4096;

/** How each state of a rule is stored: signed, or for numbers of which none is negative. */
export type BlockStates = Readonly<
  Record<string, "dynamic-int8" | "dynamic-uint8">
>;

/** The rule with its states in blocks, for tensors of a multiple of 256 elements, and of 4096 at least. */
export function withBlockStates(
  rule: Optimizer,
  storage: BlockStates,
): Optimizer {
  return {
    ...rule,
    tensorUpdate: (tensor) =>
      isLarge(tensor) ? updateOf(rule, storage, tensor) : null,
  };
}

function isLarge({ shape }: TrainedTensor): boolean {
  return shape.reduce((a, b) => a * b, 1) >= LEAST && fitsBlocks(shape);
}

function updateOf(
  rule: Optimizer,
  storage: BlockStates,
  { shape }: TrainedTensor,
): TensorUpdate {
  const names = rule.slots;
  return {
    states: Object.fromEntries(
      names.map((name) => [name, { shape, dtype: storage[name] }]),
    ),
    update({ parameter, gradient, states, map }) {
      const tensors = [parameter, gradient, ...names.map((n) => states[n])];
      const after = (
        [parameter, gradient, ...slots]: readonly Expr[],
        numbers: StepNumbers,
      ) =>
        rule.update({
          ...numbers,
          parameter,
          gradient,
          slots: Object.fromEntries(names.map((name, i) => [name, slots[i]])),
        });
      return {
        parameter: map(tensors, (e, numbers) => after(e, numbers).parameter),
        states: Object.fromEntries(names.map((name) => [
          name,
          map(tensors, (e, numbers) => after(e, numbers).slots[name]),
        ])),
      };
    },
  };
}
