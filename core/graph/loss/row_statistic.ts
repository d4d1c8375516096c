/**
 * Statistics of a row of logits, one number a row, and their gradients. A statistic is an expression over
 * sums and maxima of the row; all statistics of a loss become one row program.
 *
 * ```text
 * logits   z_0 z_1 ... z_V      of one row
 * stages   m = max z            no gradient: a shift that keeps exp within range
 *          d = sum exp(z - m)
 * result   log d + m            logsumexp
 * ```
 * @module
 */
import { differentiate, isZero } from "../differentiate.ts";
import { readsInput } from "../ops/rows.ts";
import {
  column,
  constant,
  define,
  Expr,
  type Expression,
  input,
  reduce,
  type Stage,
  value,
  write,
} from "../expression.ts";

/** One row of logits, as a statistic sees it. */
export interface LogitRow {
  /** The logit: within `max` and `sum` only. */
  readonly logit: Expr;
  /** The same element of the second row (`ObjectiveLoss.second`), through which no gradient passes. */
  readonly second: Expr;
  /** Index of the column: within `max` and `sum` only. */
  readonly column: Expr;
  /** Column of the row's target. */
  readonly target: Expr;
  /** Columns of the row. */
  readonly columns: number;
  /** Largest value over the columns. No gradient passes: it serves as a shift that cancels out. */
  max(of: Expr): Expr;
  /** Sum over the columns. */
  sum(of: Expr): Expr;
}

/** One number of a row of logits: an expression of its sums. */
export type RowStatistic = (row: LogitRow) => Expr;

/** log sum exp(logit). */
export const logsumexp: RowStatistic = (row: LogitRow): Expr => {
  const { shift, total } = softmaxOf(row);
  return total.log().add(shift);
};

/** Log-probability of the target. */
export const logProbability: RowStatistic = (row: LogitRow): Expr => {
  const { shift, total } = softmaxOf(row);
  const target = row.sum(row.column.eq(row.target).select(row.logit, 0));
  // from the largest logit, which is where both numbers are: no rounding at the size of the logits
  return target.sub(shift).sub(total.log());
};

/** Mean over the columns of the log-probability. */
export const meanLogProbability: RowStatistic = (row: LogitRow): Expr => {
  const { shift, total } = softmaxOf(row);
  return row.sum(row.logit.sub(shift)).mul(1 / row.columns).sub(total.log());
};

/** Entropy of the softmax, in nats. */
export const entropy: RowStatistic = (row: LogitRow): Expr => {
  const { shift, total } = softmaxOf(row);
  const shifted = row.logit.sub(shift);
  return total.log().sub(row.sum(shifted.exp().mul(shifted)).div(total));
};

function softmaxOf(row: LogitRow): { shift: Expr; total: Expr } {
  const shift = row.max(row.logit);
  return { shift, total: row.sum(row.logit.sub(shift).exp()) };
}

/** Kernel inputs of a program of statistics: `second` is there only where it is read. The upstream numbers follow. */
export const STATISTIC_INPUTS = { logits: 0, targets: 1, second: 2 } as const;

type Reduction = Extract<Stage, { kind: "reduce" }>;

/** Statistics as stages: equal reductions are made once. */
interface Compiled {
  readonly reductions: readonly Reduction[];
  readonly results: readonly Expr[];
}

/** The statistics of a program: their expressions, and how a logit is made of its projection. */
export interface StatisticProgram {
  /** By name; the order is that of the outputs. */
  readonly statistics: Readonly<Record<string, RowStatistic>>;
  /** Columns of a row. */
  readonly columns: number;
  /** The model's function of each logit (a scale, a soft cap); null: none. */
  readonly logits: ((x: Expr) => Expr) | null;
}

