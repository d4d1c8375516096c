/**
 * Bytes that this process holds after a forced collection of garbage. Unlike resident memory they do not
 * depend on when the collector runs: on every machine they are the same to some hundred kilobytes.
 */
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

/** What is held; bytes. */
export interface HeldBytes {
  /** Objects, strings and numbers. */
  readonly heap: number;
  /** Typed arrays, and all else outside the heap. */
  readonly arrays: number;
}

/** Collects garbage, then counts what is left. */
export function heldBytes(): HeldBytes {
  setFlagsFromString("--expose-gc");
  const collect: unknown = runInNewContext("gc");
  if (typeof collect !== "function") {
    throw new Error("--expose-gc gives no function that collects garbage");
  }
  collect();
  collect(); // arrays that the first collection finds unused are freed beside it
  const { external, heapUsed } = Deno.memoryUsage();
  return { heap: heapUsed, arrays: external };
}
