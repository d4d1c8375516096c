/**
 * Reads expressions, with the precedences of Jinja2: from `a if b else c`, which binds least, to `a.b`.
 * @module
 */
import type {
  ArgumentNodes,
  Expression,
  FilterNode,
  SliceNode,
} from "./nodes.ts";
import type { TokenStream } from "./token_stream.ts";

/** No arguments. */
export const NO_ARGUMENTS: ArgumentNodes = {
  positional: [],
  named: [],
  spread: null,
  namedSpread: null,
};

const COMPARE: readonly string[] = ["==", "!=", "<", "<=", ">", ">="];

/** One expression, or a tuple where commas follow. */
export function readTuple(
  stream: TokenStream,
  { choices = true, parentheses = false, end = () => false }: {
    /** Whether `a if b` is an expression here: not in a loop's items, where `if` filters them. */
    readonly choices?: boolean;
    readonly parentheses?: boolean;
    readonly end?: () => boolean;
  } = {},
): Expression {
  const items: Expression[] = [];
  let isTuple = false;
  for (;;) {
    if (items.length > 0) stream.expectOperator(",");
    const { type } = stream.current;
    if (
      type === "close block" || type === "close print" ||
      stream.isOperator(")") || end()
    ) break;
    items.push(choices ? readExpression(stream) : readOr(stream));
    if (!stream.isOperator(",")) break;
    isTuple = true;
  }
  if (isTuple) return { type: "tuple", items };
  if (items.length > 0) return items[0];
  if (!parentheses) stream.fail("expected an expression");
  return { type: "tuple", items };
}

/** An expression without commas. */
export function readExpression(stream: TokenStream): Expression {
  let value = readOr(stream);
  while (stream.skipName("if")) {
    const test = readOr(stream);
    const no = stream.skipName("else") ? readExpression(stream) : null;
    value = { type: "choice", test, yes: value, no };
  }
  return value;
}

function readOr(stream: TokenStream): Expression {
  let left = readAnd(stream);
  while (stream.skipName("or")) {
    left = { type: "or", left, right: readAnd(stream) };
  }
  return left;
}

function readAnd(stream: TokenStream): Expression {
  let left = readNot(stream);
  while (stream.skipName("and")) {
    left = { type: "and", left, right: readNot(stream) };
  }
  return left;
}

function readNot(stream: TokenStream): Expression {
  return stream.skipName("not")
    ? { type: "not", value: readNot(stream) }
    : readCompare(stream);
}

function readCompare(stream: TokenStream): Expression {
  const first = readSum(stream);
  const rest: { operator: string; value: Expression }[] = [];
  for (;;) {
    const { current, following } = stream;
    let operator: string;
    if (current.type === "operator" && COMPARE.includes(current.value)) {
      operator = stream.next().value;
    } else if (stream.skipName("in")) operator = "in";
    else if (
      stream.isName("not") && following.type === "name" &&
      following.value === "in"
    ) {
      stream.next();
      stream.next();
      operator = "not in";
    } else break;
    rest.push({ operator, value: readSum(stream) });
  }
  return rest.length === 0 ? first : { type: "compare", first, rest };
}

function readSum(stream: TokenStream): Expression {
  return readBinary(stream, ["+", "-"], readConcat);
}

function readConcat(stream: TokenStream): Expression {
  const items = [readProduct(stream)];
  while (stream.skipOperator("~")) items.push(readProduct(stream));
  return items.length === 1 ? items[0] : { type: "concat", items };
}

function readProduct(stream: TokenStream): Expression {
  return readBinary(stream, ["*", "/", "//", "%"], readPower);
}

function readPower(stream: TokenStream): Expression {
  return readBinary(stream, ["**"], (inner) => readUnary(inner, true));
}

function readBinary(
  stream: TokenStream,
  operators: readonly string[],
  operand: (stream: TokenStream) => Expression,
): Expression {
  let left = operand(stream);
  while (
    stream.current.type === "operator" &&
    operators.includes(stream.current.value)
  ) {
    const operator = stream.next().value;
    left = { type: "binary", operator, left, right: operand(stream) };
  }
  return left;
}

function readUnary(stream: TokenStream, filters: boolean): Expression {
  let value: Expression;
  if (stream.skipOperator("-")) {
    value = { type: "unary", operator: "-", value: readUnary(stream, false) };
  } else if (stream.skipOperator("+")) {
    value = { type: "unary", operator: "+", value: readUnary(stream, false) };
  } else value = readPrimary(stream);
  value = readPostfix(stream, value);
  return filters ? readFilters(stream, value) : value;
}

/** A name or a literal. */
export function readPrimary(stream: TokenStream): Expression {
  const { type, value } = stream.current;
  switch (type) {
    case "name":
      stream.next();
      switch (value) {
        case "true":
        case "True":
          return { type: "constant", value: true };
        case "false":
        case "False":
          return { type: "constant", value: false };
        case "none":
        case "None":
          return { type: "constant", value: null };
      }
      return { type: "name", name: value };
    case "string": {
      let text = "";
      while (stream.current.type === "string") text += stream.next().value;
      return { type: "constant", value: text };
    }
    case "integer": {
      stream.next();
      // the longest that Python reads; longer ones take it long, too
      if (value.length > 4300) {
        stream.fail("a number has more than 4300 digits");
      }
      const whole = BigInt(value.replaceAll("_", ""));
      const number = Number(whole);
      return {
        type: "constant",
        value: Number.isSafeInteger(number) ? number : whole,
      };
    }
    case "float":
      stream.next();
      return { type: "float", value: Number(value.replaceAll("_", "")) };
  }
  if (stream.skipOperator("(")) {
    const inner = readTuple(stream, { parentheses: true });
    stream.expectOperator(")");
    return inner;
  }
  if (stream.skipOperator("[")) {
    return { type: "list", items: readItems(stream, "]", readExpression) };
  }
  if (stream.skipOperator("{")) {
    const entries = readItems(
      stream,
      "}",
      (inner): readonly [Expression, Expression] => {
        const key = readExpression(inner);
        inner.expectOperator(":");
        return [key, readExpression(inner)];
      },
    );
    return { type: "dict", entries };
  }
  return stream.fail("expected an expression");
}

