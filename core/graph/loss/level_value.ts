/**
 * Arithmetic over numbers of the levels of a loss. It is gathered into expressions, one kernel where a level changes
 * or a gradient is cut; the graph differentiates them.
 * @module
 */
import { constant, type Expr, input } from "../expression.ts";
import type { Tensor } from "../graph.ts";
import { embedding, selectRows } from "../ops/embedding.ts";
import { stopGradient } from "../ops/sums.ts";
import { levelKernel, sumByParent } from "./level_kernels.ts";
import { type Level, LEVEL_DIMS, LEVELS, type LevelScope } from "./levels.ts";

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
    this.#tensor = levelKernel(graph, this.level, { leaves, levels, built });
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
      sumByParent(
        graph,
        this.tensor(),
        this.#scope.index(from),
        LEVEL_DIMS[up],
      ),
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
