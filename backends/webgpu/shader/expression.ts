/**
 * Expressions as WGSL: every node becomes a `let`, so that repeated subexpressions are computed once.
 * @module
 */
import type { BinaryOp, Expression, UnaryOp } from "@denotune/denotune/device";
import { f32Text } from "./numbers.ts";

/** Where an expression's leaves come from, at one place of the space. */
export interface Leaves {
  /** An input's element as its access says, an `f32`. */
  input(input: number, index: number | undefined): string;
  /** A value of an earlier stage. */
  value(name: string): string;
  /** Index of the column, a `u32`. */
  column(): string;
  /** The row's key, a `u32`. */
  key(input: number): string;
}

const UNARY: Readonly<Record<UnaryOp, (a: string) => string>> = {
  neg: (a) => `-(${a})`,
  abs: (a) => `abs(${a})`,
  exp: (a) => `exp(${a})`,
  log: (a) => `log(${a})`,
  sqrt: (a) => `sqrt(${a})`,
  rsqrt: (a) => `inverseSqrt(${a})`,
  reciprocal: (a) => `1.0 / ${a}`,
  tanh: (a) => `tanh_of(${a})`,
  sigmoid: (a) => `sigmoid_of(${a})`,
  erf: (a) => `erf_of(${a})`,
  sign: (a) => `sign(${a})`,
  floor: (a) => `floor(${a})`,
  isFinite: (a) => `select(0.0, 1.0, is_finite(${a}))`,
};

const BINARY: Readonly<Record<BinaryOp, (a: string, b: string) => string>> = {
  add: (a, b) => `${a} + ${b}`,
  sub: (a, b) => `${a} - ${b}`,
  mul: (a, b) => `${a} * ${b}`,
  div: (a, b) => `${a} / ${b}`,
  min: (a, b) => `min(${a}, ${b})`,
  max: (a, b) => `max(${a}, ${b})`,
  lt: (a, b) => `select(0.0, 1.0, ${a} < ${b})`,
  le: (a, b) => `select(0.0, 1.0, ${a} <= ${b})`,
  eq: (a, b) => `select(0.0, 1.0, ${a} == ${b})`,
};

const COMPARE: Readonly<Partial<Record<BinaryOp, string>>> = {
  lt: "<",
  le: "<=",
  eq: "==",
};

/** Writes the statements of expressions at one place. `prefix` keeps names of several places apart. */
export class ExpressionWriter {
  readonly lines: string[] = [];
  readonly #leaves: Leaves;
  readonly #prefix: string;
  readonly #names = new Map<string, string>();
  readonly #texts = new Map<Expression, string>();

  constructor(leaves: Leaves, prefix: string) {
    this.#leaves = leaves;
    this.#prefix = prefix;
  }

  /** The name (or literal) that holds an expression; its statements are added to {@linkcode lines}. */
  write(e: Expression): string {
    const before = this.#texts.get(e);
    if (before !== undefined) return before;
    const text = this.#write(e);
    this.#texts.set(e, text);
    return text;
  }

  #write(e: Expression): string {
    switch (e.kind) {
      case "constant":
        return this.#literal(e.value);
      case "input":
        return this.#name(this.#leaves.input(e.input, e.index));
      case "value":
        return this.#leaves.value(e.name);
      case "column":
        return this.#name(`f32(${this.#leaves.column()})`);
      case "random":
        return this.#name(
          `uniform_at(${this.#leaves.key(e.input)}, ${
            e.stream >>> 0
          }u, ${this.#leaves.column()})`,
        );
      case "unary":
        return this.#name(UNARY[e.op](this.write(e.a)));
      case "binary":
        return this.#name(BINARY[e.op](this.write(e.a), this.write(e.b)));
      case "select": {
        const condition = this.#condition(e.condition);
        return this.#name(
          `select(${this.write(e.b)}, ${this.write(e.a)}, ${condition})`,
        );
      }
    }
  }

  #condition(e: Expression): string {
    const compare = e.kind === "binary" ? COMPARE[e.op] : undefined;
    return e.kind === "binary" && compare !== undefined
      ? `${this.write(e.a)} ${compare} ${this.write(e.b)}`
      : `${this.write(e)} != 0.0`;
  }

  /** Literals get names too, because the compiler may refuse constant expressions (`1 / 0`). */
  #literal(value: number): string {
    return this.#name(f32Text(value));
  }

  #name(text: string): string {
    const before = this.#names.get(text);
    if (before !== undefined) return before;
    const name = `${this.#prefix}${this.#names.size}`;
    this.#names.set(text, name);
    this.lines.push(`let ${name} = ${text};`);
    return name;
  }
}

/** The nodes of an expression that have no operands. */
export function leavesOf(expression: Expression): Expression[] {
  switch (expression.kind) {
    case "unary":
      return leavesOf(expression.a);
    case "binary":
      return [...leavesOf(expression.a), ...leavesOf(expression.b)];
    case "select":
      return [
        ...leavesOf(expression.condition),
        ...leavesOf(expression.a),
        ...leavesOf(expression.b),
      ];
    default:
      return [expression];
  }
}