function readItems<T>(
  stream: TokenStream,
  close: string,
  read: (stream: TokenStream) => T,
): T[] {
  const items: T[] = [];
  while (!stream.isOperator(close)) {
    if (items.length > 0) stream.expectOperator(",");
    if (stream.isOperator(close)) break;
    items.push(read(stream));
  }
  stream.expectOperator(close);
  return items;
}

function readPostfix(stream: TokenStream, value: Expression): Expression {
  for (;;) {
    if (stream.skipOperator(".")) {
      const { type, value: name } = stream.current;
      if (type === "integer") {
        stream.next();
        const key: Expression = { type: "constant", value: Number(name) };
        value = { type: "item", object: value, key };
      } else {
        value = {
          type: "attribute",
          object: value,
          name: stream.expectName(),
        };
      }
    } else if (stream.skipOperator("[")) {
      const keys = readItems(stream, "]", readKey);
      const key: Expression = keys.length === 1
        ? keys[0]
        : { type: "tuple", items: keys };
      value = { type: "item", object: value, key };
    } else if (stream.isOperator("(")) {
      value = { type: "call", callee: value, args: readArguments(stream) };
    } else return value;
  }
}

function readKey(stream: TokenStream): Expression {
  const part = (): Expression | null =>
    [":", "]", ","].some((end) => stream.isOperator(end))
      ? null
      : readExpression(stream);
  const start = part();
  if (start !== null && !stream.isOperator(":")) return start;
  stream.expectOperator(":");
  const stop = part();
  const step = stream.skipOperator(":") ? part() : null;
  return { type: "slice", start, stop, step } satisfies SliceNode;
}

function readFilters(stream: TokenStream, value: Expression): Expression {
  for (;;) {
    if (stream.isOperator("|")) value = readFilter(stream, value);
    else if (stream.skipName("is")) value = readTest(stream, value);
    else if (stream.isOperator("(")) {
      value = { type: "call", callee: value, args: readArguments(stream) };
    } else return value;
  }
}

/** `| name(...)`, as often as it is there. `inline`: the first without its bar, as blocks have it. */
export function readFilter(
  stream: TokenStream,
  value: Expression | null,
  inline = false,
): FilterNode {
  if (!inline) stream.expectOperator("|");
  const name = readDottedName(stream);
  const args = stream.isOperator("(") ? readArguments(stream) : NO_ARGUMENTS;
  const filter: FilterNode = { type: "filter", value, name, args };
  return stream.isOperator("|") ? readFilter(stream, filter) : filter;
}

function readTest(stream: TokenStream, value: Expression): Expression {
  const negated = stream.skipName("not");
  const name = readDottedName(stream);
  let args = NO_ARGUMENTS;
  const { type } = stream.current;
  if (stream.isOperator("(")) args = readArguments(stream);
  else if (
    (type === "name" && !stream.isName("else", "or", "and")) ||
    type === "string" || type === "integer" || type === "float" ||
    stream.isOperator("[") || stream.isOperator("{")
  ) {
    if (stream.isName("is")) {
      stream.fail("cannot chain tests with `is`: expected another operator");
    }
    const only = readPostfix(stream, readPrimary(stream));
    args = { ...NO_ARGUMENTS, positional: [only] };
  }
  const test: Expression = { type: "test", value, name, args };
  return negated ? { type: "not", value: test } : test;
}

function readDottedName(stream: TokenStream): string {
  let name = stream.expectName();
  while (stream.skipOperator(".")) name += `.${stream.expectName()}`;
  return name;
}

/** `(...)` of a call. */
export function readArguments(stream: TokenStream): ArgumentNodes {
  const positional: Expression[] = [];
  const named: { name: string; value: Expression }[] = [];
  let spread: Expression | null = null;
  let namedSpread: Expression | null = null;
  stream.expectOperator("(");
  for (let first = true; !stream.isOperator(")"); first = false) {
    if (!first) {
      stream.expectOperator(",");
      if (stream.isOperator(")")) break;
    }
    const { following } = stream;
    const isNamed = stream.isName() && following.type === "operator" &&
      following.value === "=";
    const late = spread !== null || namedSpread !== null;
    if (stream.skipOperator("*")) {
      if (late) stream.fail("invalid arguments of a call");
      spread = readExpression(stream);
    } else if (stream.skipOperator("**")) {
      if (namedSpread !== null) stream.fail("invalid arguments of a call");
      namedSpread = readExpression(stream);
    } else if (isNamed) {
      if (namedSpread !== null) stream.fail("invalid arguments of a call");
      const name = stream.next().value;
      stream.next();
      named.push({ name, value: readExpression(stream) });
    } else {
      if (late || named.length > 0) stream.fail("invalid arguments of a call");
      positional.push(readExpression(stream));
    }
  }
  stream.expectOperator(")");
  return { positional, named, spread, namedSpread };
}
