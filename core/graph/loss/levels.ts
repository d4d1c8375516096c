/**
 * Numbers of a loss at four levels, and arithmetic over them. A coarser number meets a finer one by being
 * repeated; the finer becomes coarser by a sum.
 *
 * ```text
 * row        r0 r1 r2 | r3 r4 | r5 r6 r7     one a trained token
 * sequence      s0    |  s1   |    s2        sum("sequence")
 * group              g0       |    g1        sum("group"), member(k)
 * window                 w                   one number, the same for all
 * ```
 *
 * Arithmetic is gathered into expressions, one kernel where a level changes or a gradient is cut; the graph
 * differentiates them.
 * @module
 */
import { differentiate, isZero } from "../differentiate.ts";
import { dim, type NamedDim } from "../dims.ts";
import { constant, type Expr, input, write } from "../expression.ts";
import type { Graph, Op, Tensor } from "../graph.ts";
import { addTo } from "../ops/add.ts";
import { embedding, selectRows, type SortedTokens } from "../ops/embedding.ts";

import { rows } from "../ops/rows.ts";
import { stopGradient } from "../ops/sums.ts";

/** Levels from the finest to the coarsest. */
export const LEVELS: readonly Level[] = [
  "row",
  "sequence",
  "group",
  "window",
];

/** What a number is one of: a trained row, a sequence, a group of sequences, or the whole window. */
export type Level = "row" | "sequence" | "group" | "window";

/** Levels with numbers of their own in a micro-batch. */
export type CountedLevel = Exclude<Level, "window">;

/** Sizes of the levels: the extents that the host gives. */
export const LEVEL_DIMS: Readonly<Record<CountedLevel, NamedDim>> = {
  row: dim("R"),
  sequence: dim("S"),
  group: dim("G"),
};

/** How the levels of a micro-batch hang together, as the host lays it out. */
export interface LevelIndex {
  /** Sequence of each row, i32 (R), or group of each sequence, i32 (S). */
  readonly parent: Tensor;
  /** The same sorted, for sums without atomics. */
  readonly sorted: SortedTokens;
}

/** Where values find the micro-batch they are of. */
export interface LevelScope {
  readonly graph: Graph;
  /** From rows to sequences, or from sequences to groups. */
  index(from: "row" | "sequence"): LevelIndex;
  /** Sequence that is member `k` of each group, i32 (G). */
  member(k: number): Tensor;
}

/** Adds a leaf to a kernel and gives the expression that reads it. */
type Leaf = (tensor: Tensor, level: Level) => Expr;

/** Operations that an expression may have before it becomes a kernel of its own. */
const MOST_OPERATIONS = 48;

/** A number at a level, for each of what the level counts. Methods add arithmetic; a number is a constant. */
export class LevelValue {
  /** What it is one of. */
  readonly level: Level;
  readonly #scope: LevelScope;
  readonly #build: (leaf: Leaf) => Expr;
  /** Operations of the expression. */
  readonly #size: number;
  #tensor: Tensor | null = null;
  readonly #repeated = new Map<Level, LevelValue>();

  private constructor(
    scope: LevelScope,
    level: Level,
    { build, size }: { build: (leaf: Leaf) => Expr; size: number },
  ) {
    this.#scope = scope;
    this.level = level;
    this.#build = build;
    this.#size = size;
  }

  /** The value that a tensor holds: (R), (S) or (G), or (1) for the window. */
  static of(scope: LevelScope, level: Level, tensor: Tensor): LevelValue {
    const value = new LevelValue(scope, level, {
      build: (leaf) => leaf(tensor, level),
      size: 0,
    });
    value.#tensor = tensor;
    return value;
  }

