/**
 * The header of a safetensors file: eight bytes of length, that many bytes of JSON, then the tensors'
 * bytes, one behind the other without holes. Everything is checked before a byte is used.
 * @module
 */
import { DataError } from "../contracts/errors.ts";
import { isObject, parseJson } from "./json_file.ts";

/** An element type's name in the file. */
export type SafetensorsDType =
  | "F64"
  | "F32"
  | "F16"
  | "BF16"
  | "I64"
  | "I32"
  | "I16"
  | "I8"
  | "U64"
  | "U32"
  | "U16"
  | "U8"
  | "BOOL"
  | "F8_E4M3"
  | "F8_E5M2"
  | "F8_E8M0"
  | "C64";

/** Bytes of one element of each type that the format knows. */
const ELEMENT_BYTES: { readonly [K in SafetensorsDType]: number } = {
  F64: 8,
  F32: 4,
  F16: 2,
  BF16: 2,
  I64: 8,
  I32: 4,
  I16: 2,
  I8: 1,
  U64: 8,
  U32: 4,
  U16: 2,
  U8: 1,
  BOOL: 1,
  F8_E4M3: 1,
  F8_E5M2: 1,
  F8_E8M0: 1,
  C64: 8,
};

/** Whether a name is that of a type of the format. */
export function isSafetensorsDType(name: string): name is SafetensorsDType {
  return Object.hasOwn(ELEMENT_BYTES, name);
}

/** The types in which weights can be read and written. */
export type WeightDType = "F32" | "F16" | "BF16";

/** The format's own bound on a header: 100 MB. */
const MAX_HEADER_BYTES = 100_000_000;

/** A tensor as the header describes it. */
export interface TensorEntry {
  /** Hugging Face's name. */
  readonly name: string;
  /** Type of the elements. */
  readonly dtype: SafetensorsDType;
  /** Sizes, outermost first. */
  readonly shape: readonly number[];
  /** First byte, counted from the start of the file. */
  readonly offset: number;
  /** Length. */
  readonly bytes: number;
}

/** A checked header. */
export interface SafetensorsHeader {
  /** `__metadata__`. */
  readonly metadata: { readonly [key: string]: string };
  /** In the order of their bytes. */
  readonly tensors: readonly TensorEntry[];
}

/** Bytes of one element. */
export function elementBytes(dtype: SafetensorsDType): number {
  return ELEMENT_BYTES[dtype];
}

/**
 * Reads a header through `read(offset, length)`, which gives exactly that many bytes. Throws `DataError`
 * naming the file, the tensor and the numbers found.
 */
export function readHeader(
  path: string,
  fileBytes: number,
  read: (offset: number, length: number) => Uint8Array,
): SafetensorsHeader {
  const fail = (what: string): never => {
    throw new DataError(
      `${path} is no complete safetensors file: ${what}; fetch or write it again`,
    );
  };
  if (fileBytes < 8) {
    fail(`it has ${fileBytes} bytes, and the length of the header alone is 8`);
  }
  const first = read(0, 8);
  const long = new DataView(first.buffer, first.byteOffset, 8)
    .getBigUint64(0, true);
  if (long > BigInt(Math.min(fileBytes - 8, MAX_HEADER_BYTES))) {
    const known = knownMagic(first);
    fail(
      `its header should have ${long} bytes, but the file has ${fileBytes}${
        known === null ? "" : ` (it looks like ${known})`
      }`,
    );
  }
  const length = Number(long);
  if (length < 2) fail(`its header has ${length} bytes`);
  let text: string;
  try {
    text = new TextDecoder("utf-8", { fatal: true }).decode(read(8, length));
  } catch {
    return fail(`its header of ${length} bytes is no UTF-8 text`);
  }
  if (!text.startsWith("{")) {
    fail(
      `its header starts with ${JSON.stringify(text.slice(0, 1))}, not with {`,
    );
  }
  const parsed = parseJson(text, `${path} (header)`);
  if (!isObject(parsed)) return fail("its header is no JSON object");
  const start = 8 + length;
  const metadata: Record<string, string> = {};
  const tensors: TensorEntry[] = [];
  for (const [name, value] of Object.entries(parsed)) {
    if (name === "__metadata__") {
      if (!isObject(value)) return fail("its __metadata__ is no object");
      for (const [key, text] of Object.entries(value)) {
        if (typeof text !== "string") {
          return fail(`its __metadata__.${key} is no string`);
        }
        metadata[key] = text;
      }
    } else tensors.push(readEntry(name, value, start, fail));
  }
  tensors.sort((a, b) => a.offset - b.offset || a.bytes - b.bytes);
  checkCover(tensors, start, fileBytes, fail);
  return { metadata, tensors };
}

