/**
 * Reads a chat template with `@huggingface/jinja`. Only its reader is used: running the template is
 * done here, so that text keeps its origins and Python's rules hold.
 * @module
 */
import { parse, tokenize } from "@huggingface/jinja";
import { JinjaError } from "./values.ts";

/** A node of the syntax tree. */
export type Node =
  | { readonly type: "Program"; readonly body: readonly Node[] }
  | {
    readonly type: "If";
    readonly test: Node;
    readonly body: readonly Node[];
    readonly alternate: readonly Node[];
  }
  | ForNode
  | { readonly type: "Break" | "Continue" | "Comment" }
  | SetNode
  | MacroNode
  | CallBlockNode
  | {
    readonly type: "FilterStatement";
    readonly filter: FilterNode;
    readonly body: readonly Node[];
  }
  | MemberNode
  | CallNode
  | IdentifierNode
  | { readonly type: "IntegerLiteral" | "FloatLiteral"; readonly value: number }
  | { readonly type: "StringLiteral"; readonly value: string }
  | {
    readonly type: "ArrayLiteral" | "TupleLiteral";
    readonly value: readonly Node[];
  }
  | { readonly type: "ObjectLiteral"; readonly value: ReadonlyMap<Node, Node> }
  | {
    readonly type: "BinaryExpression";
    readonly operator: { readonly value: string };
    readonly left: Node;
    readonly right: Node;
  }
  | {
    readonly type: "FilterExpression";
    readonly operand: Node;
    readonly filter: FilterNode;
  }
  | {
    readonly type: "SelectExpression";
    readonly lhs: Node;
    readonly test: Node;
  }
  | {
    readonly type: "TestExpression";
    readonly operand: Node;
    readonly negate: boolean;
    readonly test: IdentifierNode;
  }
  | {
    readonly type: "UnaryExpression";
    readonly operator: { readonly value: string };
    readonly argument: Node;
  }
  | SliceNode
  | KeywordNode
  | {
    readonly type: "SpreadExpression" | "KeywordSpreadExpression";
    readonly argument: Node;
  }
  | {
    readonly type: "Ternary";
    readonly condition: Node;
    readonly trueExpr: Node;
    readonly falseExpr: Node;
  };

/** `{% for ... %}` */
export interface ForNode {
  readonly type: "For";
  readonly loopvar: Node;
  readonly iterable: Node;
  readonly body: readonly Node[];
  readonly defaultBlock: readonly Node[];
}

/** `{% set ... %}` */
export interface SetNode {
  readonly type: "Set";
  readonly assignee: Node;
  readonly value: Node | null;
  readonly body: readonly Node[];
}

/** `{% macro ... %}` */
export interface MacroNode {
  readonly type: "Macro";
  readonly name: IdentifierNode;
  readonly args: readonly (IdentifierNode | KeywordNode)[];
  readonly body: readonly Node[];
}

/** `{% call ... %}`, and `{% generation %}`, which is read as a call of {@linkcode GENERATION}. */
export interface CallBlockNode {
  readonly type: "CallStatement";
  readonly call: CallNode;
  readonly callerArgs: readonly (IdentifierNode | KeywordNode)[] | null;
  readonly body: readonly Node[];
}

/** `f(...)` */
export interface CallNode {
  readonly type: "CallExpression";
  readonly callee: Node;
  readonly args: readonly Node[];
}

/** A name. */
export interface IdentifierNode {
  readonly type: "Identifier";
  readonly value: string;
}

/** `name=value` in a call. */
export interface KeywordNode {
  readonly type: "KeywordArgumentExpression";
  readonly key: IdentifierNode;
  readonly value: Node;
}

/** `object.property` or `object[property]` */
export interface MemberNode {
  readonly type: "MemberExpression";
  readonly object: Node;
  readonly property: Node;
  readonly computed: boolean;
}

/** `start:stop:step` */
export interface SliceNode {
  readonly type: "SliceExpression";
  readonly start?: Node;
  readonly stop?: Node;
  readonly step?: Node;
}

/** The name of a filter, or a call of it. */
export type FilterNode = IdentifierNode | CallNode;

/** The function that `{% generation %}` is read as a call of: the reader would drop the tag. */
export const GENERATION = "__generation__";

/** Reads a template. Throws {@linkcode JinjaError} for what cannot be read. */
export function readTemplate(source: string): Node {
  const marked = source
    .replace(
      /\{%(-?)\s*generation\s*(-?)%\}/g,
      `{%$1 call ${GENERATION}() $2%}`,
    )
    .replace(/\{%(-?)\s*endgeneration\s*(-?)%\}/g, "{%$1 endcall $2%}");
  try {
    // transformers trims blocks and strips the white space before them
    const tokens = tokenize(marked, { lstrip_blocks: true, trim_blocks: true });
    // the package does not export the types of its tree
    return parse(tokens) as unknown as Node;
  } catch (cause) {
    throw new JinjaError(
      unclosedBlock(source) ??
        (cause instanceof Error ? cause.message : String(cause)),
      { cause },
    );
  }
}

const BLOCKS = ["for", "if", "macro", "call", "filter", "generation"];

/** The last block that is opened and never closed, in words: the reader only runs past the end. */
function unclosedBlock(source: string): string | null {
  const open: { name: string; line: number }[] = [];
  for (const tag of source.matchAll(/\{#.*?#\}|\{%[-+]?\s*(\w+)([^]*?)%\}/gs)) {
    const [, name, rest] = tag;
    if (name === undefined) continue; // a comment
    const opens = BLOCKS.includes(name) ||
      (name === "set" && !rest.includes("="));
    if (opens) {
      const line = source.slice(0, tag.index).split("\n").length;
      open.push({ name, line });
    } else if (name.startsWith("end")) {
      if (open.pop()?.name !== name.slice(3)) return null;
    }
  }
  const last = open.at(-1);
  return last === undefined
    ? null
    : `the block {% ${last.name} %} of line ${last.line} is not closed; {% end${last.name} %} is missing`;
}
