/**
 * Expressions of a chat template.
 * @module
 */
import { arithmetic, unary } from "./arithmetic.ts";
import { applyFilter } from "./filters.ts";
import type { RunNotes } from "./run_notes.ts";
import { dictMethod, listMethod, stringMethod } from "./methods.ts";
import type { FilterNode, MemberNode, Node, SliceNode } from "./syntax.ts";
import { contains, runTest } from "./tests.ts";
import { joinTraced, LITERAL, NO_TURN, Traced, type Turn } from "./traced.ts";
import {
  type Arguments,
  asNumber,
  Callable,
  characters,
  compare,
  Dict,
  Float,
  isEqual,
  isTrue,
  iterate,
  JinjaError,
  keyOf,
  List,
  Namespace,
  toText,
  typeName,
  type Value,
} from "./values.ts";

/** Names and what they stand for, innermost first. */
export interface Scope {
  readonly variables: Map<string, Value>;
  readonly parent: Scope | null;
  /** The loop variable, in the scope of a loop's body. */
  readonly counter?: string;
}

/** Evaluates expressions. */
export class Expressions {
  /** The turn that is being written: what text the template makes belongs to it. */
  turn: Turn = NO_TURN;
  readonly #notes: RunNotes;

  /** `notes` learns which message was read last. */
  constructor(notes: RunNotes) {
    this.#notes = notes;
  }

  /** The value of an expression. */
  evaluate(node: Node, scope: Scope): Value {
    switch (node.type) {
      case "StringLiteral":
        return Traced.of(node.value, LITERAL, this.turn);
      case "IntegerLiteral":
        return node.value;
      case "FloatLiteral":
        return new Float(node.value);
      case "ArrayLiteral":
        return new List(node.value.map((item) => this.evaluate(item, scope)));
      case "TupleLiteral":
        return new List(
          node.value.map((item) => this.evaluate(item, scope)),
          true,
        );
      case "ObjectLiteral":
        return new Dict(
          new Map(
            [...node.value].map(([key, value]) => [
              keyOf(this.evaluate(key, scope)),
              this.evaluate(value, scope),
            ]),
          ),
        );
      case "Identifier":
        return lookUp(node.value, scope);
      case "MemberExpression":
        return this.#member(node, scope);
      case "CallExpression": {
        const callee = this.evaluate(node.callee, scope);
        if (!(callee instanceof Callable)) {
          throw new JinjaError(
            callee === undefined
              ? `'${describe(node.callee)}' is undefined`
              : `'${typeName(callee)}' object is not callable`,
          );
        }
        return callee.call(this.arguments(node.args, scope));
      }
      case "FilterExpression":
        return this.filter(
          this.evaluate(node.operand, scope),
          node.filter,
          scope,
        );
      case "TestExpression":
        return runTest(node.test.value, this.evaluate(node.operand, scope)) !==
          node.negate;
      case "SelectExpression":
        return isTrue(this.evaluate(node.test, scope))
          ? this.evaluate(node.lhs, scope)
          : undefined;
      case "Ternary":
        return this.evaluate(
          isTrue(this.evaluate(node.condition, scope))
            ? node.trueExpr
            : node.falseExpr,
          scope,
        );
      case "UnaryExpression":
        return unary(node.operator.value, this.evaluate(node.argument, scope));
      case "BinaryExpression":
        return this.#binary(node, scope);
      default:
        throw new JinjaError(`cannot evaluate ${node.type}`);
    }
  }

  /** Applies the filter of `value | filter`. */
  filter(value: Value, filter: FilterNode, scope: Scope): Value {
    if (filter.type === "Identifier") {
      return applyFilter(filter.value, value, {
        positional: [],
        named: new Map(),
      });
    }
    if (filter.callee.type !== "Identifier") {
      throw new JinjaError("cannot tell which filter to apply");
    }
    return applyFilter(
      filter.callee.value,
      value,
      this.arguments(filter.args, scope),
    );
  }

  /** The arguments of a call. */
  arguments(nodes: readonly Node[], scope: Scope): Arguments {
    const positional: Value[] = [];
    const named = new Map<string, Value>();
    for (const node of nodes) {
      if (node.type === "KeywordArgumentExpression") {
        named.set(node.key.value, this.evaluate(node.value, scope));
      } else if (node.type === "SpreadExpression") {
        positional.push(...iterate(this.evaluate(node.argument, scope)));
      } else if (node.type === "KeywordSpreadExpression") {
        const given = this.evaluate(node.argument, scope);
        if (given instanceof Dict) {
          for (const [key, value] of given.entries) {
            if (typeof key !== "string") {
              throw new JinjaError("keywords must be strings");
            }
            named.set(key, value);
          }
        }
      } else positional.push(this.evaluate(node, scope));
    }
    return { positional, named };
  }