  /** The tensor that holds it: one kernel, made once. */
  tensor(): Tensor {
    if (this.#tensor !== null) return this.#tensor;
    const { graph } = this.#scope;
    const leaves: Tensor[] = [];
    const levels: Level[] = [];
    const built = this.#build((tensor, level) => {
      const known = leaves.findIndex((t) => t.id === tensor.id);
      const at = known >= 0 ? known : leaves.push(tensor) - 1;
      levels[at] = level;
      return level === "window" && this.level !== "window"
        ? input(at, 0)
        : input(at);
    });
    this.#tensor = fused(graph, this.level, { leaves, levels, built });
    return this.#tensor;
  }

  /** The sum over what belongs to each sequence, or to each group. Throws `RangeError` for a finer level. */
  sum(to: "sequence" | "group"): LevelValue {
    const { level } = this;
    if (LEVELS.indexOf(level) >= LEVELS.indexOf(to)) {
      throw new RangeError(`A number of each ${level} has no sum by ${to}`);
    }
    const from = level === "row" ? "row" : "sequence";
    const up = from === "row" ? "sequence" : "group";
    const { graph } = this.#scope;
    const summed = LevelValue.of(
      this.#scope,
      up,
      sumOf(graph, this.tensor(), this.#scope.index(from), LEVEL_DIMS[up]),
    );
    return up === to ? summed : summed.sum(to);
  }

  /** Of sequences: the value of member `k` of each group, counted from 0. */
  member(k: number): LevelValue {
    if (this.level !== "sequence") {
      throw new RangeError(
        `Only sequences are members of groups, not a number of each ${this.level}`,
      );
    }
    const column = { ...this.tensor(), shape: [LEVEL_DIMS.sequence, 1] };
    const index = this.#scope.member(k);
    const taken = selectRows(this.#scope.graph, column, index);
    return LevelValue.of(this.#scope, "group", {
      ...taken,
      shape: [LEVEL_DIMS.group],
    });
  }

  /** The same number, through which no gradient passes. */
  detach(): LevelValue {
    return LevelValue.of(
      this.#scope,
      this.level,
      stopGradient(this.#scope.graph, this.tensor()),
    );
  }

  /** this + b */
  add(b: LevelValue | number): LevelValue {
    return this.#with(b, (x, y) => x.add(y));
  }
  /** this - b */
  sub(b: LevelValue | number): LevelValue {
    return this.#with(b, (x, y) => x.sub(y));
  }
  /** this * b */
  mul(b: LevelValue | number): LevelValue {
    return this.#with(b, (x, y) => x.mul(y));
  }
  /** this / b */
  div(b: LevelValue | number): LevelValue {
    return this.#with(b, (x, y) => x.div(y));
  }
  /** the smaller */
  min(b: LevelValue | number): LevelValue {
    return this.#with(b, (x, y) => x.min(y));
  }
  /** the larger */
  max(b: LevelValue | number): LevelValue {
    return this.#with(b, (x, y) => x.max(y));
  }
  /** 1 where this < b */
  lt(b: LevelValue | number): LevelValue {
    return this.#with(b, (x, y) => x.lt(y));
  }
  /** 1 where this <= b */
  le(b: LevelValue | number): LevelValue {
    return this.#with(b, (x, y) => x.le(y));
  }
  /** 1 where this equals b */
  eq(b: LevelValue | number): LevelValue {
    return this.#with(b, (x, y) => x.eq(y));
  }
  /** -this */
  neg(): LevelValue {
    return this.#map((x) => x.neg());
  }
  /** |this| */
  abs(): LevelValue {
    return this.#map((x) => x.abs());
  }
  /** e to this */
  exp(): LevelValue {
    return this.#map((x) => x.exp());
  }
  /** natural logarithm */
  log(): LevelValue {
    return this.#map((x) => x.log());
  }
  /** square root */
  sqrt(): LevelValue {
    return this.#map((x) => x.sqrt());
  }
  /** 1 / this */
  reciprocal(): LevelValue {
    return this.#map((x) => x.reciprocal());
  }
  /** hyperbolic tangent */
  tanh(): LevelValue {
    return this.#map((x) => x.tanh());
  }
  /** 1 / (1 + e to -this) */
  sigmoid(): LevelValue {
    return this.#map((x) => x.sigmoid());
  }
  /** log(1 / (1 + e to -this)), without overflow however far from 0 */
  logSigmoid(): LevelValue {
    // min(x, 0) - log(1 + e^-|x|)
    return this.#map((x) => x.min(0).sub(x.abs().neg().exp().add(1).log()));
  }
  /** -1, 0 or 1 */
  sign(): LevelValue {
    return this.#map((x) => x.sign());
  }
  /** `a` where this is not 0, else `b` */
  select(a: LevelValue | number, b: LevelValue | number): LevelValue {
    const level = finest([this, a, b]);
    const [condition, first, second] = [this, a, b].map((v) => at(v, level));
    return this.#made(
      level,
      [condition, first, second],
      ([c, x, y]) => c.select(x, y),
    );
  }

  #map(f: (x: Expr) => Expr): LevelValue {
    return this.#made(this.level, [this], ([x]) => f(x));
  }

  #with(
    other: LevelValue | number,
    f: (x: Expr, y: Expr) => Expr,
  ): LevelValue {
    const level = finest([this, other]);
    return this.#made(
      level,
      [at(this, level), at(other, level)],
      ([x, y]) => f(x, y),
    );
  }

  #made(
    level: Level,
    operands: readonly (LevelValue | number)[],
    f: (x: readonly Expr[]) => Expr,
  ): LevelValue {
    const size = operands.reduce<number>(
      (n, v) => n + (typeof v === "number" ? 0 : v.#size),
      1,
    );
    const made = new LevelValue(this.#scope, level, {
      build: (leaf) =>
        f(operands.map((v) =>
          typeof v === "number"
            ? constant(v)
            : v.#tensor === null
            ? v.#build(leaf)
            : leaf(v.#tensor, v.level)
        )),
      size,
    });
    return size > MOST_OPERATIONS
      ? LevelValue.of(this.#scope, level, made.tensor())
      : made;
  }

  /** The number of what each finer one belongs to; the window's is read as it is. */
  repeat(to: Level): LevelValue {
    if (this.level === to || this.level === "window") return this;
    const known = this.#repeated.get(to);
    if (known !== undefined) return known;
    const down = this.level === "group" ? "sequence" : "row";
    const { graph } = this.#scope;
    const { parent, sorted } = this.#scope.index(down);
    const column = { ...this.tensor(), shape: [LEVEL_DIMS[this.level], 1] };
    const spread = LevelValue.of(this.#scope, down, {
      ...embedding(graph, column, parent, sorted),
      shape: [LEVEL_DIMS[down]],
    }).repeat(to);
    this.#repeated.set(to, spread);
    return spread;
  }
}

