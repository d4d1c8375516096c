/**
 * Pages that commands write.
 * @module
 */
import { dirname, resolve } from "node:path";
import { ConfigError } from "../errors.ts";

/** Writes a page, making its folder. Throws `ConfigError` where it cannot be written. */
export async function writePage(
  path: string,
  parts: Iterable<string>,
): Promise<void> {
  const absolute = resolve(path);
  try {
    await Deno.mkdir(dirname(absolute), { recursive: true });
    using file = await Deno.open(absolute, {
      write: true,
      create: true,
      truncate: true,
    });
    const encoder = new TextEncoder();
    for (const part of parts) {
      const bytes = encoder.encode(part);
      for (let at = 0; at < bytes.length;) {
        at += await file.write(bytes.subarray(at));
      }
    }
  } catch (cause) {
    throw new ConfigError(
      `Cannot write ${path}: ${
        cause instanceof Error ? cause.message : cause
      }; name another file with --html`,
      { cause },
    );
  }
}
