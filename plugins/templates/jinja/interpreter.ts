/**
 * Runs a chat template: statements here, expressions in `expressions.ts`. Text keeps its origins, and
 * Python's rules hold where they differ from JavaScript's.
 * @module
 */
import { Budget, type BudgetLimits } from "./budget.ts";
import { JinjaError } from "./error.ts";
import type { RunNotes } from "./run_notes.ts";
import { Expressions, type Scope } from "./expressions.ts";
import { checkAttribute, templateGlobals } from "./globals.ts";
import { loopAttribute } from "./loop.ts";
import type {
  Body,
  Expression,
  ForNode,
  MacroNode,
  SetNode,
  Statement,
  Target,
} from "./syntax/nodes.ts";
import { toText } from "./text/print.ts";
import { LITERAL, type Traced, TracedBuilder } from "./traced.ts";
import {
  type Arguments,
  Callable,
  Dict,
  isTrue,
  iterate,
  List,
  Loop,
  type LoopState,
  Namespace,
  typeName,
  type Value,
} from "./values.ts";

/** Why a loop's body was left. */
type Leave = "break" | "continue" | null;

/** Runs a template with its variables. Throws {@linkcode JinjaError}. */
export function runTemplate(
  program: Body,
  variables: ReadonlyMap<string, Value>,
  { now, notes, limits }: {
    readonly now: Date;
    readonly notes: RunNotes;
    readonly limits?: BudgetLimits;
  },
): Traced {
  const out = new TracedBuilder();
  const budget = new Budget(limits);
  const expressions = new Expressions(notes, budget);
  const globals: Scope = { variables: templateGlobals(now), parent: null };
  const scope: Scope = { variables: new Map(variables), parent: globals };
  try {
    new Statements(expressions, budget).run(program, scope, out, 0);
  } catch (error) {
    if (error instanceof RangeError) {
      throw new JinjaError("maximum recursion depth exceeded");
    }
    throw error;
  }
  return out.finish();
}

class Statements {
  readonly #expressions: Expressions;
  readonly #budget: Budget;

  constructor(expressions: Expressions, budget: Budget) {
    this.#expressions = expressions;
    this.#budget = budget;
  }

  run(body: Body, scope: Scope, out: TracedBuilder, depth: number): Leave {
    for (const statement of body) {
      const leave = this.#statement(statement, scope, out, depth);
      if (leave !== null) return leave;
    }
    return null;
  }

