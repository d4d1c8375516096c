/**
 * Values of Parquet as JSON has them.
 * @module
 */
import type { SchemaElement } from "hyparquet";
import type { Decoders } from "./column.ts";

/**
 * A decoded value in plain terms: 64-bit integers are numbers, or texts where a number would not be exact;
 * times are ISO texts; what is absent is null; bytes stay bytes.
 */
export function plainValue(value: unknown): unknown {
  if (value === undefined || value === null) return null;
  if (typeof value === "bigint") {
    const number = Number(value);
    return Number.isSafeInteger(number) ? number : String(value);
  }
  if (typeof value !== "object" || value instanceof Uint8Array) return value;
  if (value instanceof Date) {
    return Number.isNaN(value.getTime()) ? null : value.toISOString();
  }
  if (Array.isArray(value)) return value.map(plainValue);
  if (ArrayBuffer.isView(value)) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, item]) => [key, plainValue(item)]),
  );
}

/** How a column's bytes become values: texts must be UTF-8, bytes that no text is promised for need not. */
export function parsersOf(
  element: SchemaElement,
  defaults: Decoders["parsers"],
): Decoders["parsers"] {
  const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
  const isText = element.converted_type === "UTF8" ||
    element.logical_type?.type === "STRING";
  return {
    ...defaults,
    stringFromBytes: (bytes) => {
      try {
        return decoder.decode(bytes);
      } catch {
        if (isText) throw new Error("has a text that is not valid UTF-8");
        return bytes.slice(); // not a view that keeps the whole page
      }
    },
  };
}
