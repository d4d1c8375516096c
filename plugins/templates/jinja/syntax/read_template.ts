/**
 * Reads a chat template into its syntax tree, with Jinja2's grammar.
 * @module
 */
import { tokenize } from "./lexer.ts";
import type {
  Body,
  Expression,
  FilterNode,
  MacroNode,
  Statement,
  Target,
} from "./nodes.ts";
import {
  readExpression,
  readFilter,
  readPrimary,
  readTuple,
} from "./read_expression.ts";
import { TokenStream } from "./token_stream.ts";
import { JinjaError } from "../error.ts";

/** Characters of the longest template that is read: fifty times the longest published one. */
const MAX_SOURCE = 1_000_000;

/** Reads a template. Throws {@linkcode JinjaError} for what cannot be read. */
export function readTemplate(source: string): Body {
  if (source.length > MAX_SOURCE) {
    throw new JinjaError(
      `the template has ${source.length} characters; at most ${MAX_SOURCE} are read`,
    );
  }
  try {
    return new Reader(new TokenStream(tokenize(source))).read();
  } catch (error) {
    if (error instanceof RangeError) {
      throw new JinjaError("the template is nested too deeply");
    }
    throw error;
  }
}

class Reader {
  readonly #stream: TokenStream;
  /** Blocks that are open, with their lines: what an error at the end is about. */
  readonly #open: { readonly name: string; readonly line: number }[] = [];

  constructor(stream: TokenStream) {
    this.#stream = stream;
  }

  read(): Body {
    return this.#body([]);
  }

  /** Statements up to a block with one of these names, which is taken up to its name. */
  #body(ends: readonly string[]): Body {
    const body: Statement[] = [];
    const stream = this.#stream;
    for (;;) {
      const token = stream.current;
      if (token.type === "end") {
        const last = this.#open.at(-1);
        if (last === undefined) return body;
        throw new JinjaError(
          `the block {% ${last.name} %} of line ${last.line} is not closed; {% end${last.name} %} is missing`,
        );
      }
      if (token.type === "data") {
        body.push({ type: "text", text: stream.next().value });
      } else if (token.type === "open print") {
        stream.next();
        body.push({ type: "print", values: [readTuple(stream)] });
        stream.expect("close print");
      } else {
        stream.next();
        if (stream.isName(...ends.length === 0 ? [""] : ends)) return body;
        body.push(this.#statement());
        stream.expect("close block");
      }
    }
  }