function readEntry(
  name: string,
  value: unknown,
  start: number,
  fail: (what: string) => never,
): TensorEntry {
  const at = `tensor ${name}`;
  if (!isObject(value)) return fail(`${at} is described by ${show(value)}`);
  const { dtype, shape, data_offsets: range } = value;
  if (!isDType(dtype)) {
    return fail(
      `${at} has dtype ${show(dtype)}; known: ${
        Object.keys(ELEMENT_BYTES).join(", ")
      }`,
    );
  }
  if (!isCounts(shape)) return fail(`${at} has shape ${show(shape)}`);
  if (!isCounts(range) || range.length !== 2 || range[0] > range[1]) {
    return fail(`${at} has data_offsets ${show(range)}`);
  }
  const [begin, end] = range;
  const bytes = end - begin;
  // a product beyond 2^53 is rounded, but never down to as few bytes as a file has
  const expected = shape.reduce((n, d) => n * d, ELEMENT_BYTES[dtype]);
  if (bytes !== expected) {
    return fail(
      `${at}, ${dtype} of shape ${
        show(shape)
      }, takes ${expected} bytes, but its data_offsets ${
        show(range)
      } hold ${bytes}`,
    );
  }
  return { name, dtype, shape, offset: start + begin, bytes };
}

/** The tensors' bytes, in order, cover the rest of the file once. */
function checkCover(
  tensors: readonly TensorEntry[],
  start: number,
  fileBytes: number,
  fail: (what: string) => never,
): void {
  let at = start;
  let before = "the header";
  for (const t of tensors) {
    const range = `bytes ${t.offset - start}..${t.offset + t.bytes - start}`;
    if (t.offset + t.bytes > fileBytes) {
      fail(
        `tensor ${t.name} should lie at ${range} of the data, but the file holds ${
          fileBytes - start
        } of them`,
      );
    }
    if (t.offset < at) {
      fail(
        `tensor ${t.name} at ${range} overlaps ${before}, which ends at ${
          at - start
        }`,
      );
    }
    if (t.offset > at) {
      fail(
        `between ${before} and tensor ${t.name} lie ${
          t.offset - at
        } bytes that belong to no tensor`,
      );
    }
    at = t.offset + t.bytes;
    before = `tensor ${t.name}`;
  }
  if (at !== fileBytes) {
    fail(
      `behind ${before} lie ${fileBytes - at} bytes that belong to no tensor`,
    );
  }
}

function knownMagic(first: Uint8Array): string | null {
  const text = String.fromCharCode(...first);
  if (text.startsWith("PK\u0003\u0004")) return "a zip or PyTorch file";
  if (text.startsWith("GGUF")) return "a GGUF file";
  if (text.startsWith("version ")) {
    return "a Git LFS pointer: run `git lfs pull`";
  }
  if (text.startsWith("<")) return "a web page";
  return null;
}

function isDType(value: unknown): value is SafetensorsDType {
  return typeof value === "string" && Object.hasOwn(ELEMENT_BYTES, value);
}

function isCounts(value: unknown): value is readonly number[] {
  return Array.isArray(value) &&
    value.every((n) => Number.isSafeInteger(n) && n >= 0);
}

function show(value: unknown): string {
  const text = JSON.stringify(value) ?? String(value);
  return text.length > 80 ? `${text.slice(0, 80)}...` : text;
}
