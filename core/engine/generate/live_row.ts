/**
 * A row that waits for a slot, or has one.
 * @module
 */
import { hash32 } from "../../random.ts";
import type { Finish, GeneratedRow, SubmittedRow } from "./generation_row.ts";
import type { TokenScore } from "./token_scores.ts";

/** A row that waits for a slot. */
export interface WaitingRow {
  readonly row: SubmittedRow;
  /** Whether its prompt is read at once, before any other token is chosen. */
  readonly readsAtOnce: boolean;
  resolve(result: GeneratedRow): void;
  reject(reason: unknown): void;
}

/** A row that has a slot. */
export interface LiveRow extends WaitingRow {
  readonly slot: number;
  readonly ids: number[];
  /** Most tokens that it can get. */
  readonly most: number;
  /** Tokens of the prompt that were read. */
  read: number;
  /** Tokens of the prompt at which reading pauses once, to keep the states. */
  pause: number;
  /** Tokens of the prompt that were there already. */
  readonly reused: number;
  readonly scores: TokenScore[];
  finish: Finish | null;
  /** Why it failed, in a box: anything may be thrown. */
  failure: { readonly reason: unknown } | null;
}

/** Tokens of the prompt that are still to be read: all but the last. */
export function toRead({ row, read }: LiveRow): number {
  return row.prompt.length - 1 - read;
}

/** Tokens that may be read before it pauses. */
export function readsNext({ pause, read }: LiveRow): number {
  return pause - read;
}

/** Whether its asker has left. */
export function isAborted({ signal }: SubmittedRow): boolean {
  return signal?.aborted === true;
}

/** Place of the token that a row's next step reads. */
export function placeOf({ row, ids }: LiveRow): number {
  return row.prompt.length - 1 + ids.length;
}

/** Key of its random numbers. */
export function keyOf({ row }: LiveRow): number {
  return hash32(row.sampling.seed, row.key);
}
