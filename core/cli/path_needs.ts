/**
 * Paths as permissions that commands and plugins declare.
 * @module
 */
import { resolve } from "node:path";

/** `read:` and the absolute path of each that is given. */
export function reads(
  ...paths: readonly (string | null | undefined)[]
): string[] {
  return given(paths).map((path) => `read:${path}`);
}

/** The same for `write:`, and for `read:`, which atomic writing needs too. */
export function writes(
  ...paths: readonly (string | null | undefined)[]
): string[] {
  return given(paths).flatMap((path) => [`read:${path}`, `write:${path}`]);
}

function given(paths: readonly (string | null | undefined)[]): string[] {
  return paths.filter((path) => path != null).map((path) => resolve(path));
}
