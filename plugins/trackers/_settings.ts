/**
 * Settings of a run as a flat table: `optimizer.learning_rate` -> `0.00005`.
 * @module
 */
import type { Json } from "@denotune/denotune/core";

/** A value without anything inside. */
export type Scalar = string | number | boolean;

/** Every value of the settings by its path. Lists of plain values stay one value; null and empty ones are left out. */
export function flatSettings(settings: Json): Record<string, Scalar> {
  const flat: Record<string, Scalar> = {};
  const visit = (value: Json, path: string): void => {
    if (value === null) return;
    if (typeof value !== "object") flat[path] = value;
    else if (Array.isArray(value) && !value.some(isNested)) {
      if (value.length > 0) flat[path] = JSON.stringify(value);
    } else {
      for (const [key, inner] of Object.entries(value)) {
        visit(inner, path === "" ? key : `${path}.${key}`);
      }
    }
  };
  visit(settings, "");
  return flat;
}

function isNested(value: Json): boolean {
  return typeof value === "object" && value !== null;
}
