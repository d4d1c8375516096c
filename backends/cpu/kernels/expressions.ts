/**
 * Emits expressions as SIMD code. Equal subexpressions are computed once; what does not depend on the column
 * is computed once a row, what depends on neither once a kernel.
 * @module
 */
import type { Access, Expression } from "@denotune/denotune/device";
import {
  f32x4,
  type FunctionBuilder,
  i32,
  i32x4,
  i64,
  type Int,
  v128,
  type Vector,
} from "../assembler/mod.ts";
import { mix32, sigmoid, sigmoidPower } from "../simd_math.ts";
import { arithmetic, comparison, unary } from "./operators.ts";
import type { Lanes } from "./vector_loop.ts";

/** How far out of the loops an expression can be computed: once, once a row, at each element. */
const enum Level {
  Kernel = 0,
  Row = 1,
  Element = 2,
}

/** One input of a row program, as the emitter reads it. */
export interface SourceInput {
  readonly access: Access;
  /** Stored as i32, converted when read. */
  readonly integer: boolean;
  /**
   * matrix, row: address of column 0 (of the current row); column: address of the row's number; scalars:
   * address of number 0.
   */
  readonly pointer: Int;
}

interface Node {
  readonly id: number;
  readonly level: Level;
  readonly of: Expression;
  readonly children: readonly Node[];
}

type Memo = Map<number, Vector>;

/** Emits the expressions of one kernel. */
export class ExpressionEmitter {
  readonly #f: FunctionBuilder;
  readonly #inputs: readonly SourceInput[];
  readonly #ids = new Map<string, Node>();
  readonly #values = new Map<string, { version: number; vector: Vector }>();
  readonly #kernel: Memo = new Map();
  #row: Memo = new Map();

  constructor(f: FunctionBuilder, inputs: readonly SourceInput[]) {
    this.#f = f;
    this.#inputs = inputs;
  }

  /** Computes here, before all loops, the values that are the same for every element. */
  hoistToKernel(expressions: readonly Expression[]): void {
    for (const e of expressions) {
      this.#hoist(this.#intern(e), Level.Kernel, [this.#kernel]);
    }
  }

  /** To be called where the code of a row begins. */
  beginRow(): void {
    this.#row = new Map();
  }