function compile(
  { statistics, columns, logits }: StatisticProgram,
): Compiled {
  const reductions: Reduction[] = [];
  const known = new Map<string, Expr>();
  const fold = (op: "max" | "sum", of: Expr): Expr => {
    const key = JSON.stringify([op, of.node]);
    const before = known.get(key);
    if (before !== undefined) return before;
    const name = `r${reductions.length}`;
    reductions.push({ kind: "reduce", op, name, of: of.node });
    known.set(key, value(name));
    return value(name);
  };
  const f = logits ?? ((x: Expr) => x);
  const row: LogitRow = {
    logit: f(input(STATISTIC_INPUTS.logits)),
    second: f(input(STATISTIC_INPUTS.second)),
    column: column(),
    target: input(STATISTIC_INPUTS.targets),
    columns,
    max: (of) => fold("max", of),
    sum: (of) => fold("sum", of),
  };
  const results = Object.entries(statistics).map(([name, statistic]) => {
    const result = statistic(row);
    if (readsElement(result.node)) {
      throw new RangeError(
        `The statistic ${name} is not one number a row: it reads a logit or a column outside of max and sum; put what reads row.logit, row.second or row.column within row.sum(...) or row.max(...)`,
      );
    }
    return result;
  });
  return { reductions, results };
}

/** Whether an expression differs from column to column. */
function readsElement(e: Expression): boolean {
  switch (e.kind) {
    case "input":
      return e.input !== STATISTIC_INPUTS.targets;
    case "column":
    case "random":
      return true;
    case "unary":
      return readsElement(e.a);
    case "binary":
      return readsElement(e.a) || readsElement(e.b);
    case "select":
      return [e.condition, e.a, e.b].some(readsElement);
    default:
      return false;
  }
}

/** Whether any of the statistics reads the logits that are trained. */
export function readsFirstRow(program: StatisticProgram): boolean {
  return reads(program, STATISTIC_INPUTS.logits);
}

/** Whether any of the statistics reads a second row. */
export function readsSecondRow(program: StatisticProgram): boolean {
  return reads(program, STATISTIC_INPUTS.second);
}

function reads(program: StatisticProgram, input: number): boolean {
  return compile(program).reductions.some(({ of }) => readsInput(of, input));
}

/** Stages that write each statistic to its output, a column. */
export function statisticStages(program: StatisticProgram): Stage[] {
  const { reductions, results } = compile(program);
  return [...reductions, ...results.map((result, k) => write(k, result))];
}

/**
 * Stages that write, to output 0, sum over k of upstream_k * d statistic_k / d projection: reverse mode over the
 * reductions. `upstream` is the first kernel input of the upstream numbers, one column a statistic.
 */
export function statisticGradientStages(
  program: StatisticProgram,
  upstream: number,
): Stage[] {
  const { reductions, results } = compile(program);
  const stages: Stage[] = [...reductions];
  const adjoints = new Map<string, Expr[]>();
  const addTo = (name: string, term: Expr) =>
    adjoints.set(name, [...adjoints.get(name) ?? [], term]);
  const sums = reductions.filter(({ op }) => op === "sum"); // a maximum is a shift: no gradient
  results.forEach((result, k) => {
    for (const { name } of sums) {
      const d = differentiate(result, name);
      if (!isZero(d)) addTo(name, input(upstream + k).mul(d));
    }
  });
  const terms: Expr[] = [];
  for (const { name, of } of sums.toReversed()) {
    const own = adjoints.get(name);
    if (own === undefined) continue;
    stages.push(define(`d${name}`, own.reduce((a, b) => a.add(b))));
    const element = new Expr(of);
    for (const { name: earlier } of sums) {
      const d = differentiate(element, earlier);
      if (isZero(d)) continue;
      // every column of this reduction reads the earlier one
      const total = `d${name}.${earlier}`;
      stages.push(reduce("sum", total, d));
      addTo(earlier, value(`d${name}`).mul(value(total)));
    }
    const d = differentiate(element, STATISTIC_INPUTS.logits);
    if (!isZero(d)) terms.push(value(`d${name}`).mul(d));
  }
  const gradient = terms.length === 0
    ? constant(0)
    : terms.reduce((a, b) => a.add(b));
  return [...stages, write(0, gradient)];
}
