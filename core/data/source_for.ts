/**
 * Which source reads a file.
 * @module
 */
import { createPart, type Creating } from "../config/create_part.ts";
import type { Source } from "../contracts/source.ts";
import { DataError } from "../errors.ts";

/** The source part that reads a file. Throws `DataError` that lists them. */
export async function sourceFor(
  path: string,
  creating: Creating,
): Promise<Source> {
  const head = new Uint8Array(4096);
  let read = 0;
  using file = await Deno.open(path);
  read = (await file.read(head)) ?? 0;
  const names: string[] = [];
  for (const { part } of creating.registry.list("source")) {
    const source = await createPart("source", part.name, creating);
    if (source.accepts({ path, head: head.subarray(0, read) })) return source;
    names.push(part.name);
  }
  throw new DataError(
    `No source reads ${path}; known: ${names.sort().join(", ")}`,
  );
}
