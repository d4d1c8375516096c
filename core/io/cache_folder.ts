/**
 * Where things are kept that can be made again: indexes, unpacked archives, tuner results.
 * @module
 */
import { join } from "node:path";

/** `DENOTUNE_CACHE`, else `denotune` in the user's cache folder, else in the temporary folder. */
export function cacheFolder(
  env: (name: string) => string | undefined = (name) => Deno.env.get(name),
): string {
  const own = env("DENOTUNE_CACHE");
  if (own) return own;
  const base = env("XDG_CACHE_HOME") ||
    (env("HOME") ? join(env("HOME")!, ".cache") : env("LOCALAPPDATA"));
  return base
    ? join(base, "denotune")
    : join(env("TMPDIR") ?? "/tmp", "denotune");
}
