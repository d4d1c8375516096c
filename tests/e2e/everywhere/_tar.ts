/**
 * Archives of packages: `deno publish` sends one, `npm` installs one.
 * @module
 */
import { Buffer } from "node:buffer";
import { gunzipSync, gzipSync } from "node:zlib";

const BLOCK = 512;

/** The files of a gzipped tar archive, path -> content. */
export function readTar(gzipped: Uint8Array): Map<string, Uint8Array> {
  const bytes = new Uint8Array(gunzipSync(gzipped));
  const files = new Map<string, Uint8Array>();
  let longName: string | null = null; // GNU: a file of type L holds the next file's name
  let at = 0;
  while (at + BLOCK <= bytes.length) {
    const header = bytes.subarray(at, at + BLOCK);
    if (header.every((byte) => byte === 0)) break;
    const size = parseInt(textAt(header, 124, 12), 8);
    const type = textAt(header, 156, 1);
    const body = bytes.subarray(at + BLOCK, at + BLOCK + size);
    const prefix = textAt(header, 257, 6) === "ustar"
      ? textAt(header, 345, 155)
      : "";
    const name: string = longName ?? [prefix, textAt(header, 0, 100)]
      .filter((part) => part !== "").join("/");
    longName = null;
    if (type === "L") longName = textAt(body, 0, size);
    else if (type === "0" || type === "") {
      files.set(name.replace(/^\.\//, ""), body);
    }
    at += BLOCK + Math.ceil(size / BLOCK) * BLOCK;
  }
  return files;
}

/** A gzipped tar archive of these files; names have 100 bytes at most. */
export function writeTar(files: ReadonlyMap<string, Uint8Array>): Uint8Array {
  const parts: Uint8Array[] = [];
  const encoder = new TextEncoder();
  for (const [name, body] of files) {
    const header = new Uint8Array(BLOCK);
    const put = (text: string, at: number) =>
      header.set(encoder.encode(text), at);
    put(name, 0);
    put("0000644\0", 100);
    put(`${body.length.toString(8).padStart(11, "0")}\0`, 124);
    put("00000000000\0", 136);
    put("0", 156);
    put("ustar\x0000", 257);
    put("        ", 148); // the checksum counts itself as spaces
    const sum = header.reduce((total, byte) => total + byte, 0);
    put(`${sum.toString(8).padStart(6, "0")}\0 `, 148);
    parts.push(header, body, new Uint8Array(-body.length & (BLOCK - 1)));
  }
  parts.push(new Uint8Array(2 * BLOCK));
  return new Uint8Array(gzipSync(Buffer.concat(parts)));
}

function textAt(bytes: Uint8Array, at: number, length: number): string {
  const text = new TextDecoder().decode(bytes.subarray(at, at + length));
  return text.replace(/\0[^]*$/, "");
}
