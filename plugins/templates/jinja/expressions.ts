/**
 * Expressions of a chat template.
 * @module
 */
import { arithmetic, unary } from "./arithmetic.ts";
import type { Budget } from "./budget.ts";
import { dictMethod, listMethod } from "./container_methods.ts";
import { describe } from "./describe.ts";
import { JinjaError } from "./error.ts";
import { applyFilter, isFilter } from "./filters/filters.ts";
import type { RunNotes } from "./run_notes.ts";
import type {
  ArgumentNodes,
  CompareNode,
  Expression,
  FilterNode,
  SliceNode,
  TestNode,
} from "./syntax/nodes.ts";
import { toText } from "./text/print.ts";
import { sliceOf } from "./slice.ts";
import { contains, isTest, runTest } from "./tests.ts";
import { stringMethod } from "./text/text_methods.ts";
import { joinTraced, LITERAL, NO_TURN, Traced, type Turn } from "./traced.ts";
import {
  type Arguments,
  asWhole,
  Callable,
  characters,
  compare,
  Dict,
  Float,
  isEqual,
  isTrue,
  iterate,
  type Key,
  keyOf,
  List,
  Loop,
  Namespace,
  typeName,
  type Value,
} from "./values.ts";

/** Names and their values, innermost first. */
export interface Scope {
  readonly variables: Map<string, Value>;
  readonly parent: Scope | null;
  /** The loop variable, in the scope of a loop's body. */
  readonly counter?: string;
}

const NO_ARGUMENTS: Arguments = { positional: [], named: new Map() };

/** Evaluates expressions. */
export class Expressions {
  /** The turn that is being written: what text the template makes belongs to it. */
  turn: Turn = NO_TURN;
  readonly #notes: RunNotes;
  readonly #budget: Budget;

  /** `notes` learns which message was read last. */
  constructor(notes: RunNotes, budget: Budget) {
    this.#notes = notes;
    this.#budget = budget;
  }

