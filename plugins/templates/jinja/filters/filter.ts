/**
 * What a filter is.
 * @module
 */
import type { Arguments, Value } from "../values.ts";

/** Applies a filter by name, for filters that take others. */
export type ApplyFilter = (
  name: string,
  value: Value,
  args: Arguments,
) => Value;

/** Makes a value of a value. */
export type Filter = (
  value: Value,
  args: Arguments,
  apply: ApplyFilter,
) => Value;
