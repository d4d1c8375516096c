/**
 * Calls of parts in other processes, of many rows at once. Calls of the same process that follow one another are made
 * in one exchange: a chain.
 *
 * ```text
 * parse, render and weights of one plugin     ──►  [example, rendered, weights] of each row
 * ```
 * @module
 */
import {
  type BatchedCalls,
  batchedCalls,
} from "../../config/isolated/part_members.ts";
import { type Outcome, valueOf } from "../../config/isolated/messages.ts";
import type { Tokenizer } from "../../contracts/tokenizer.ts";
import { NOT_YET } from "../examples/build_examples.ts";

/** A method of a part in another process. */
export interface RemoteMethod {
  readonly calls: BatchedCalls;
  readonly method: string;
  /** The method that gets what it gives; null where something else comes between. */
  readonly next: RemoteMethod | null;
  /** Gives the tokens of a text. */
  readonly encode: Tokenizer["encode"];
}

/** A method of a part; null where the part is one of this thread. */
export function remoteMethod(
  part: object,
  method: string,
  rest: Pick<RemoteMethod, "next" | "encode">,
): RemoteMethod | null {
  const calls = batchedCalls(part);
  return calls === null ? null : { calls, method, ...rest };
}

/** A call of it. */
interface RemoteCall {
  readonly method: RemoteMethod;
  readonly args: readonly unknown[];
}

/** What the parts gave for one row so far, in the order in which they were called. */
export class RowCalls {
  readonly #known: (Outcome | { readonly thrown: unknown })[] = [];
  #at = 0;
  /** The call that the row waits for. */
  waiting: RemoteCall | null = null;
  /** What calls gave that were made in a chain, until they are asked for. */
  readonly #ahead = new Map<RemoteMethod, Outcome>();

  /** The row is built from the start. */
  begin(): void {
    this.#at = 0;
  }

  /** A call of a part of this thread: made once. */
  own<T>(body: () => T): T {
    if (this.#at === this.#known.length) {
      try {
        this.#known.push({ value: body() });
      } catch (error) {
        this.#known.push({ thrown: error });
      }
    }
    return this.#next() as T;
  }

  /** A call of a part of another process: how its answer is had, or the end of this attempt. */
  remote(method: RemoteMethod, args: readonly unknown[]): () => unknown {
    if (this.#at === this.#known.length) {
      const ahead = this.#ahead.get(method);
      if (ahead === undefined) {
        this.waiting = { method, args };
        throw NOT_YET;
      }
      this.#ahead.delete(method);
      this.#known.push(ahead);
    }
    const known = this.#known[this.#at++];
    return () => ("thrown" in known ? undefined : valueOf(known));
  }

  #next(): unknown {
    const known = this.#known[this.#at++];
    if ("thrown" in known) throw known.thrown;
    return valueOf(known);
  }

  /** The answer that was waited for; and those of the calls behind it in a chain. */
  answer(
    outcome: Outcome,
    ahead: readonly (readonly [RemoteMethod, Outcome])[] = [],
  ): void {
    this.waiting = null;
    this.#known.push(outcome);
    for (const [method, gave] of ahead) this.#ahead.set(method, gave);
  }
}

/** A row, as far as its calls go. */
interface Row {
  readonly calls: RowCalls;
}

/**
 * Sends the calls that rows wait for, those of one method together, and gives what waits for them; rows behind one
 * that ended a process may have no answer then. That gives whether a chain ended one: which call it was is known when
 * all are made alone.
 */
export function sendAll(rows: readonly Row[], isAlone: boolean): () => boolean {
  const groups = [...Map.groupBy(rows, ({ calls }) => calls.waiting?.method)]
    .flatMap(([method, rows]) =>
      method === undefined ? [] : [{ method, rows }]
    );
  const [first, ...others] = groups;
  if (first === undefined) return () => isAlone;
  const done = sendGroup(first, isAlone);
  return () =>
    others.reduce((isAlone, group) => sendGroup(group, isAlone)(), done());
}

/** Sends calls of one method; gives what waits for them. */
function sendGroup(
  { method, rows }: {
    readonly method: RemoteMethod;
    readonly rows: readonly Row[];
  },
  isAlone: boolean,
): () => boolean {
  const chain = isAlone ? [method] : chainFrom(method);
  if (chain.length === 1) {
    const answered = sendCalls(method, rows, isAlone);
    return () => {
      answered();
      return isAlone;
    };
  }
  const answered = sendChain(chain, rows);
  return () => {
    const rest = rows.slice(answered());
    if (rest.length === 0) return false;
    sendCalls(method, rest, true)();
    return true;
  };
}

function sendCalls(
  { calls, method }: RemoteMethod,
  rows: readonly Row[],
  isAlone: boolean,
): () => void {
  const outcomes = calls.send(method, rows.map(argsOf), isAlone);
  return () => {
    for (const [i, outcome] of outcomes().entries()) {
      rows[i].calls.answer(outcome);
    }
  };
}

function argsOf({ calls }: Row): readonly unknown[] {
  return calls.waiting?.args ?? [];
}

/** The methods that can be called in one exchange. */
function chainFrom(first: RemoteMethod): RemoteMethod[] {
  const chain = [first];
  for (let { next } = first; next !== null; { next } = next) {
    const { calls, method } = next;
    if (calls.process !== first.calls.process || !calls.mayFollow(method)) {
      break;
    }
    chain.push(next);
  }
  return chain;
}

/** Sends the calls of a chain; gives what waits for them and gives the number of rows that have an answer. */
function sendChain(
  chain: readonly RemoteMethod[],
  rows: readonly Row[],
): () => number {
  const [{ calls, encode }] = chain;
  const last = chain[chain.length - 1];
  const steps = chain.map(({ calls: { seat }, method }) => ({ seat, method }));
  const outcomes = calls.sendChain(
    steps,
    rows.map(argsOf),
    ({ text, addBos }) => {
      last.calls.looked?.(last.method);
      return encode(text, { addBos });
    },
  );
  return () => {
    const answers = outcomes();
    for (const [i, [own, ...later]] of answers.entries()) {
      rows[i].calls.answer(
        own,
        later.map((gave, k) => [chain[k + 1], gave] as const),
      );
    }
    return answers.length;
  };
}