  #statement(
    node: Statement,
    scope: Scope,
    out: TracedBuilder,
    depth: number,
  ): Leave {
    this.#budget.step();
    const { turn } = this.#expressions;
    switch (node.type) {
      case "text":
        out.text(node.text, LITERAL, turn);
        return null;
      case "print":
        for (const value of node.values) {
          this.#write(this.#expressions.evaluate(value, scope), out);
        }
        return null;
      case "break":
      case "continue":
        return node.type;
      case "if": {
        const test = this.#expressions.evaluate(node.test, scope);
        const body = isTrue(test) ? node.body : node.otherwise;
        return this.run(body, scope, out, depth);
      }
      case "for":
        this.#for(node, scope, out, depth + 1);
        return null;
      case "set": {
        const value = this.#expressions.evaluate(node.value, scope);
        this.#assign(node.target, value, scope);
        this.#takeTurn(node, value, scope);
        return null;
      }
      case "set block": {
        const text: Value = this.#capture(node.body, inside(scope), depth);
        const value = node.filter === null
          ? text
          : this.#expressions.blockFilter(text, node.filter, scope);
        this.#assign(node.target, value, scope);
        return null;
      }
      case "with": {
        const inner = inside(scope);
        for (const { target, value } of node.values) {
          this.#assign(target, this.#expressions.evaluate(value, scope), inner);
        }
        return this.run(node.body, inner, out, depth);
      }
      case "macro":
        scope.variables.set(node.name, this.#macro(node, scope, depth));
        return null;
      case "call block": {
        const caller = this.#macro(node.caller, scope, depth);
        const { callee, args } = node.call;
        const target = this.#expressions.evaluate(callee, scope);
        if (!(target instanceof Callable)) {
          throw new JinjaError(`'${typeName(target)}' object is not callable`);
        }
        const { positional, named } = this.#expressions.arguments(args, scope);
        const given = new Map(named).set("caller", caller);
        this.#write(target.call({ positional, named: given }), out);
        return null;
      }
      case "filter block": {
        const text = this.#capture(node.body, inside(scope), depth);
        this.#write(
          this.#expressions.blockFilter(text, node.filter, scope),
          out,
        );
        return null;
      }
      case "generation":
        out.add(this.#capture(node.body, inside(scope), depth), 1, turn);
        return null;
    }
  }

  #write(value: Value, out: TracedBuilder): void {
    const text = toText(value);
    this.#budget.made(text);
    out.add(text, 0, this.#expressions.turn);
  }

  #capture(body: Body, scope: Scope, depth: number): Traced {
    const inner = new TracedBuilder();
    this.run(body, scope, inner, depth);
    return inner.finish();
  }

  #for(node: ForNode, scope: Scope, out: TracedBuilder, depth: number): void {
    const items = this.#expressions.evaluate(node.items, scope);
    this.#loop(node, items, { scope, out, depth });
  }

  #loop(
    node: ForNode,
    of: Value,
    { scope, out, depth }: {
      readonly scope: Scope;
      readonly out: TracedBuilder;
      readonly depth: number;
    },
  ): void {
    const { target, test } = node;
    const counter = target.type === "name" ? target.name : undefined;
    const scopeOf = (item: Value): Scope => {
      const inner: Scope = { variables: new Map(), parent: scope, counter };
      this.#assign(target, item, inner);
      return inner;
    };
    let items = iterate(of);
    if (test !== null) {
      items = items.filter((item) =>
        isTrue(this.#expressions.evaluate(test, scopeOf(item)))
      );
    }
    const again = (values: Value): Value => {
      const inner = new TracedBuilder();
      this.#loop(node, values, { scope, out: inner, depth: depth + 1 });
      return inner.finish();
    };
    const state: LoopState = {
      items,
      depth,
      last: null,
      again: node.recursive ? again : null,
    };
    const outer = this.#expressions.turn;
    for (const [i, item] of items.entries()) {
      this.#budget.step();
      const inner = scopeOf(item);
      inner.variables.set(
        "loop",
        new Loop(state, (name) => loopAttribute(state, i, name)),
      );
      if (item instanceof Dict && item.message !== null) {
        this.#expressions.turn = item.message + 1;
      }
      const leave = this.run(node.body, inner, out, depth);
      this.#expressions.turn = outer;
      if (leave === "break") break;
    }
    if (items.length === 0) {
      this.run(node.otherwise, inside(scope), out, depth);
    }
  }

  /** `{% set message = messages[i] %}` in a loop over `i` begins that message's turn, as its own loop would. */
  #takeTurn({ value: node }: SetNode, value: Value, scope: Scope): void {
    if (!(value instanceof Dict) || value.message === null) return;
    if (
      node.type === "item" && node.key.type === "name" &&
      node.key.name === scope.counter
    ) this.#expressions.turn = value.message + 1;
  }

  #assign(target: Target, value: Value, scope: Scope): void {
    switch (target.type) {
      case "name":
        scope.variables.set(target.name, value);
        return;
      case "tuple": {
        const items = iterate(value);
        const wanted = target.items.length;
        if (items.length !== wanted) {
          throw new JinjaError(
            items.length < wanted
              ? `not enough values to unpack (expected ${wanted}, got ${items.length})`
              : `too many values to unpack (expected ${wanted})`,
          );
        }
        target.items.forEach((part, i) => this.#assign(part, items[i], scope));
        return;
      }
      case "attribute": {
        const object = this.#expressions.evaluate(
          { type: "name", name: target.object } satisfies Expression,
          scope,
        );
        if (!(object instanceof Namespace)) {
          throw new JinjaError(
            "cannot assign attribute on non-namespace object",
          );
        }
        checkAttribute(target.name);
        object.entries.set(target.name, value);
      }
    }
  }

  #macro(node: MacroNode, scope: Scope, depth: number): Callable {
    return new Callable((args) =>
      this.#callMacro(node, scope, { args, depth })
    );
  }

  #callMacro(
    { name, parameters, body, takesNamed, takesMore }: MacroNode,
    scope: Scope,
    { args: { positional, named }, depth }: {
      readonly args: Arguments;
      readonly depth: number;
    },
  ): Traced {
    const inner = inside(scope);
    const rest = new Map(named);
    const caller = rest.get("caller");
    rest.delete("caller");
    inner.variables.set("caller", caller);
    for (const [i, { name: key, fallback }] of parameters.entries()) {
      let value: Value = undefined;
      if (i < positional.length) value = positional[i];
      else if (rest.has(key)) value = rest.get(key);
      else if (fallback !== null) {
        value = this.#expressions.evaluate(fallback, inner);
      }
      rest.delete(key);
      inner.variables.set(key, value);
    }
    const extra = positional.slice(parameters.length);
    const [first] = rest.keys();
    if (first !== undefined && !takesNamed) {
      throw new JinjaError(
        `macro '${name}' takes no keyword argument '${first}'`,
      );
    }
    if (extra.length > 0 && !takesMore) {
      throw new JinjaError(
        `macro '${name}' takes not more than ${parameters.length} argument(s)`,
      );
    }
    inner.variables.set("kwargs", new Dict(new Map(rest)));
    inner.variables.set("varargs", new List(extra, "tuple"));
    return this.#capture(body, inner, depth);
  }
}

function inside(scope: Scope): Scope {
  return { variables: new Map(), parent: scope };
}
