/**
 * Files of others, read without waiting for a pipe's writer and without reading a device forever.
 * @module
 */
import { DataError } from "../contracts/errors.ts";

/** Throws `DataError` for a pipe or a device. To be called first: opening a pipe waits for its writer. */
export function refusePipe(path: string): void {
  const { isFile, isDirectory } = Deno.statSync(path);
  if (isFile || isDirectory) return;
  throw new DataError(
    `${path}: is a pipe or a device, not a file; the path "-" reads the rows that another program writes to standard input`,
  );
}

/**
 * The bytes of a file. Throws an `Error` where it is a pipe, a device or a folder, and where it has more than `most`
 * bytes; Deno's own where it cannot be read.
 */
export function readFileUpTo(path: string, most: number): Uint8Array {
  const { size, isFile } = Deno.statSync(path);
  // what a shell hands over: `check <(make_run)`
  const isHandedOver = /^\/(dev|proc\/(self|\d+))\/(fd\/(\d+|pipe:.*)|stdin)$/
    .test(path);
  if (!isFile && !isHandedOver) throw new Error("it is no file");
  using file = Deno.openSync(path);
  const bytes = new Uint8Array((isFile ? Math.min(size, most) : most) + 1);
  let length = 0;
  while (length < bytes.length) {
    const n = file.readSync(bytes.subarray(length));
    if (n === null) break;
    length += n;
  }
  if (length > most) {
    throw new Error(
      `it has ${
        isFile ? size : `more than ${most}`
      } bytes; at most ${most} are read`,
    );
  }
  return bytes.subarray(0, length);
}

/** The same, as text. */
export function readTextUpTo(path: string, most: number): string {
  return new TextDecoder().decode(readFileUpTo(path, most));
}