  #member(node: MemberNode, scope: Scope): Value {
    const object = this.evaluate(node.object, scope);
    if (object === undefined) {
      throw new JinjaError(`'${describe(node.object)}' is undefined`);
    }
    if (node.computed && node.property.type === "SliceExpression") {
      return this.#slice(object, node.property, scope);
    }
    if (!node.computed && node.property.type === "Identifier") {
      return this.#attribute(object, node.property.value);
    }
    const key = this.evaluate(node.property, scope);
    if (object instanceof Dict && !(key instanceof Traced)) {
      return object.entries.get(keyOf(key));
    }
    if (typeof key === "number") return itemAt(object, key);
    if (!(key instanceof Traced)) return undefined;
    // `d["items"]` is the entry, `d.items` the method
    const entry = object instanceof Dict
      ? this.#entry(object, key.text)
      : undefined;
    return entry ?? this.#attribute(object, key.text);
  }

  #entry(object: Dict, name: string): Value {
    if (object.message !== null) {
      this.#notes.message = object.message;
      if (name === "input") this.#notes.readsInput = true;
    }
    return object.entries.get(name);
  }

  #attribute(object: Value, name: string): Value {
    if (object instanceof Dict) {
      return dictMethod(object, name) ?? this.#entry(object, name);
    }
    if (object instanceof Namespace) return object.entries.get(name);
    if (object instanceof Traced) return stringMethod(object, name);
    return object instanceof List ? listMethod(object, name) : undefined;
  }

  #slice(object: Value, node: SliceNode, scope: Scope): Value {
    const limit = (part: Node | undefined): number | null => {
      const value = part === undefined ? null : this.evaluate(part, scope);
      if (value === null || value === undefined) return null;
      const number = asNumber(value);
      if (number === null) {
        throw new JinjaError("slice indices must be integers or None");
      }
      return number;
    };
    const [start, stop, step] = [
      limit(node.start),
      limit(node.stop),
      limit(node.step) ?? 1,
    ];
    if (object instanceof Traced) {
      if (step === 1 && !/[\ud800-\udfff]/.test(object.text)) {
        const [from, to] = bounds(object.text.length, start, stop);
        return object.slice(from, Math.max(from, to));
      }
      return joinTraced(
        sliced(characters(object), start, stop, step),
        Traced.of(""),
      );
    }
    if (object instanceof List) {
      return new List(sliced(object.items, start, stop, step), object.tuple);
    }
    throw new JinjaError(`'${typeName(object)}' object is not subscriptable`);
  }

  #binary(
    node: Extract<Node, { type: "BinaryExpression" }>,
    scope: Scope,
  ): Value {
    const operator = node.operator.value;
    const left = this.evaluate(node.left, scope);
    if (operator === "and") {
      return isTrue(left) ? this.evaluate(node.right, scope) : left;
    }
    if (operator === "or") {
      return isTrue(left) ? left : this.evaluate(node.right, scope);
    }
    const right = this.evaluate(node.right, scope);
    switch (operator) {
      case "==":
        return isEqual(left, right);
      case "!=":
        return !isEqual(left, right);
      case "~":
        return joinTraced([toText(left), toText(right)], Traced.of("")).in(
          this.turn,
        );
      case "in":
        return contains(right, left);
      case "not in":
        return !contains(right, left);
    }
    if (left === undefined) {
      throw new JinjaError(`'${describe(node.left)}' is undefined`);
    }
    if (right === undefined) {
      throw new JinjaError(`'${describe(node.right)}' is undefined`);
    }
    switch (operator) {
      case "<":
        return compare(left, right, operator) < 0;
      case "<=":
        return compare(left, right, operator) <= 0;
      case ">":
        return compare(left, right, operator) > 0;
      case ">=":
        return compare(left, right, operator) >= 0;
    }
    // templates also collect all of the text in a variable and write it at the end
    const result = arithmetic(operator, left, right);
    return result instanceof Traced ? result.in(this.turn) : result;
  }
}

function lookUp(name: string, scope: Scope): Value {
  for (let inner: Scope | null = scope; inner !== null; inner = inner.parent) {
    if (inner.variables.has(name)) return inner.variables.get(name);
  }
  return undefined;
}

/** How the template writes a value, for errors. */
function describe(node: Node): string {
  if (node.type === "Identifier") return node.value;
  if (node.type === "CallExpression") return `${describe(node.callee)}()`;
  if (node.type !== "MemberExpression") return "a value";
  const { property } = node;
  const name = property.type === "StringLiteral" ||
      (property.type === "Identifier" && !node.computed)
    ? `.${property.value}`
    : property.type === "IntegerLiteral"
    ? `[${property.value}]`
    : "[...]";
  return describe(node.object) + name;
}

function itemAt(object: Value, index: number): Value {
  if (object instanceof List) return object.items.at(index);
  if (object instanceof Traced) return characters(object).at(index);
  return undefined;
}

function bounds(
  length: number,
  start: number | null,
  stop: number | null,
): [number, number] {
  const place = (value: number): number =>
    Math.min(length, value < 0 ? Math.max(0, length + value) : value);
  return [place(start ?? 0), place(stop ?? length)];
}

function sliced<T>(
  items: readonly T[],
  start: number | null,
  stop: number | null,
  step: number,
): T[] {
  if (step > 0) {
    const [from, to] = bounds(items.length, start, stop);
    return items.slice(from, Math.max(from, to)).filter((_, i) =>
      i % step === 0
    );
  }
  const place = (value: number): number =>
    value < 0 ? items.length + value : Math.min(items.length - 1, value);
  const from = start === null ? items.length - 1 : place(start);
  const to = stop === null ? -1 : Math.max(-1, place(stop));
  const result: T[] = [];
  for (let i = from; i > to; i += step) result.push(items[i]);
  return result;
}
