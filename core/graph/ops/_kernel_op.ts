/**
 * Ops that are one kernel: their shapes, checks and sharing come from the kernel's definition.
 * @module
 */
import { type Dim, product, sameDim, type Shape, showShape } from "../dims.ts";
import type {
  Attributes,
  GradientContext,
  LowerContext,
  Node,
  Op,
  TensorType,
} from "../graph.ts";
import {
  definitionOf,
  type KernelAttributes,
  type KernelName,
  type Operand,
  type Operands,
  type Size,
} from "../kernels/mod.ts";

/** What of an op its kernel does not say. */
export interface KernelOpOptions<K extends KernelName, A extends Attributes> {
  /** Name in labels; the kernel's by default. */
  readonly name?: string;
  /** The kernel's attributes: the node's, and what follows from its inputs. */
  attributes(inputs: readonly TensorType[], own: A): KernelAttributes[K];
  /** The gradient rule. */
  gradient?(context: GradientContext<A>): void;
  /** Set where the kernel's outputs must share. */
  readonly alwaysInPlace?: true;
  /** Inputs that may be read rounded. */
  rounds?(node: Node<A>): readonly number[];
}

/** An op of one kernel. Inputs beyond the kernel's are for the gradient rule. */
export function kernelOp<K extends KernelName, A extends Attributes>(
  kernel: K,
  { name = kernel, attributes, gradient, alwaysInPlace, rounds }:
    KernelOpOptions<K, A>,
): Op<A> {
  const operandsOf = (inputs: readonly TensorType[], own: A): Operands =>
    definitionOf(kernel).operands(attributes(inputs, own));
  return {
    name,
    infer: (inputs, own) => outputTypes(operandsOf(inputs, own), inputs),
    ...(gradient === undefined ? {} : { gradient }),
    lower({ node, input, output, emit }: LowerContext<A>) {
      const { inputs } = operandsOf(node.inputs, node.attributes);
      emit({
        kernel,
        attributes: attributes(node.inputs, node.attributes),
        inputs: inputs.map((_, i) => input(i)),
        outputs: node.outputs.map((_, o) => output(o)),
      });
    },
    inPlace: (node: Node<A>) =>
      sharedPairs(operandsOf(node.inputs, node.attributes)),
    ...(alwaysInPlace ? { alwaysInPlace } : {}),
    ...(rounds === undefined ? {} : { rounds }),
  };
}

/** Pairs [output, input] that the definition lets or makes share. */
export function sharedPairs(
  { inputs, outputs }: Operands,
): readonly (readonly [number, number])[] {
  return outputs.flatMap(({ mayShare = [], mustShare }, o) =>
    inputs.flatMap(({ name }, i) =>
      name === mustShare || mayShare.includes(name) ? [[o, i] as const] : []
    )
  );
}

/** Types of the outputs, as the inputs and the definition make them. Throws `RangeError` for inputs that do not fit. */
export function outputTypes(
  operands: Operands,
  inputs: readonly TensorType[],
): TensorType[] {
  const free = new Map<string, Dim>();
  for (const [i, operand] of operands.inputs.entries()) {
    if (inputs[i] === undefined) {
      throw new RangeError(`${operand.name} is not given`);
    }
    checkShape(operand, inputs[i].shape, free);
  }
  return operands.outputs.map(({ shape, dtypes, mustShare }) => {
    const home = operands.inputs.findIndex(({ name }) => name === mustShare);
    return {
      shape: home >= 0 ? inputs[home].shape : shape.map((s) => dimOf(s, free)),
      dtype: dtypes?.[0] ?? "f32",
    };
  });
}

/** Compares numbers of elements whatever the extents; the first operand with a free size says what it is. */
function checkShape(
  { name, shape, atLeast }: Operand,
  found: Shape,
  free: Map<string, Dim>,
): void {
  if (
    atLeast || shape.some((s) => typeof s === "object" && "oneMoreThan" in s)
  ) {
    return; // known only with the extents
  }
  const [first, ...rest] = shape;
  if (
    typeof first === "object" && "free" in first && !free.has(first.free)
  ) {
    free.set(first.free, product(found.slice(0, found.length - rest.length)));
  }
  const expected = shape.map((s) => dimOf(s, free));
  if (!sameDim(product(found), product(expected))) {
    throw new RangeError(
      `${name}: expected ${showShape(expected)}, found ${showShape(found)}`,
    );
  }
}

function dimOf(size: Size, free: ReadonlyMap<string, Dim>): Dim {
  if (typeof size === "number" || "names" in size) return size;
  const dim = "free" in size ? free.get(size.free) : undefined;
  if (dim === undefined) {
    throw new RangeError("a size that only the extents give is no dimension");
  }
  return dim;
}
