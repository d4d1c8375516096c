/**
 * The guard around parts of plugins: what they lack, throw, or give in the place of something else becomes an error
 * that names the part and its plugin.
 *
 * ```text
 * caller ─► guard ─► the part's own method
 *             │        throws            `PluginError`, with the cause; our own errors and aborts pass
 *             │        gives a promise   refused, where the result is used at once
 *             │        never answers     said after some seconds; given up some seconds after an interrupt
 *             └ a counter in shared memory says which call runs: see `core/cli/interrupt.ts`
 * ```
 *
 * Parts that come with the program have none: what they throw is a fault of denotune, and is shown as one.
 * @module
 */
import { PluginError } from "../../contracts/errors.ts";
import { show } from "../parse/problem.ts";
import { partError } from "./call_part.ts";
import { type Member, type Shape, typeOf } from "./part_shapes.ts";

/** Is informed of which part runs: a thread that watches this one can say so while the part does not return. */
export interface CallWatch {
  /** A number for what is called, which `name` describes: `parse` of a part. */
  number(name: string): number;
  /** It is called now; gives what `leave` gets. */
  enter(number: number): number;
  /** It has returned. */
  leave(before: number): void;
}

/** What a part is guarded with. */
export interface Guard {
  /** The part and its plugin, in messages. */
  readonly described: string;
  /** Ends the waits of {@linkcode Member.givenUp}. */
  readonly signal?: AbortSignal;
  /** As in {@linkcode CallWatch}. */
  readonly calls?: CallWatch;
  /** Called with what is waited for, where it takes long. */
  readonly waiting?: (what: string) => void;
}

/** How long a call may take before it is said that it is waited for. */
const LONG_MS = 3000;

/**
 * The part as its shape describes it. What it has besides can be read too. Throws `PluginError` for a member that is
 * missing or of another type.
 */
export function guardPart<T extends object>(
  made: T,
  shape: Shape,
  guard: Guard,
): T {
  return guarded(made, shape, { guard, by: "create", prefix: "" });
}

/** The same part with other methods. */
export function withMethods<T extends object>(made: T, methods: Partial<T>): T {
  return Object.create(
    made,
    Object.getOwnPropertyDescriptors({ ...made, ...methods }),
  );
}

/** Where an object came from. */
interface From {
  readonly guard: Guard;
  /** What gave it. */
  readonly by: string;
  /** Before the names of its members, in messages. */
  readonly prefix: string;
}

function guarded<T extends object>(made: T, shape: Shape, from: From): T {
  const { guard: { described }, by, prefix } = from;
  const members: PropertyDescriptorMap = {};
  const besides = attempt(from.guard, by, () => Object.keys(made));
  for (const name of besides) {
    members[name] = { enumerable: true, get: () => Reflect.get(made, name) };
  }
  for (const name of Reflect.ownKeys(shape)) {
    const member = shape[name];
    const path = `${prefix}${String(name)}`;
    const read = (): unknown =>
      attempt(from.guard, path, () => Reflect.get(made, name));
    const found = read();
    if (found === undefined && member.optional) continue;
    const expected = member.is === "value" ? member.types : ["function"];
    const fail = (value: unknown): never => {
      throw new PluginError(
        `\`${by}\` of the ${described} gave ${
          show(value)
        } as \`${path}\`; expected ${expected.join(" or ")}`,
      );
    };
    if (
      expected.length > 0 &&
      ![typeOf(found), show(found)].some((is) => expected.includes(is))
    ) fail(found);
    members[name] = {
      enumerable: true,
      configurable: true,
      ...(member.is === "value"
        ? { get: valueOf(read, member, { ...from, prefix: `${path}.` }) }
        : { value: method(made, name, { member, path, guard: from.guard }) }),
    };
  }
  return Object.create(made, members);
}

/** Reads a value; an object with members of its own is guarded too, and stays the same object. */
function valueOf(
  read: () => unknown,
  { gives }: Member,
  from: From,
): () => unknown {
  if (gives === null) return read;
  let last: unknown;
  let shown: unknown;
  return () => {
    const value = read();
    if (value === last) return shown;
    last = value;
    shown = typeof value === "object" && value !== null
      ? guarded(value, gives, from)
      : value;
    return shown;
  };
}