  /** The value of an expression. */
  evaluate(node: Expression, scope: Scope): Value {
    this.#budget.step();
    switch (node.type) {
      case "constant":
        return typeof node.value === "string"
          ? Traced.of(node.value, LITERAL, this.turn)
          : node.value;
      case "float":
        return new Float(node.value);
      case "name":
        return lookUp(node.name, scope);
      case "list":
      case "tuple":
        return new List(
          node.items.map((item) => this.evaluate(item, scope)),
          node.type,
        );
      case "dict":
        return new Dict(
          new Map(
            node.entries.map(([key, value]): [Key, Value] => [
              keyOf(this.evaluate(key, scope)),
              this.evaluate(value, scope),
            ]),
          ),
        );
      case "concat":
        return this.#made(joinTraced(
          node.items.map((item) => toText(this.evaluate(item, scope))),
          Traced.of(""),
        ));
      case "and": {
        const left = this.evaluate(node.left, scope);
        return isTrue(left) ? this.evaluate(node.right, scope) : left;
      }
      case "or": {
        const left = this.evaluate(node.left, scope);
        return isTrue(left) ? left : this.evaluate(node.right, scope);
      }
      case "not":
        return !isTrue(this.evaluate(node.value, scope));
      case "unary":
        return unary(node.operator, this.#defined(node.value, scope));
      case "binary":
        // templates also collect all of the text in a variable and write it at the end
        return this.#made(
          arithmetic(
            node.operator,
            this.#defined(node.left, scope),
            this.#defined(node.right, scope),
          ),
        );
      case "compare":
        return this.#compare(node, scope);
      case "choice":
        if (isTrue(this.evaluate(node.test, scope))) {
          return this.evaluate(node.yes, scope);
        }
        return node.no === null ? undefined : this.evaluate(node.no, scope);
      case "attribute":
        return this.#attribute(
          this.#subscripted(node.object, scope),
          node.name,
        );
      case "item": {
        const object = this.#subscripted(node.object, scope);
        return node.key.type === "slice"
          ? this.#slice(object, node.key, scope)
          : this.#item(object, this.evaluate(node.key, scope));
      }
      case "call":
        return this.#call(node.callee, node.args, scope);
      case "filter":
        return this.filter(
          node.value === null ? undefined : this.evaluate(node.value, scope),
          node,
          scope,
        );
      case "test":
        return this.#test(node, scope);
      case "slice":
        throw new JinjaError("a slice is no value");
    }
  }

  /** Applies one filter. */
  filter(value: Value, { name, args }: FilterNode, scope: Scope): Value {
    this.#budget.look(value);
    return this.#counted(
      applyFilter(name, value, this.arguments(args, scope)),
    );
  }

  /** Applies the filters of a block, the first of which has no value of its own. */
  blockFilter(value: Value, filter: FilterNode, scope: Scope): Value {
    const inner = filter.value?.type === "filter"
      ? this.blockFilter(value, filter.value, scope)
      : value;
    return this.filter(inner, filter, scope);
  }

  /** The arguments of a call. */
  arguments(nodes: ArgumentNodes, scope: Scope): Arguments {
    const { positional, named, spread, namedSpread } = nodes;
    if (positional.length + named.length === 0 && spread === null) {
      if (namedSpread === null) return NO_ARGUMENTS;
    }
    const values = positional.map((node) => this.evaluate(node, scope));
    if (spread !== null) {
      values.push(...iterate(this.evaluate(spread, scope)));
    }
    const names = new Map<string, Value>();
    for (const { name, value } of named) {
      names.set(name, this.evaluate(value, scope));
    }
    const more = namedSpread === null
      ? null
      : this.evaluate(namedSpread, scope);
    if (more instanceof Dict) {
      for (const [key, value] of more.entries) {
        if (typeof key !== "string") {
          throw new JinjaError("keywords must be strings");
        }
        names.set(key, value);
      }
    } else if (more !== null) {
      throw new JinjaError(
        `argument after ** must be a mapping, not ${typeName(more)}`,
      );
    }
    return { positional: values, named: names };
  }

  #made(value: Value): Value {
    return this.#counted(
      value instanceof Traced ? value.in(this.turn) : value,
    );
  }

  #counted(value: Value): Value {
    this.#budget.made(value);
    return value;
  }

  /** A value that may be anything but undefined. */
  #defined(node: Expression, scope: Scope): Value {
    const value = this.evaluate(node, scope);
    if (value !== undefined) return value;
    throw new JinjaError(`'${describe(node)}' is undefined`);
  }

  #subscripted(node: Expression, scope: Scope): Value {
    return this.#defined(node, scope);
  }

  #test({ name, value: node, args }: TestNode, scope: Scope): boolean {
    const value = this.evaluate(node, scope);
    if (name === "filter") return isFilter(toText(value).text);
    if (name === "test") return isTest(toText(value).text);
    const given = this.arguments(args, scope);
    for (const one of given.positional) this.#budget.look(one);
    return runTest(name, value, given);
  }

  #compare({ first, rest }: CompareNode, scope: Scope): boolean {
    let node = first;
    let left = this.evaluate(first, scope);
    for (const { operator, value } of rest) {
      const right = this.evaluate(value, scope);
      this.#budget.look(right);
      if (!this.#holds(operator, [left, node], [right, value])) return false;
      left = right;
      node = value;
    }
    return true;
  }

  #holds(
    operator: string,
    [left, leftNode]: readonly [Value, Expression],
    [right, rightNode]: readonly [Value, Expression],
  ): boolean {
    switch (operator) {
      case "==":
        return isEqual(left, right);
      case "!=":
        return !isEqual(left, right);
      case "in":
        return contains(right, left);
      case "not in":
        return !contains(right, left);
    }
    for (
      const [value, node] of [[left, leftNode], [right, rightNode]] as const
    ) {
      if (value === undefined) {
        throw new JinjaError(`'${describe(node)}' is undefined`);
      }
    }
    const order = compare(left, right, operator);
    switch (operator) {
      case "<":
        return order < 0;
      case "<=":
        return order <= 0;
      case ">":
        return order > 0;
      default:
        return order >= 0;
    }
  }

  #call(node: Expression, nodes: ArgumentNodes, scope: Scope): Value {
    const callee = this.evaluate(node, scope);
    const args = this.arguments(nodes, scope);
    if (callee instanceof Callable) return this.#counted(callee.call(args));
    if (callee instanceof Loop && callee.state.again !== null) {
      return callee.state.again(args.positional[0]);
    }
    throw new JinjaError(
      callee === undefined
        ? `'${describe(node)}' is undefined`
        : `'${typeName(callee)}' object is not callable`,
    );
  }

  /** `object.name`: what the object offers by this name, else its entry. */
  #attribute(object: Value, name: string): Value {
    const offered = this.#offered(object, name);
    return offered === undefined && object instanceof Dict
      ? this.#entry(object, name)
      : offered;
  }

  /** `object[key]`: the entry, else what the object offers by this name. */
  #item(object: Value, key: Value): Value {
    if (object instanceof Dict) {
      const isKey = key !== undefined && !(key instanceof List) &&
        !(key instanceof Dict);
      if (isKey) {
        const at = keyOf(key);
        if (object.has(at)) return this.#entry(object, at);
        this.#entry(object, at); // that it was asked for is noted
      }
    } else {
      const at = asWhole(key);
      if (at !== null) return itemAt(object, Number(at));
    }
    return key instanceof Traced ? this.#offered(object, key.text) : undefined;
  }

  #entry(object: Dict, key: Key): Value {
    if (object.message !== null) {
      this.#notes.message = object.message;
      if (key === "input") this.#notes.readsInput = true;
    }
    return object.get(key);
  }

  #offered(object: Value, name: string): Value {
    this.#budget.look(object);
    if (object instanceof Dict) {
      // `{...}.get(name)` reads an entry, too
      if (object.message !== null) this.#notes.message = object.message;
      return dictMethod(object, name);
    }
    if (object instanceof Namespace) return object.entries.get(name);
    if (object instanceof Traced) return stringMethod(object, name);
    if (object instanceof Loop) return object.attribute(name);
    if (object instanceof Float || asWhole(object) !== null) {
      if (!MISSING_OF_NUMBERS.includes(name)) return undefined;
      throw new JinjaError(`'${name}' of numbers is not supported`);
    }
    return object instanceof List ? listMethod(object, name) : undefined;
  }

  #slice(object: Value, node: SliceNode, scope: Scope): Value {
    const limit = (part: Expression | null): number | null => {
      const value = part === null ? null : this.evaluate(part, scope);
      if (value === null) return null;
      const whole = asWhole(value);
      if (whole !== null) return Number(whole);
      throw new JinjaError(
        "slice indices must be integers or None or have an __index__ method",
      );
    };
    return this.#counted(sliceOf(object, {
      start: limit(node.start),
      stop: limit(node.stop),
      step: limit(node.step),
    }));
  }
}

/** What Jinja2 offers and is not here: better refused than taken for undefined. */
const MISSING_GLOBALS = ["cycler", "lipsum", "self"];
const MISSING_OF_NUMBERS = [
  "as_integer_ratio",
  "bit_count",
  "bit_length",
  "conjugate",
  "denominator",
  "hex",
  "imag",
  "is_integer",
  "numerator",
  "real",
  "to_bytes",
];

function lookUp(name: string, scope: Scope): Value {
  for (let inner: Scope | null = scope; inner !== null; inner = inner.parent) {
    if (inner.variables.has(name)) return inner.variables.get(name);
  }
  if (MISSING_GLOBALS.includes(name)) {
    throw new JinjaError(`'${name}' is not supported`);
  }
  return undefined;
}

function itemAt(object: Value, index: number): Value {
  if (object instanceof List) {
    return object.kind.startsWith("dict_") ? undefined : object.items.at(index);
  }
  return object instanceof Traced ? characters(object).at(index) : undefined;
}