  /** The body of a block, its end taken. */
  #block(name: string, line: number): Body {
    this.#stream.expect("close block");
    this.#open.push({ name, line });
    const body = this.#body([`end${name}`]);
    this.#open.pop();
    this.#stream.next();
    return body;
  }

  #statement(): Statement {
    const stream = this.#stream;
    const { line } = stream.current;
    const name = stream.expectName();
    switch (name) {
      case "for":
        return this.#for(line);
      case "if":
        return this.#if(line);
      case "set":
        return this.#set(line);
      case "macro":
        return this.#macro(line);
      case "call":
        return this.#call(line);
      case "with":
        return this.#with(line);
      case "filter": {
        const filter = readFilter(stream, null, true);
        return { type: "filter block", filter, body: this.#block(name, line) };
      }
      case "generation":
        return { type: "generation", body: this.#block(name, line) };
      case "print": {
        const values = [readExpression(stream)];
        while (stream.skipOperator(",")) values.push(readExpression(stream));
        return { type: "print", values };
      }
      case "break":
      case "continue":
        if (!this.#open.some((block) => block.name === "for")) {
          throw new JinjaError(`'${name}' outside loop (line ${line})`);
        }
        return { type: name };
      default:
        throw new JinjaError(
          `Encountered unknown tag '${name}' (line ${line})`,
        );
    }
  }

  #for(line: number): Statement {
    const stream = this.#stream;
    const target = this.#target("in");
    stream.expectName("in");
    const items = readTuple(stream, {
      choices: false,
      end: () => stream.isName("recursive"),
    });
    const test = stream.skipName("if") ? readExpression(stream) : null;
    const recursive = stream.skipName("recursive");
    stream.expect("close block");
    this.#open.push({ name: "for", line });
    const body = this.#body(["endfor", "else"]);
    let otherwise: Body = [];
    if (stream.next().value === "else") {
      stream.expect("close block");
      otherwise = this.#body(["endfor"]);
      stream.next();
    }
    this.#open.pop();
    return { type: "for", target, items, test, recursive, body, otherwise };
  }

  #if(line: number): Statement {
    const stream = this.#stream;
    const test = readTuple(stream, { choices: false });
    stream.expect("close block");
    this.#open.push({ name: "if", line });
    const body = this.#body(["elif", "else", "endif"]);
    this.#open.pop();
    const { value, line: next } = stream.next();
    if (value === "elif") {
      return { type: "if", test, body, otherwise: [this.#if(next)] };
    }
    const otherwise = value === "else" ? this.#block("if", line) : [];
    return { type: "if", test, body, otherwise };
  }

  #set(line: number): Statement {
    const stream = this.#stream;
    const target = this.#target();
    if (stream.skipOperator("=")) {
      return { type: "set", target, value: readTuple(stream) };
    }
    const filter: FilterNode | null = stream.isOperator("|")
      ? readFilter(stream, null)
      : null;
    const body = this.#block("set", line);
    return { type: "set block", target, filter, body };
  }

  #macro(line: number): Statement {
    const name = this.#stream.expectName();
    return this.#callable(name, this.#parameters(), { block: "macro", line });
  }

  /** The body of a macro or of what `{% call %}` passes. */
  #callable(
    name: string,
    parameters: MacroNode["parameters"],
    { block, line }: { readonly block: string; readonly line: number },
  ): MacroNode {
    const start = this.#stream.position;
    const body = this.#block(block, line);
    const takesNamed = this.#stream.named("kwargs", start);
    const takesMore = this.#stream.named("varargs", start);
    return { type: "macro", name, parameters, body, takesNamed, takesMore };
  }

  #parameters(): MacroNode["parameters"] {
    const stream = this.#stream;
    const parameters: { name: string; fallback: Expression | null }[] = [];
    stream.expectOperator("(");
    while (!stream.isOperator(")")) {
      if (parameters.length > 0) stream.expectOperator(",");
      const name = stream.expectName();
      const fallback = stream.skipOperator("=") ? readExpression(stream) : null;
      if (fallback === null && parameters.at(-1)?.fallback != null) {
        stream.fail("a parameter without default follows one with a default");
      }
      parameters.push({ name, fallback });
    }
    stream.expectOperator(")");
    return parameters;
  }

  #call(line: number): Statement {
    const stream = this.#stream;
    const parameters = stream.isOperator("(") ? this.#parameters() : [];
    const call = readExpression(stream);
    if (call.type !== "call") return stream.fail("expected a call");
    const caller = this.#callable("caller", parameters, {
      block: "call",
      line,
    });
    return { type: "call block", call, caller };
  }

  #with(line: number): Statement {
    const stream = this.#stream;
    const values: { target: Target; value: Expression }[] = [];
    while (stream.current.type !== "close block") {
      if (values.length > 0) stream.expectOperator(",");
      const target = targetOf(readPrimary(stream), stream);
      stream.expectOperator("=");
      values.push({ target, value: readExpression(stream) });
    }
    return { type: "with", values, body: this.#block("with", line) };
  }

  /** Names that are assigned to, up to a name that ends them. */
  #target(end?: string): Target {
    const stream = this.#stream;
    const items: Target[] = [];
    let isTuple = false;
    for (;;) {
      if (end !== undefined && stream.isName(end)) break;
      const { current, following } = stream;
      if (
        current.type === "name" && following.type === "operator" &&
        following.value === "."
      ) {
        stream.next();
        stream.next();
        const name = stream.expectName();
        items.push({ type: "attribute", object: current.value, name });
      } else items.push(targetOf(readPrimary(stream), stream));
      if (!stream.skipOperator(",")) break;
      isTuple = true;
      if (stream.isOperator("=") || stream.current.type === "close block") {
        break;
      }
    }
    return isTuple || items.length !== 1 ? { type: "tuple", items } : items[0];
  }
}

function targetOf(value: Expression, stream: TokenStream): Target {
  if (value.type === "name") return { type: "name", name: value.name };
  if (value.type === "tuple") {
    return {
      type: "tuple",
      items: value.items.map((item) => targetOf(item, stream)),
    };
  }
  return stream.fail("can't assign to that: expected a name");
}
