/**
 * Calls what a part brought: whatever it throws names the part and the plugin.
 * @module
 */
import { isDenotuneError, PluginError } from "../../contracts/errors.ts";
import { diskFault } from "../../io/atomic.ts";
import { messageOf } from "../parse/problem.ts";

/** A call of a part. */
export interface PartCall {
  /** The part's name in messages: see `describePart`. */
  readonly part: string;
  /** The method that is called. */
  readonly method: string;
  /** Its reason passes through, where the part throws it. */
  readonly signal?: AbortSignal;
}

/** What the call gives. Our own errors pass through, everything else becomes a `PluginError`. */
export async function callPart<T>(
  call: PartCall,
  body: () => T | Promise<T>,
): Promise<T> {
  try {
    return await body();
  } catch (error) {
    const { signal } = call;
    if (signal?.aborted === true && error === signal.reason) throw error;
    throw partError(call, error);
  }
}

/**
 * The error that a part's throw becomes. Our own errors pass: they say what is wrong with the user's input; a
 * `PluginError` that names no plugin gets the name.
 */
export function partError({ part, method }: PartCall, error: unknown): unknown {
  if (!isDenotuneError(error)) {
    // a full disk is no fault of the part's
    const fault = diskFault(`${method} with the ${part}`, error);
    if (fault !== null) return fault;
    return new PluginError(
      `\`${method}\` of the ${part} threw: ${messageOf(error)}`,
      { cause: error },
    );
  }
  const isNameless = error.name === "PluginError" &&
    !/ (?:of|isolated) plugin /.test(error.message);
  return isNameless
    ? new PluginError(`\`${method}\` of the ${part}: ${error.message}`, {
      cause: error,
    })
    : error;
}
