/**
 * Pages that commands write.
 * @module
 */
import {
  ConfigError,
  temporaryBeside,
  writeAll,
} from "@denotune/denotune/core";
import { dirname, resolve } from "node:path";

/** Writes a page, complete or not at all, making its folder. Throws `ConfigError` where it cannot be written. */
export async function writePage(
  path: string,
  parts: Iterable<string>,
): Promise<void> {
  const absolute = resolve(path);
  const temporary = temporaryBeside(absolute);
  await attempt(path, () => Deno.mkdir(dirname(absolute), { recursive: true }));
  const encoder = new TextEncoder();
  try {
    {
      using file = await attempt(
        path,
        () =>
          Deno.open(temporary, { write: true, create: true, truncate: true }),
      );
      // what makes the parts may throw too, and says so itself
      for (const part of parts) {
        await attempt(path, () => writeAll(file, encoder.encode(part)));
      }
    }
    await attempt(path, () => Deno.rename(temporary, absolute));
  } catch (error) {
    await Deno.remove(temporary).catch(() => {}); // the first error says more
    throw error;
  }
}

async function attempt<T>(
  path: string,
  write: () => T | Promise<T>,
): Promise<T> {
  try {
    return await write();
  } catch (cause) {
    throw new ConfigError(
      `Cannot write ${path}: ${
        cause instanceof Error ? cause.message : cause
      }; name another file with --html`,
      { cause },
    );
  }
}
