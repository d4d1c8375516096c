/**
 * A tree as a list of instructions for the matcher.
 *
 * ```text
 * a(b|c)+d       0 char a
 *                1 split 2 4      first what is at 2, else at 4
 *                2 char b
 *                3 jump 5
 *                4 char c
 *                5 split 1 6      greedy: once more first
 *                6 char d
 *                7 match
 * ```
 * @module
 */
import type { CharSet } from "./char_set.ts";
import { ExpressionProblem } from "./parse_class.ts";
import { type Node, widthOf } from "./tree.ts";

/** What the matcher does next; a, b, c are operands. */
export const Op = {
  /** The character a. */
  char: 0,
  /** A character of set a. */
  set: 1,
  /** b to c characters of set a, as many as there are; fewer when what follows fails. */
  greedyRun: 2,
  /** The same, as few as will do. */
  lazyRun: 3,
  /** The same, all there are. */
  possessiveRun: 4,
  /** On at a; when that fails, at b. */
  split: 5,
  jump: 6,
  /** Notes the position in register a. */
  mark: 7,
  /** On at b, but at c if nothing was taken since register a was noted: a loop of nothing ends. */
  progress: 8,
  /** Anchor number a. */
  anchor: 9,
  /** The instructions up to a must match, and are not tried in another way. */
  atomic: 10,
  /** The instructions up to a match here (b = 0) or do not (b = 1). */
  ahead: 11,
  /** The same, for text that ends here; c is an entry of `widths`. */
  behind: 12,
  match: 13,
} as const;

/** Anchors in the order of their numbers. */
export const ANCHORS = [
  "text-start",
  "text-end",
  "text-end-or-newline",
  "line-start",
  "line-end",
  "word",
  "not-word",
  "not-word-in-text",
] as const;

/** Instructions. */
export interface Program {
  readonly op: Uint8Array;
  readonly a: Int32Array;
  readonly b: Int32Array;
  readonly c: Int32Array;
  readonly sets: readonly CharSet[];
  /** Fewest and most characters of text behind. */
  readonly widths: readonly { readonly min: number; readonly max: number }[];
  readonly registers: number;
}

const MAX_SIZE = 50_000;
const UNBOUNDED = 0x7fffffff;
const MAX_BEHIND = 255;

/** The instructions of a tree. Throws `ExpressionProblem` for trees that are too large. */
export function compileTree(tree: Node): Program {
  const compiler = new Compiler();
  compiler.node(tree);
  compiler.emit(Op.match);
  return compiler.program();
}

class Compiler {
  readonly #op: number[] = [];
  readonly #a: number[] = [];
  readonly #b: number[] = [];
  readonly #c: number[] = [];
  readonly #sets: CharSet[] = [];
  readonly #widths: { min: number; max: number }[] = [];
  #registers = 0;

  program(): Program {
    return {
      op: Uint8Array.from(this.#op),
      a: Int32Array.from(this.#a),
      b: Int32Array.from(this.#b),
      c: Int32Array.from(this.#c),
      sets: this.#sets,
      widths: this.#widths,
      registers: this.#registers,
    };
  }

  emit(op: number, a = 0, b = 0, c = 0): number {
    if (this.#op.length >= MAX_SIZE) {
      throw new ExpressionProblem("it is too large");
    }
    this.#op.push(op);
    this.#a.push(a);
    this.#b.push(b);
    this.#c.push(c);
    return this.#op.length - 1;
  }

  get #next(): number {
    return this.#op.length;
  }

  node(node: Node): void {
    switch (node.kind) {
      case "char":
        this.emit(Op.char, node.code);
        return;
      case "set":
        this.emit(Op.set, this.#setNumber(node.set));
        return;
      case "sequence":
        for (const part of node.nodes) this.node(part);
        return;
      case "choice":
        return this.#choice(node.nodes);
      case "repeat":
        return this.#repeat(node);
      case "anchor":
        this.emit(Op.anchor, ANCHORS.indexOf(node.anchor));
        return;
      case "atomic":
        return this.#inner(Op.atomic, node.node);
      case "look":
        return this.#look(node);
    }
  }

  #setNumber(set: CharSet): number {
    const known = this.#sets.indexOf(set);
    return known >= 0 ? known : this.#sets.push(set) - 1;
  }

  #choice(nodes: readonly Node[]): void {
    const jumps: number[] = [];
    for (const [i, node] of nodes.entries()) {
      if (i === nodes.length - 1) this.node(node);
      else {
        const split = this.emit(Op.split, this.#next + 1);
        this.node(node);
        jumps.push(this.emit(Op.jump));
        this.#b[split] = this.#next;
      }
    }
    for (const jump of jumps) this.#a[jump] = this.#next;
  }

  #inner(op: number, node: Node, b = 0, c = 0): void {
    const at = this.emit(op, 0, b, c);
    this.node(node);
    this.emit(Op.match);
    this.#a[at] = this.#next;
  }

  #look(
    { node, behind, negative }: Extract<Node, { kind: "look" }>,
  ): void {
    const b = negative ? 1 : 0;
    if (!behind) return this.#inner(Op.ahead, node, b);
    const width = widthOf(node);
    if (width.max > MAX_BEHIND) {
      throw new ExpressionProblem(
        `it looks behind at more than ${MAX_BEHIND} characters`,
      );
    }
    this.#inner(Op.behind, node, b, this.#widths.push(width) - 1);
  }

  #repeat(node: Extract<Node, { kind: "repeat" }>): void {
    const { node: inner, min, max, greed } = node;
    if (inner.kind === "set") {
      const op = greed === "greedy"
        ? Op.greedyRun
        : greed === "lazy"
        ? Op.lazyRun
        : Op.possessiveRun;
      const most = max === Infinity ? UNBOUNDED : max;
      this.emit(op, this.#setNumber(inner.set), min, most);
      return;
    }
    if (greed === "possessive") {
      return this.#inner(Op.atomic, { ...node, greed: "greedy" });
    }
    for (let i = 0; i < min; i++) this.node(inner);
    if (max === Infinity) this.#loop(inner, greed === "lazy");
    else this.#optional(inner, max - min, greed === "lazy");
  }

  #loop(node: Node, lazy: boolean): void {
    const start = this.emit(Op.split);
    this.#target(start, lazy, { inner: this.#next });
    const canBeEmpty = widthOf(node).min === 0;
    const register = canBeEmpty ? this.#registers++ : 0;
    if (canBeEmpty) this.emit(Op.mark, register);
    this.node(node);
    const end = canBeEmpty
      ? this.emit(Op.progress, register, start)
      : this.emit(Op.jump, start);
    this.#target(start, lazy, { out: this.#next });
    if (canBeEmpty) this.#c[end] = this.#next;
  }

  #optional(node: Node, times: number, lazy: boolean): void {
    const splits: number[] = [];
    for (let i = 0; i < times; i++) {
      const split = this.emit(Op.split);
      splits.push(split);
      this.#target(split, lazy, { inner: this.#next });
      this.node(node);
    }
    for (const split of splits) this.#target(split, lazy, { out: this.#next });
  }

  /** Greedy: what is inside is tried first; lazy: what comes after. */
  #target(
    split: number,
    lazy: boolean,
    { inner, out }: { readonly inner?: number; readonly out?: number },
  ): void {
    if (inner !== undefined) (lazy ? this.#b : this.#a)[split] = inner;
    if (out !== undefined) (lazy ? this.#a : this.#b)[split] = out;
  }
}
