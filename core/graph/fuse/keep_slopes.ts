/**
 * What the backward pass multiplies a gradient by is computed in the forward pass, next to the function, and kept in
 * the place of the function's input: a function and its slope share their exponentials.
 *
 * ```text
 * before   h = gelu(z)                  z is kept            dz = dh * gelu'(z)
 * after    h, s = gelu(z), gelu'(z)     z dies, s is kept    dz = dh * s
 * ```
 *
 * A gated unit has two inputs and two slopes. Memory stays what it was: slopes are kept only where as many inputs die.
 * @module
 */
import { sameDim } from "../dims.ts";
import { type Expression, input, leavesOf } from "../expression.ts";
import { applies, type Node, type Tensor } from "../graph.ts";
import type { RowsAttributes } from "../kernels/mod.ts";
import { elementwiseProgram, rowsOp } from "../ops/rows.ts";
import { renumbered } from "./renumbered.ts";

/** Operations that cost more than reading a number from memory. */
const COSTLY: ReadonlySet<string> = new Set([
  "exp",
  "log",
  "sqrt",
  "rsqrt",
  "reciprocal",
  "tanh",
  "sigmoid",
  "erf",
  "div",
]);

/** A node of the backward pass whose result is [something +] a gradient * slope. */
interface Multiplied {
  readonly node: Node;
  readonly slope: Expression;
  /** What else the result is made of: the gradient, and what is added. */
  readonly others: readonly Expression[];
  /** Tensors that the slope reads, and nothing else of the node does. */
  readonly reads: readonly Tensor[];
}

/** The nodes, with slopes computed where their functions are. */
export function keepSlopes(
  nodes: readonly Node[],
  isKept: (tensor: Tensor) => boolean,
): Node[] {
  const readers = new Map<number, Node[]>(); // tensor id -> nodes that read it, in order
  for (const node of nodes) {
    for (const id of new Set(node.inputs.map((t) => t.id))) {
      readers.set(id, [...readers.get(id) ?? [], node]);
    }
  }
  const groups = new Map<Node, Multiplied[]>(); // function -> nodes that multiply by its slopes
  for (const node of nodes) {
    const found = multiplied(node);
    const first = found?.reads.map(({ id }) => readers.get(id)![0])
      .find((reader) => isFunctionOf(reader, found));
    if (found === null || first === undefined) continue;
    groups.set(first, [...groups.get(first) ?? [], found]);
  }
  const replaced = new Map<Node, Node>();
  let made = 0;
  for (const [node, unordered] of groups) {
    // what reads most comes first: the others may then be written over inputs that it was the last to read
    const group = unordered.toSorted((a, b) => b.reads.length - a.reads.length);
    const inputs = new Set(group.flatMap(({ reads }) => reads));
    const own = new Set([node, ...group.map((g) => g.node)]);
    const dies = (t: Tensor) =>
      t.source.kind === "node" && !isKept(t) &&
      readers.get(t.id)!.every((reader) => own.has(reader));
    if (
      !applies(node, rowsOp) || group.length > inputs.size ||
      ![...inputs].every(dies)
    ) continue;
    // no graph numbers its tensors below 0
    const slopes = group.map(() => --made);
    const result = withSlopes(node, group, slopes);
    replaced.set(node, result);
    for (const [i, gradient] of group.entries()) {
      const slope = result.outputs[node.outputs.length + i];
      replaced.set(gradient.node, multiplying(gradient, slope));
    }
  }
  return nodes.map((node) => replaced.get(node) ?? node);
}

/** What a node multiplies by, if that is a costly function of tensors that it reads for nothing else. */
function multiplied(node: Node): Multiplied | null {
  const program = elementwiseProgram(node);
  if (program === null || program.writes.length !== 1) return null;
  const parts = factorsOf(program.writes[0]);
  if (parts === null) return null;
  const numbers = new Set<number>();
  for (const leaf of leavesOf(parts.slope)) {
    if (leaf.kind === "constant") continue;
    if (leaf.kind !== "input" || program.inputs[leaf.input] !== "matrix") {
      return null;
    }
    numbers.add(leaf.input);
  }
  const reads = [...numbers].map((i) => node.inputs[i]);
  const ids = new Set(reads.map(({ id }) => id));
  const isReadBesides = parts.others.flatMap(leavesOf).some((e) =>
    e.kind === "input" && ids.has(node.inputs[e.input].id)
  );
  return reads.length === 0 || isReadBesides ? null : { node, reads, ...parts };
}

