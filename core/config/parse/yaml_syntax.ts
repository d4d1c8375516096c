/**
 * What is wrong with a text that is no YAML, in the words of who wrote it: the parser's own messages name rules of the
 * grammar (implicit keys, block collections), not what to change.
 * @module
 */
import type { YAMLError } from "yaml";
import { lowerFirst } from "./problem.ts";

/** Characters of a line that a message shows. */
const SHOWN = 40;

/**
 * The errors of a text that are worth a line each: the first of each line, and of lines behind one another that are
 * indented unlike what is above them, the first.
 */
export function firstErrors(
  errors: readonly YAMLError[],
  lineOf: (offset: number) => number,
): YAMLError[] {
  const lines = new Set<number>();
  const indented = new Set<string>();
  return errors.filter(({ code, message, pos }) => {
    const line = lineOf(pos[0]);
    const isKnown = lines.has(line) || indented.has(message);
    lines.add(line);
    if (code === "BAD_INDENT") indented.add(message);
    return !isKnown;
  });
}

/** What was found, and what to change. */
export function syntaxMessage(
  { code, message, pos }: YAMLError,
  text: string,
): string {
  const [from] = pos;
  const rest = text.slice(from).split("\n", 1)[0].trim();
  const found = `\`${
    rest.length > SHOWN ? `${rest.slice(0, SHOWN - 3)}...` : rest
  }\``;
  switch (code) {
    case "MULTILINE_IMPLICIT_KEY": {
      const [, key, value] = /^([\w.-]+):(\S.*)$/.exec(rest) ?? [];
      return key === undefined
        ? `${found} has no colon; write \`key: value\``
        : `${found} needs a space behind the colon: \`${key}: ${value}\``;
    }
    case "BLOCK_IN_FLOW":
      return `within { } and [ ] a comma is missing before or in ${found}`;
    case "BAD_INDENT":
      return /^flow (map|seq)/i.test(message)
        ? `a ${/map/.test(message) ? "{" : "["} above is not closed; add ${
          /map/.test(message) ? "}" : "]"
        }`
        : "is indented unlike the lines above; keys of one map, and items of one list, begin at the same column";
    case "BLOCK_AS_IMPLICIT_KEY":
      return /:\s/.test(rest)
        ? `${found} has a second colon in one line; put the value in quotes, or its keys on lines of their own`
        : `what follows ${found} is indented unlike the lines above, so that it is part of it`;
    case "TAB_AS_INDENT":
      return "is indented by a tab; use spaces";
    case "BAD_SCALAR_START":
      return `${found} begins with a character that YAML keeps for itself; put the value in quotes`;
    case "MULTIPLE_DOCS":
      return "begins a second document; a run file is one: remove the line ---";
    case "UNEXPECTED_TOKEN":
      return `${found} is behind the end of a value; put the whole value in quotes, or see how the line is indented`;
    default:
      return lowerFirst(message);
  }
}
