/**
 * Values of JSON as they are compared and shown.
 * @module
 */
import { isPlainObject } from "../../config/parse/tree.ts";

/** JSON with sorted keys. */
export function canonical(value: unknown): string {
  return JSON.stringify(value, (_, v) =>
    isPlainObject(v)
      ? Object.fromEntries(
        Object.entries(v).sort(([a], [b]) => a < b ? -1 : 1),
      )
      : v) ?? "absent";
}

/** A value as a message shows it. */
export function show(value: unknown): string {
  const text = JSON.stringify(value) ?? "absent";
  return text.length <= 120 ? text : `${text.slice(0, 117)}...`;
}
