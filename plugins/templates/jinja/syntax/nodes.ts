/**
 * The syntax tree of a chat template.
 * @module
 */

/** Anything that evaluates to a value. */
export type Expression =
  | {
    readonly type: "constant";
    readonly value: string | number | bigint | boolean | null;
  }
  | { readonly type: "float"; readonly value: number }
  | { readonly type: "name"; readonly name: string }
  | {
    readonly type: "list" | "tuple" | "concat";
    readonly items: readonly Expression[];
  }
  | {
    readonly type: "dict";
    readonly entries: readonly (readonly [Expression, Expression])[];
  }
  | {
    readonly type: "and" | "or";
    readonly left: Expression;
    readonly right: Expression;
  }
  | { readonly type: "not"; readonly value: Expression }
  | {
    readonly type: "unary";
    readonly operator: "-" | "+";
    readonly value: Expression;
  }
  | {
    readonly type: "binary";
    readonly operator: string;
    readonly left: Expression;
    readonly right: Expression;
  }
  | CompareNode
  | {
    readonly type: "choice";
    readonly test: Expression;
    readonly yes: Expression;
    /** Null: undefined. */
    readonly no: Expression | null;
  }
  | AttributeNode
  | ItemNode
  | SliceNode
  | CallNode
  | FilterNode
  | TestNode;

/** `a < b <= c`: each value is compared with the next, up to the first that fails. */
export interface CompareNode {
  readonly type: "compare";
  readonly first: Expression;
  readonly rest: readonly {
    readonly operator: string;
    readonly value: Expression;
  }[];
}

/** `object.name` */
export interface AttributeNode {
  readonly type: "attribute";
  readonly object: Expression;
  readonly name: string;
}

/** `object[key]` */
export interface ItemNode {
  readonly type: "item";
  readonly object: Expression;
  readonly key: Expression;
}

/** `start:stop:step`, as a key. */
export interface SliceNode {
  readonly type: "slice";
  readonly start: Expression | null;
  readonly stop: Expression | null;
  readonly step: Expression | null;
}

/** What is passed to a call. */
export interface ArgumentNodes {
  readonly positional: readonly Expression[];
  readonly named: readonly {
    readonly name: string;
    readonly value: Expression;
  }[];
  /** `*list` */
  readonly spread: Expression | null;
  /** `**dict` */
  readonly namedSpread: Expression | null;
}

/** `callee(...)` */
export interface CallNode {
  readonly type: "call";
  readonly callee: Expression;
  readonly args: ArgumentNodes;
}

/** `value | name(...)`; without a value, the filter of a block. */
export interface FilterNode {
  readonly type: "filter";
  readonly value: Expression | null;
  readonly name: string;
  readonly args: ArgumentNodes;
}

/** `value is name(...)` */
export interface TestNode {
  readonly type: "test";
  readonly value: Expression;
  readonly name: string;
  readonly args: ArgumentNodes;
}

/** What values are assigned to. */
export type Target =
  | { readonly type: "name"; readonly name: string }
  | { readonly type: "tuple"; readonly items: readonly Target[] }
  | {
    readonly type: "attribute";
    readonly object: string;
    readonly name: string;
  };

/** Statements in order. */
export type Body = readonly Statement[];

/** What does something. */
export type Statement =
  | { readonly type: "text"; readonly text: string }
  | { readonly type: "print"; readonly values: readonly Expression[] }
  | {
    readonly type: "if";
    readonly test: Expression;
    readonly body: Body;
    readonly otherwise: Body;
  }
  | ForNode
  | { readonly type: "break" | "continue" }
  | SetNode
  | {
    readonly type: "set block";
    readonly target: Target;
    readonly filter: FilterNode | null;
    readonly body: Body;
  }
  | {
    readonly type: "with";
    readonly values: readonly {
      readonly target: Target;
      readonly value: Expression;
    }[];
    readonly body: Body;
  }
  | MacroNode
  | {
    readonly type: "call block";
    readonly call: CallNode;
    readonly caller: MacroNode;
  }
  | {
    readonly type: "filter block";
    readonly filter: FilterNode;
    readonly body: Body;
  }
  | { readonly type: "generation"; readonly body: Body };

/** `{% for ... %}` */
export interface ForNode {
  readonly type: "for";
  readonly target: Target;
  readonly items: Expression;
  readonly test: Expression | null;
  readonly recursive: boolean;
  readonly body: Body;
  readonly otherwise: Body;
}

/** `{% set ... %}` */
export interface SetNode {
  readonly type: "set";
  readonly target: Target;
  readonly value: Expression;
}

/** `{% macro ... %}`, and what `{% call %}` passes. */
export interface MacroNode {
  readonly type: "macro";
  readonly name: string;
  readonly parameters: readonly {
    readonly name: string;
    readonly fallback: Expression | null;
  }[];
  readonly body: Body;
  /** Whether its body names `kwargs`: then it takes arguments of any name. */
  readonly takesNamed: boolean;
  /** Whether it names `varargs`: then it takes any number. */
  readonly takesMore: boolean;
}