/** `gradient * slope` or `sum + gradient * slope`, as gradients of elementwise functions are written. */
function factorsOf(
  e: Expression,
): { slope: Expression; others: Expression[] } | null {
  if (e.kind !== "binary") return null;
  if (e.op === "add") {
    const parts = factorsOf(e.b);
    return parts && { ...parts, others: [e.a, ...parts.others] };
  }
  return e.op === "mul" && e.a.kind === "input" && isCostly(e.b)
    ? { slope: e.b, others: [e.a] }
    : null;
}

function isCostly(e: Expression): boolean {
  switch (e.kind) {
    case "unary":
      return COSTLY.has(e.op) || isCostly(e.a);
    case "binary":
      return COSTLY.has(e.op) || isCostly(e.a) || isCostly(e.b);
    case "select":
      return [e.condition, e.a, e.b].some(isCostly);
    default:
      return false;
  }
}

/** Whether a node is an elementwise function over the same space, of all that the slope reads. */
function isFunctionOf(node: Node, { node: gradient, reads }: Multiplied) {
  const own = elementwiseProgram(node), other = elementwiseProgram(gradient);
  return node !== gradient && own !== null && other !== null &&
    sameDim(own.rows, other.rows) && sameDim(own.columns, other.columns) &&
    reads.every(({ id }) =>
      node.inputs.some((t, i) => t.id === id && own.inputs[i] === "matrix")
    );
}

/** The function with its slopes as outputs behind its own. */
function withSlopes(
  node: Node<RowsAttributes>,
  group: readonly Multiplied[],
  ids: readonly number[],
): Node {
  const { attributes } = node;
  const { program } = attributes;
  const outputs: Tensor[] = [...node.outputs];
  const stages = [...program.stages];
  const result: Node<RowsAttributes> = {
    ...node,
    outputs,
    attributes: {
      ...attributes,
      program: {
        ...program,
        stages,
        outputs: [...program.outputs, ...group.map(() => "matrix" as const)],
      },
    },
  };
  for (const [i, { node: gradient, slope }] of group.entries()) {
    const numbers = gradient.inputs.map((t) =>
      node.inputs.findIndex(({ id }) => id === t.id)
    );
    stages.push({
      kind: "write",
      output: outputs.length,
      value: renumbered(slope, numbers),
    });
    outputs.push({
      id: ids[i],
      shape: gradient.outputs[0].shape,
      dtype: "f32",
      source: { kind: "node", node: result, output: outputs.length },
    });
  }
  return result;
}

/** A gradient's node that reads a slope instead of computing it. */
function multiplying(
  { node, slope, others }: Multiplied,
  kept: Tensor,
): Node {
  const { rows, columns, inputs, writes } = elementwiseProgram(node)!; // `multiplied` looked
  // a gradient of a function of several inputs is given all of them, whether it reads them or not
  const read = new Set(
    others.flatMap(leavesOf).flatMap((e) =>
      e.kind === "input" ? [e.input] : []
    ),
  );
  const left = [...node.inputs.keys()].filter((i) => read.has(i));
  const numbers = node.inputs.map((_, i) => left.indexOf(i));
  const stored = input(left.length).node;
  const replace = (e: Expression): Expression =>
    e === slope
      ? stored
      : e.kind === "binary"
      ? { ...e, a: replace(e.a), b: replace(e.b) }
      : renumbered(e, numbers);
  const attributes: RowsAttributes = {
    rows,
    columns,
    program: {
      inputs: [...left.map((i) => inputs[i]), "matrix"],
      stages: [{ kind: "write", output: 0, value: replace(writes[0]) }],
      outputs: ["matrix"],
    },
  };
  return {
    ...node,
    op: rowsOp,
    inputs: [...left.map((i) => node.inputs[i]), kept],
    attributes,
  };
}
