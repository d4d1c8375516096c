/**
 * Where things are kept that can be made again: indexes, unpacked archives, tuner results.
 * @module
 */
import { join } from "node:path";
import { asUserError } from "./atomic.ts";
import { environmentVariable } from "../permissions.ts";

/** `DENOTUNE_CACHE`, else `denotune` in the user's cache folder, else in the temporary folder. */
export function cacheFolder(
  env: (name: string) => string | undefined = environmentVariable,
): string {
  const own = env("DENOTUNE_CACHE");
  if (own) return own;
  const base = env("XDG_CACHE_HOME") ||
    (env("HOME") ? join(env("HOME")!, ".cache") : env("LOCALAPPDATA"));
  return base
    ? join(base, "denotune")
    : join(env("TMPDIR") ?? "/tmp", "denotune");
}

/** A new, empty folder in the cache, for files that are needed for a moment. Throws `ConfigError` where none can be made. */
export function temporaryFolder(): Disposable & { readonly path: string } {
  const dir = cacheFolder();
  const path = asUserError(
    `make a folder for temporary files in ${dir}`,
    () => {
      Deno.mkdirSync(dir, { recursive: true });
      return Deno.makeTempDirSync({ dir, prefix: "tmp-" });
    },
  );
  return {
    path,
    [Symbol.dispose]: () => Deno.removeSync(path, { recursive: true }),
  };
}
