/**
 * YAML and JSON text as a tree with the line and column of every key and value.
 * @module
 */
import {
  type Alias,
  type Document,
  isAlias,
  isMap,
  isScalar,
  isSeq,
  LineCounter,
  type Node,
  parseDocument,
  visit as visitNodes,
} from "yaml";
import { withoutEnvironment } from "../../permissions.ts";
import { configError, type Problem, show } from "./problem.ts";
import type { Entry, Origin, Tree } from "./tree.ts";
import { firstErrors, syntaxMessage } from "./yaml_syntax.ts";

/** Values in one file, aliases followed: more is not a run file. */
const MAX_NODES = 100_000;

const TOO_DEEP = "is nested too deep: a run file has a few levels, no hundreds";

/** Where a text came from. */
export interface TextOrigin {
  /** As shown to people; line and column are added where `lines` is set. */
  readonly place: string;
  /** Absolute folder that relative paths start from. */
  readonly base: string;
  /** Whether places have lines: false for the value of an override. */
  readonly lines: boolean;
}

/** The tree of a YAML text; null where it holds nothing. Throws `ConfigError` with every problem of syntax. */
export function parseYaml(text: string, source: TextOrigin): Tree | null {
  const lineCounter = new LineCounter();
  const document = withoutEnvironment(() =>
    parseDocument(text, {
      lineCounter,
      prettyErrors: false,
      uniqueKeys: false,
      version: "1.2",
    })
  );
  const originAt = (offset: number): Origin => {
    if (!source.lines) return { place: source.place, base: source.base };
    const { line, col } = lineCounter.linePos(Math.min(offset, text.length));
    return {
      place: `${source.place}:${line}:${col}`,
      base: source.base,
      line,
      column: col,
    };
  };
  const broken = [...document.errors, ...document.warnings];
  const problems: Problem[] = firstErrors(
    broken,
    (offset) => lineCounter.linePos(offset).line,
  ).map((error) => ({
    origin: originAt(error.pos[0]),
    message: /call stack/i.test(error.message)
      ? TOO_DEEP
      : syntaxMessage(error, text),
  }));
  if (problems.length > 0) throw configError(problems);
  const tree = document.contents === null
    ? null
    : convert(document, originAt, problems);
  if (problems.length > 0) throw configError(problems);
  return tree;
}

function convert(
  document: Document,
  originAt: (offset: number) => Origin,
  problems: Problem[],
): Tree | null {
  let nodes = 0;
  const originOf = (node: Node): Origin => originAt(node.range?.[0] ?? 0);
  const fail = (origin: Origin, message: string): null => {
    problems.push({ origin, message });
    return null;
  };

  const visit = (node: Node, above: readonly Node[]): Tree | null => {
    if (++nodes > MAX_NODES) {
      // every alias is followed, so a small text can expand to a huge tree
      if (nodes === MAX_NODES + 1) {
        fail(
          originOf(node),
          `holds more than ${MAX_NODES} values: this is not a run file`,
        );
      }
      return null;
    }
    const origin = originOf(node);
    if (isAlias(node)) return visitAlias(node, above);
    if (isScalar(node)) return { type: "leaf", value: node.value, origin };
    if (isSeq<Node>(node)) {
      const items: Tree[] = [];
      for (const item of node.items) {
        const tree = visit(item, [...above, node]);
        if (tree !== null) items.push(tree);
      }
      return { type: "list", items, origin };
    }
    if (!isMap<Node, Node | null>(node)) {
      return fail(origin, "is neither a value, a list nor a map");
    }
    const entries = new Map<string, Entry>();
    for (const pair of node.items) {
      const keyOrigin = originOf(pair.key);
      const key = isScalar(pair.key) ? String(pair.key.value) : null;
      if (key === null) {
        fail(keyOrigin, "a key must be a word, not a list or a map");
        continue;
      }
      const first = entries.get(key);
      if (first !== undefined) {
        fail(
          keyOrigin,
          `\`${key}\` is given twice, first at ${first.key.place}; remove one`,
        );
        continue;
      }
      const tree = pair.value === null
        ? { type: "leaf" as const, value: null, origin: keyOrigin }
        : visit(pair.value, [...above, node]);
      if (tree !== null) entries.set(key, { key: keyOrigin, tree });
    }
    return { type: "map", entries, origin };
  };

  const targets = aliasTargets(document);
  const visitAlias = (alias: Alias, above: readonly Node[]): Tree | null => {
    const target = targets.get(alias);
    if (target === undefined) {
      return fail(originOf(alias), `there is no anchor \`&${alias.source}\``);
    }
    if (above.includes(target)) {
      return fail(originOf(alias), `\`*${alias.source}\` refers to itself`);
    }
    return visit(target, above);
  };

  return document.contents === null ? null : visit(document.contents, []);
}

/** What each alias refers to: the nearest anchor before it. In one pass, because there may be many aliases. */
function aliasTargets(document: Document): Map<Alias, Node> {
  const anchors = new Map<string, Node>();
  const targets = new Map<Alias, Node>();
  visitNodes(document, {
    Node(_, node) {
      if (isAlias(node)) {
        const target = anchors.get(node.source);
        if (target !== undefined) targets.set(node, target);
      } else if (node.anchor !== undefined) anchors.set(node.anchor, node);
    },
  });
  return targets;
}

/** The tree of the value of an override. Throws `ConfigError`. */
export function parseYamlValue(
  text: string,
  origin: { place: string; base: string },
): Tree {
  const tree = parseYaml(text, { ...origin, lines: false });
  if (tree === null) {
    throw configError([{ origin, message: `${show(text)} holds no value` }]);
  }
  return tree;
}
