/**
 * Regular expressions of files that others wrote: matched in a bounded number of steps, by an engine of our own.
 * It follows Oniguruma (tokenizer files) and Python (`target_modules`) where those differ from JavaScript: what a
 * space or a letter is, `^` and `$` at lines, possessive repetitions.
 * @module
 */
import { ConfigError, DataError } from "../contracts/errors.ts";
import { CharSet } from "./char_set.ts";
import { compileTree } from "./compile.ts";
import { BudgetSpent, Matcher } from "./match.ts";
import { parseExpression } from "./parse.ts";
import { type Dialect, ExpressionProblem, wordClass } from "./parse_class.ts";

/** An expression that is ready to match. */
export interface RegularExpression {
  /** All matches as (start, end) in UTF-16 units, from the left, none overlapping. Throws `ConfigError` over budget. */
  matches(text: string): Int32Array; // (2 * matches)
  /** Whether the whole text matches. Throws `ConfigError` over budget. */
  matchesAll(text: string): boolean;
}

/** What an expression is read for. */
export interface RegularExpressionOptions {
  /** Whose notation it is in. */
  readonly dialect: Dialect;
  /** The file, or the place in a run file, that errors name. */
  readonly where: string;
}

/** Steps of one search: as many for any text, and for each of its units; some tens of millions are a second. */
const STEPS = 20_000_000;
const STEPS_PER_UNIT = 100;

/** Reads an expression. Throws `DataError` for one that cannot be used. */
export function compileRegularExpression(
  source: string,
  { dialect, where }: RegularExpressionOptions,
): RegularExpression {
  const shown = source.length > 80 ? `${source.slice(0, 80)}...` : source;
  const matcher = read();

  function read(): Matcher {
    try {
      const program = compileTree(parseExpression(source, dialect));
      return new Matcher(program, new CharSet(wordClass(dialect)));
    } catch (cause) {
      if (!(cause instanceof ExpressionProblem)) throw cause;
      throw new DataError(
        `Cannot use the regular expression ${
          JSON.stringify(shown)
        } of ${where}: ${cause.message}`,
        { cause },
      );
    }
  }

  function bounded<T>(text: string, search: () => T): T {
    try {
      matcher.begin(text, STEPS + STEPS_PER_UNIT * text.length);
      return search();
    } catch (cause) {
      if (!(cause instanceof BudgetSpent)) throw cause;
      throw new ConfigError(
        `The regular expression ${
          JSON.stringify(shown)
        } of ${where} takes too many steps on a text of ${text.length} characters, ${
          JSON.stringify(text.slice(0, 40))
        }; leave the row out, or change the expression`,
        { cause },
      );
    }
  }

  return {
    matches: (text) => bounded(text, () => findAll(matcher, text)),
    matchesAll: (text) =>
      bounded(text, () => matcher.at(0, text.length) === text.length),
  };
}

function findAll(matcher: Matcher, text: string): Int32Array {
  let found = new Int32Array(64);
  let count = 0;
  let lastEnd = -1;
  for (let at = 0; at <= text.length;) {
    const end = matcher.at(at);
    // an empty match right behind a match is none, as in Oniguruma's and Python's iterators
    if (end < 0 || (end === at && at === lastEnd)) {
      at += (text.codePointAt(at) ?? 0) > 0xffff ? 2 : 1;
      continue;
    }
    if (count + 2 > found.length) {
      const larger = new Int32Array(found.length * 2);
      larger.set(found);
      found = larger;
    }
    found[count++] = at;
    found[count++] = end;
    lastEnd = end;
    at = end;
  }
  return found.slice(0, count);
}
