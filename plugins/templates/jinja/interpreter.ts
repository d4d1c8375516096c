/**
 * Runs a chat template: statements here, expressions in `expressions.ts`. Text keeps its origins, and
 * Python's rules hold where they differ from JavaScript's.
 * @module
 */
import type { RunNotes } from "./run_notes.ts";
import { Expressions, type Scope } from "./expressions.ts";
import { loopVariable, templateGlobals } from "./globals.ts";
import {
  type CallBlockNode,
  type ForNode,
  GENERATION,
  type IdentifierNode,
  type KeywordNode,
  type MacroNode,
  type Node,
  type SetNode,
} from "./syntax.ts";
import { type Traced, TracedBuilder } from "./traced.ts";
import {
  type Arguments,
  Callable,
  Dict,
  isTrue,
  iterate,
  JinjaError,
  List,
  Namespace,
  toText,
  typeName,
  type Value,
} from "./values.ts";

/** Why a loop's body was left. */
type Leave = "break" | "continue" | null;

/** Runs a template with its variables. Throws {@linkcode JinjaError}. */
export function runTemplate(
  program: Node,
  variables: ReadonlyMap<string, Value>,
  { now, notes }: { readonly now: Date; readonly notes: RunNotes },
): Traced {
  const out = new TracedBuilder();
  const expressions = new Expressions(notes);
  const globals: Scope = { variables: templateGlobals(now), parent: null };
  const scope: Scope = { variables: new Map(variables), parent: globals };
  const statements = program.type === "Program" ? program.body : [program];
  new Statements(expressions).run(statements, scope, out, 0);
  return out.finish();
}

class Statements {
  readonly #expressions: Expressions;

  constructor(expressions: Expressions) {
    this.#expressions = expressions;
  }

  run(
    nodes: readonly Node[],
    scope: Scope,
    out: TracedBuilder,
    depth: number,
  ): Leave {
    for (const node of nodes) {
      const leave = this.#statement(node, scope, out, depth);
      if (leave !== null) return leave;
    }
    return null;
  }