function finest(values: readonly (LevelValue | number)[]): Level {
  const found = values.map((v) =>
    typeof v === "number" ? LEVELS.length - 1 : LEVELS.indexOf(v.level)
  );
  return LEVELS[Math.min(...found)];
}

function at(value: LevelValue | number, level: Level): LevelValue | number {
  return typeof value === "number" ? value : value.repeat(level);
}

/** One kernel over the numbers of a level; what is the window's gets no gradient. */
function fused(
  graph: Graph,
  level: Level,
  { leaves, levels, built }: {
    leaves: readonly Tensor[];
    levels: readonly Level[];
    built: Expr;
  },
): Tensor {
  const columns = level === "window" ? 1 : LEVEL_DIMS[level];
  const accesses = levels.map((l) =>
    l === "window" && level !== "window"
      ? "scalars" as const
      : "matrix" as const
  );
  return rows(graph, leaves, { rows: 1, columns }, {
    inputs: accesses,
    stages: [write(0, built)],
    outputs: ["matrix"],
  }, ({ graph, node, dOutputs, wants, add }) => {
    const dOut = dOutputs[0];
    if (dOut === undefined) return;
    node.inputs.forEach((_, i) => {
      if (accesses[i] === "scalars" || !wants(i)) return;
      const partial = differentiate(built, i);
      if (isZero(partial)) return;
      add(i, (addend) =>
        addTo(
          graph,
          addend,
          rows(graph, [...node.inputs, dOut], { rows: 1, columns }, {
            inputs: [...accesses, "matrix"],
            stages: [write(0, partial.mul(input(node.inputs.length)))],
            outputs: ["matrix"],
          })[0],
        ));
    });
  })[0];
}

/** Inputs: values (n), parent i32 (n), order, ids, starts. out[p] = sum of the values whose parent is p. */
const sumOp: Op<{ readonly parents: NamedDim }> = {
  name: "sum_by_parent",
  infer: (_, { parents }) => [{ shape: [parents], dtype: "f32" }],
  gradient({ graph, node, dOutputs, add }) {
    const [dOut] = dOutputs;
    if (dOut === undefined) return;
    const [values, parent] = node.inputs;
    const column = { ...dOut, shape: [node.outputs[0].shape[0], 1] };
    add(0, (addend) =>
      addTo(graph, addend, {
        ...embedding(graph, column, parent),
        shape: values.shape,
      }));
  },
  lower({ node, input, output, emit }) {
    const [out] = node.outputs;
    emit({
      kernel: "fill",
      attributes: { elements: out.shape[0], value: 0 },
      inputs: [],
      outputs: [output(0)],
    });
    emit({
      kernel: "scatter_add",
      attributes: { unique: node.inputs[3].shape[0], columns: 1 },
      inputs: [input(0), input(2), input(3), input(4), output(0)],
      outputs: [output(0)],
    });
  },
};

function sumOf(
  graph: Graph,
  values: Tensor,
  { parent, sorted }: LevelIndex,
  parents: NamedDim,
): Tensor {
  const { order, ids, starts } = sorted;
  return graph.apply1(sumOp, [values, parent, order, ids, starts], { parents });
}