interface Called {
  readonly member: Member;
  /** Its name in messages. */
  readonly path: string;
  readonly guard: Guard;
}

type Method = (...args: unknown[]) => unknown;

function method(made: object, name: PropertyKey, called: Called): Method {
  const { member, path, guard } = called;
  const own: Method = Reflect.get(made, name);
  const from = { guard, by: path, prefix: "" };
  const given = (result: unknown): unknown => {
    const { gives } = member;
    if (gives === null) return result;
    if (typeof result === "object" && result !== null) {
      return guarded(result, gives, from);
    }
    throw new PluginError(
      `\`${path}\` of the ${guard.described} gave ${
        show(result)
      }, not an object`,
    );
  };
  if (member.is === "own") return (...args) => own.apply(made, args);
  if (member.is === "later") {
    return async (...args) => given(await waitFor(called, own, made, args));
  }
  const number = guard.calls?.number(`\`${path}\` of the ${guard.described}`);
  return (...args) => {
    const result = attempt(guard, path, () => own.apply(made, args), {
      number,
      args,
    });
    if (isThenable(result)) {
      const aside = Promise.resolve(result);
      if (member.is === "aside") {
        return aside.catch((error) => {
          throw converted(error, { guard, path, args });
        });
      }
      aside.catch(() => {}); // nobody waits for it, so nobody hears what it throws
      throw new PluginError(
        `\`${path}\` of the ${guard.described} gave a promise; its result is used at once: it cannot be async`,
      );
    }
    return given(result);
  };
}

/** Calls and waits, not longer than an interrupt allows. */
async function waitFor(
  { member, path, guard }: Called,
  own: Method,
  made: object,
  args: unknown[],
): Promise<unknown> {
  const { described, signal, calls, waiting } = guard;
  const number = calls?.number(`\`${path}\` of the ${described}`);
  // the timer keeps the process alive until it has said what is waited for
  const timer = setTimeout(
    () => waiting?.(`waiting for \`${path}\` of the ${described}`),
    LONG_MS,
  );
  const { givenUp } = member;
  const isHeard = givenUp !== null &&
    (givenUp.later || signal?.aborted === false);
  const heard = isHeard ? signal : undefined;
  const { promise: late, reject } = Promise.withResolvers<never>();
  let patience: ReturnType<typeof setTimeout> | undefined;
  const onAbort = () => {
    patience = setTimeout(() => reject(heard?.reason), givenUp?.ms);
  };
  if (heard?.aborted) onAbort();
  else heard?.addEventListener("abort", onAbort);
  try {
    const result = attempt(guard, path, () => own.apply(made, args), {
      number,
      args,
    });
    return heard === undefined
      ? await result
      : await Promise.race([result, late]);
  } catch (error) {
    throw converted(error, { guard, path, args });
  } finally {
    clearTimeout(timer);
    clearTimeout(patience);
    heard?.removeEventListener("abort", onAbort);
  }
}

/** Runs the code of a part. */
function attempt<T>(
  guard: Guard,
  path: string,
  body: () => T,
  { number, args = [] }: {
    readonly number?: number;
    readonly args?: readonly unknown[];
  } = {},
): T {
  const { calls } = guard;
  const before = number === undefined ? undefined : calls?.enter(number);
  try {
    return body();
  } catch (error) {
    throw converted(error, { guard, path, args });
  } finally {
    if (before !== undefined) calls?.leave(before);
  }
}

/** The error that a throw becomes; the reason of an abort, of the run or of what was called, stays what it is. */
function converted(
  error: unknown,
  { guard, path, args }: {
    readonly guard: Guard;
    readonly path: string;
    readonly args: readonly unknown[];
  },
): unknown {
  const isReason = (signal: unknown) =>
    signal instanceof AbortSignal && signal.aborted && error === signal.reason;
  const isAbort = isReason(guard.signal) ||
    args.some((arg) =>
      typeof arg === "object" && arg !== null &&
      isReason(Reflect.get(arg, "signal"))
    );
  return isAbort
    ? error
    : partError({ part: guard.described, method: path }, error);
}

function isThenable(value: unknown): boolean {
  if (typeof value !== "object" || value === null) return false;
  try {
    return typeof Reflect.get(value, "then") === "function";
  } catch {
    return false; // who reads it next will say so
  }
}