  #statement(
    node: Node,
    scope: Scope,
    out: TracedBuilder,
    depth: number,
  ): Leave {
    switch (node.type) {
      case "Comment":
        return null;
      case "Break":
        return "break";
      case "Continue":
        return "continue";
      case "If": {
        const test = this.#expressions.evaluate(node.test, scope);
        return this.run(
          isTrue(test) ? node.body : node.alternate,
          scope,
          out,
          depth,
        );
      }
      case "For":
        return this.#loop(node, scope, out, depth + 1);
      case "Set": {
        const value = node.value === null
          ? this.#capture(node.body, scope, depth)
          : this.#expressions.evaluate(node.value, scope);
        this.#assign(node.assignee, value, scope);
        this.#takeTurn(node, value, scope);
        return null;
      }
      case "Macro":
        scope.variables.set(node.name.value, this.#macro(node, scope, depth));
        return null;
      case "CallStatement":
        this.#callBlock(node, scope, out, depth);
        return null;
      case "FilterStatement":
        this.#write(
          this.#expressions.filter(
            this.#capture(node.body, scope, depth),
            node.filter,
            scope,
          ),
          out,
        );
        return null;
      default:
        this.#write(this.#expressions.evaluate(node, scope), out);
        return null;
    }
  }

  #write(value: Value, out: TracedBuilder): void {
    out.add(toText(value), 0, this.#expressions.turn);
  }

  /** `{% set message = messages[i] %}` in a loop over `i` begins that message's turn, as its own loop would. */
  #takeTurn(node: SetNode, value: Value, scope: Scope): void {
    if (!(value instanceof Dict) || value.message === null) return;
    if (
      node.value?.type === "MemberExpression" && node.value.computed &&
      node.value.property.type === "Identifier" &&
      node.value.property.value === scope.counter
    ) this.#expressions.turn = value.message + 1;
  }

  #capture(nodes: readonly Node[], scope: Scope, depth: number): Traced {
    const inner = new TracedBuilder();
    this.run(nodes, scope, inner, depth);
    return inner.finish();
  }

  #loop(node: ForNode, scope: Scope, out: TracedBuilder, depth: number): Leave {
    const select = node.iterable.type === "SelectExpression"
      ? node.iterable
      : null;
    let items = iterate(
      this.#expressions.evaluate(select?.lhs ?? node.iterable, scope),
    );
    const counter = node.loopvar.type === "Identifier"
      ? node.loopvar.value
      : undefined;
    const scopeOf = (item: Value): Scope => {
      const inner: Scope = { variables: new Map(), parent: scope, counter };
      this.#assign(node.loopvar, item, inner);
      return inner;
    };
    if (select !== null) {
      items = items.filter((item) =>
        isTrue(this.#expressions.evaluate(select.test, scopeOf(item)))
      );
    }
    const outer = this.#expressions.turn;
    for (let i = 0; i < items.length; i++) {
      const item = items[i];
      const inner = scopeOf(item);
      inner.variables.set("loop", loopVariable(items, i, depth));
      if (item instanceof Dict && item.message !== null) {
        this.#expressions.turn = item.message + 1;
      }
      const leave = this.run(node.body, inner, out, depth);
      this.#expressions.turn = outer;
      if (leave === "break") break;
    }
    if (items.length > 0) return null;
    return this.run(
      node.defaultBlock,
      { variables: new Map(), parent: scope },
      out,
      depth,
    );
  }

  #assign(target: Node, value: Value, scope: Scope): void {
    if (target.type === "Identifier") {
      scope.variables.set(target.value, value);
    } else if (target.type === "TupleLiteral") {
      const items = iterate(value);
      if (items.length !== target.value.length) {
        throw new JinjaError(
          items.length < target.value.length
            ? `not enough values to unpack (expected ${target.value.length}, got ${items.length})`
            : `too many values to unpack (expected ${target.value.length})`,
        );
      }
      target.value.forEach((part, i) => this.#assign(part, items[i], scope));
    } else if (
      target.type === "MemberExpression" &&
      target.property.type === "Identifier"
    ) {
      const object = this.#expressions.evaluate(target.object, scope);
      if (!(object instanceof Namespace)) {
        throw new JinjaError(
          `cannot assign attribute on ${
            typeName(object)
          } object; use a namespace`,
        );
      }
      object.entries.set(target.property.value, value);
    } else {
      throw new JinjaError(`cannot assign to ${target.type}`);
    }
  }

  #macro(
    { name, args: parameters, body }: MacroNode,
    scope: Scope,
    depth: number,
  ): Callable {
    return new Callable((args) =>
      this.#callBody(name.value, parameters, body, scope, args, depth)
    );
  }

  #callBody(
    name: string,
    parameters: readonly (IdentifierNode | KeywordNode)[],
    body: readonly Node[],
    scope: Scope,
    { positional, named }: Arguments,
    depth: number,
  ): Traced {
    const inner: Scope = { variables: new Map(), parent: scope };
    const rest = new Map(named);
    parameters.forEach((parameter, i) => {
      const key = parameter.type === "Identifier"
        ? parameter.value
        : parameter.key.value;
      let value = i < positional.length ? positional[i] : rest.get(key);
      if (
        value === undefined && parameter.type === "KeywordArgumentExpression"
      ) {
        value = this.#expressions.evaluate(parameter.value, inner);
      }
      rest.delete(key);
      inner.variables.set(key, value);
    });
    const caller = rest.get("caller");
    rest.delete("caller");
    if (caller !== undefined) inner.variables.set("caller", caller);
    inner.variables.set("kwargs", new Dict(rest));
    inner.variables.set(
      "varargs",
      new List(positional.slice(parameters.length), true),
    );
    try {
      return this.#capture(body, inner, depth);
    } catch (error) {
      if (error instanceof RangeError) {
        throw new JinjaError(`maximum recursion depth exceeded in ${name}`);
      }
      throw error;
    }
  }

  #callBlock(
    node: CallBlockNode,
    scope: Scope,
    out: TracedBuilder,
    depth: number,
  ): void {
    const { callee, args } = node.call;
    if (callee.type === "Identifier" && callee.value === GENERATION) {
      out.add(
        this.#capture(node.body, scope, depth),
        1,
        this.#expressions.turn,
      );
      return;
    }
    const caller = new Callable((given) =>
      this.#callBody(
        "caller",
        node.callerArgs ?? [],
        node.body,
        scope,
        given,
        depth,
      )
    );
    const { positional, named } = this.#expressions.arguments(args, scope);
    const target = this.#expressions.evaluate(callee, scope);
    if (!(target instanceof Callable)) {
      throw new JinjaError(`'${typeName(target)}' object is not callable`);
    }
    this.#write(
      target.call({
        positional,
        named: new Map(named).set("caller", caller),
      }),
      out,
    );
  }
}