  /** Computes here, before the loop over columns, the values that are the same for the whole row. */
  hoistToRow(expressions: readonly Expression[]): void {
    const memos = [this.#row, this.#kernel];
    for (const e of expressions) this.#hoist(this.#intern(e), Level.Row, memos);
  }

  /** An expression that is the same for the whole row, in every lane. */
  row(expression: Expression): Vector {
    return this.#emit(
      this.#intern(expression),
      [this.#row, this.#kernel],
      null,
    );
  }

  /** Names a number of the row; `vector` holds it in every lane. */
  define(name: string, vector: Vector): void {
    const version = (this.#values.get(name)?.version ?? 0) + 1;
    this.#values.set(name, { version, vector });
  }

  /** Expressions at four columns of the row. */
  at(lanes: Lanes, expressions: readonly Expression[]): Vector[] {
    // Innermost first: what is computed at these columns is new, what was hoisted is found.
    const memos = [new Map(), this.#row, this.#kernel];
    return expressions.map((e) => this.#emit(this.#intern(e), memos, lanes));
  }

  #hoist(node: Node, level: Level, memos: readonly Memo[]): void {
    // A random number is of the element, its key of the row: that half is hoisted.
    if (node.of.kind === "random" && level === Level.Row) {
      this.#randomKey(node, memos);
    }
    if (node.of.kind === "constant") return;
    if (node.level <= level) this.#emit(node, memos, null);
    else for (const child of node.children) this.#hoist(child, level, memos);
  }

  #intern(e: Expression): Node {
    const [children, own] = this.#parts(e);
    // Equal expressions have equal keys: computed once, however often they are written.
    const key = `${e.kind} ${own} ${children.map((c) => c.id).join()}`;
    let node = this.#ids.get(key);
    if (node === undefined) {
      const level = Math.max(this.#levelOf(e), ...children.map((c) => c.level));
      node = { id: this.#ids.size, level, of: e, children };
      this.#ids.set(key, node);
    }
    return node;
  }

  #parts(e: Expression): [Node[], string] {
    switch (e.kind) {
      case "input":
        return [[], `${e.input}[${e.index ?? 0}]`];
      case "constant":
        return [[], Object.is(e.value, -0) ? "-0" : String(e.value)];
      case "value":
        // A name may be defined again: expressions of the older value are others.
        return [[], `${e.name}@${this.#values.get(e.name)?.version}`];
      case "column":
        return [[], ""];
      case "random":
        return [[], `${e.input}/${e.stream}`];
      case "unary":
        return [[this.#intern(e.a)], e.op];
      case "binary":
        return [[this.#intern(e.a), this.#intern(e.b)], e.op];
      case "select":
        return [[
          this.#intern(e.condition),
          this.#intern(e.a),
          this.#intern(e.b),
        ], ""];
    }
  }

  #levelOf(e: Expression): Level {
    if (e.kind === "column" || e.kind === "random") return Level.Element;
    if (e.kind === "value") return Level.Row;
    if (e.kind !== "input") return Level.Kernel;
    const { access } = this.#inputs[e.input];
    return access === "scalars"
      ? Level.Kernel
      : access === "column"
      ? Level.Row
      : Level.Element;
  }

  /** The value of a node, remembered in the innermost memo. */
  #emit(node: Node, memos: readonly Memo[], lanes: Lanes | null): Vector {
    if (node.of.kind === "constant") return f32x4.const(node.of.value);
    for (const memo of memos) {
      const known = memo.get(node.id);
      if (known !== undefined) return known;
    }
    // A local, because a value used twice would be computed twice.
    const vector = this.#f.local("v128", this.#compute(node, memos, lanes));
    memos[0].set(node.id, vector);
    return vector;
  }

  #compute(node: Node, memos: readonly Memo[], lanes: Lanes | null): Vector {
    const e = node.of;
    const child = (i: number) => this.#emit(node.children[i], memos, lanes);
    switch (e.kind) {
      case "input":
        return this.#input(e.input, e.index ?? 0, lanes);
      case "constant":
        return f32x4.const(e.value);
      case "value": {
        const value = this.#values.get(e.name);
        if (value === undefined) {
          throw new RangeError(
            `value "${e.name}" is used before it is defined`,
          );
        }
        return value.vector;
      }
      case "column":
        return f32x4.fromI32(columns(lanes));
      case "random": {
        // 24 bits of a hash of (row's key, stream, column), as a float32 in 0 .. 1 below 1.
        const key = this.#randomKey(node, memos);
        const column = i32x4.mul(columns(lanes), i32x4.const(0x85ebca6b | 0));
        const bits = mix32(this.#f, i32x4.add(key, column));
        return f32x4.mul(
          f32x4.fromI32(i32x4.shrU(bits, 8)),
          f32x4.const(2 ** -24),
        );
      }
      case "unary":
        return e.op === "sigmoid"
          ? sigmoid(this.#f, child(0), this.#sigmoidPower(node, memos, lanes))
          : unary(this.#f, e.op, child(0));
      case "binary": {
        const [one, inner] = node.children;
        if (e.op === "sub" && isSigmoid(inner.of) && isOne(one.of)) {
          // as e to -x times the sigmoid: the difference would have no digits where the sigmoid is near 1
          return f32x4.mul(
            this.#sigmoidPower(inner, memos, lanes),
            child(1),
          );
        }
        const mask = comparison(e.op, child(0), child(1));
        return mask === null
          ? arithmetic(e.op, child(0), child(1))
          : v128.and(mask, f32x4.const(1));
      }
      case "select":
        return v128.select(
          child(1),
          child(2),
          this.#mask(node.children[0], memos, lanes),
        );
    }
  }

  /** All ones where a condition is not 0; a comparison's mask is used as it is. */
  #mask(node: Node, memos: readonly Memo[], lanes: Lanes | null): Vector {
    // Else the comparison would become 1 or 0 and be compared with 0 again.
    if (node.of.kind === "binary" && !memos.some((memo) => memo.has(node.id))) {
      const [a, b] = node.children.map((c) => this.#emit(c, memos, lanes));
      const mask = comparison(node.of.op, a, b);
      if (mask !== null) return mask;
    }
    return f32x4.ne(this.#emit(node, memos, lanes), f32x4.const(0));
  }

  #input(input: number, index: number, lanes: Lanes | null): Vector {
    const { access, integer, pointer } = this.#inputs[input];
    let bits: Vector;
    // One number for every lane, or four columns of the row.
    if (access === "scalars") bits = v128.load32Splat(pointer, 4 * index);
    else if (access === "column") bits = v128.load32Splat(pointer);
    else {
      if (lanes === null) {
        throw new RangeError(
          `input ${input} (${access}) is read outside the columns`,
        );
      }
      bits = v128.load(
        i64.add(pointer, i64.shl(lanes.index, i64.const(2))),
        4 * lanes.ahead,
      );
    }
    return integer ? f32x4.fromI32(bits) : bits;
  }

  /** What a sigmoid and 1 - sigmoid are both made of. */
  #sigmoidPower(
    sigmoid: Node,
    memos: readonly Memo[],
    lanes: Lanes | null,
  ): Vector {
    const id = -1 - sigmoid.id; // as for keys of random numbers: no node has it
    for (const memo of memos) {
      const known = memo.get(id);
      if (known !== undefined) return known;
    }
    const x = this.#emit(sigmoid.children[0], memos, lanes);
    const power = sigmoidPower(this.#f, x);
    memos[0].set(id, power);
    return power;
  }

  /** The part of a random number that depends on the row alone: mix32(key + stream * golden ratio). */
  #randomKey(node: Node, memos: readonly Memo[]): Vector {
    if (node.of.kind !== "random") throw new TypeError("not a random number");
    const id = -1 - node.id;
    for (const memo of memos) {
      const known = memo.get(id);
      if (known !== undefined) return known;
    }
    const offset = i32x4.const(Math.imul(node.of.stream, 0x9e3779b9));
    const key = v128.load32Splat(this.#inputs[node.of.input].pointer);
    const mixed = mix32(this.#f, i32x4.add(key, offset));
    memos[0].set(id, mixed);
    return mixed;
  }
}

function isSigmoid(e: Expression): boolean {
  return e.kind === "unary" && e.op === "sigmoid";
}

function isOne(e: Expression): boolean {
  return e.kind === "constant" && e.value === 1;
}

/** Indices of four columns. */
function columns(lanes: Lanes | null): Vector {
  if (lanes === null) {
    throw new RangeError("the column is used outside the columns");
  }
  const { ahead } = lanes;
  const first = i32x4.splat(i32.wrap(lanes.index));
  return i32x4.add(
    first,
    v128.const32([ahead, ahead + 1, ahead + 2, ahead + 3]),
  );
}

/** Every expression inside one, itself included. */
export function* walk(e: Expression): Generator<Expression> {
  yield e;
  if (e.kind === "unary") yield* walk(e.a);
  else if (e.kind === "binary") {
    yield* walk(e.a);
    yield* walk(e.b);
  } else if (e.kind === "select") {
    yield* walk(e.condition);
    yield* walk(e.a);
    yield* walk(e.b);
  }
}
