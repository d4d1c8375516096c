/**
 * What a column's numbers and bytes represent, where hyparquet's own conversion would lose something or refuse:
 * decimals, times of day, JSON, BSON, intervals.
 * @module
 */
import type { SchemaElement } from "hyparquet";

/** How a column is decoded. */
export interface PlainKind {
  /** The schema element passed to hyparquet. */
  readonly element: SchemaElement;
  /** Whether bytes stay bytes. */
  readonly bytes: boolean;
  /** What is made of each value; null: nothing. */
  readonly convert: ((value: unknown) => unknown) | null;
}

/** The kind of a column. */
export function plainKind(element: SchemaElement): PlainKind {
  const { converted_type: old, logical_type: type } = element;
  const raw = {
    ...element,
    converted_type: undefined,
    logical_type: undefined,
  };
  if (old === "DECIMAL" || type?.type === "DECIMAL") {
    const scale = element.scale ??
      (type?.type === "DECIMAL" ? type.scale : 0) ?? 0;
    return {
      element: raw,
      bytes: true,
      convert: (value) => decimal(value, scale),
    };
  }
  if (old === "TIME_MILLIS" || old === "TIME_MICROS" || type?.type === "TIME") {
    const unit = type?.type === "TIME" ? type.unit : null;
    const perSecond = unit === "NANOS"
      ? 1_000_000_000n
      : unit === "MICROS" || old === "TIME_MICROS"
      ? 1_000_000n
      : 1000n;
    return {
      element: raw,
      bytes: false,
      convert: (value) => timeOfDay(value, perSecond),
    };
  }
  // JSON is text, as pyarrow reads it: numbers keep their digits
  if (old === "JSON" || type?.type === "JSON") {
    return {
      element: { ...raw, converted_type: "UTF8" },
      bytes: false,
      convert: null,
    };
  }
  const isBytes = old === "BSON" || old === "INTERVAL" ||
    type?.type === "BSON" || type?.type === "GEOMETRY" ||
    type?.type === "GEOGRAPHY";
  if (isBytes) return { element: raw, bytes: true, convert: null };
  if (old === undefined && type?.type === "DATE") {
    return {
      element: { ...element, converted_type: "DATE" },
      bytes: false,
      convert: null,
    };
  }
  return { element, bytes: false, convert: null };
}

/** The number nearest to a decimal: by its digits, so that no rounding comes twice. */
function decimal(value: unknown, scale: number): unknown {
  const unscaled = typeof value === "number" || typeof value === "bigint"
    ? BigInt(value)
    : value instanceof Uint8Array
    ? bigEndian(value)
    : null;
  return unscaled === null ? value : Number(`${unscaled}e${-scale}`);
}

function bigEndian(bytes: Uint8Array): bigint {
  let value = 0n;
  for (const byte of bytes) value = value << 8n | BigInt(byte);
  return BigInt.asIntN(8 * bytes.length, value);
}

/** `12:34:56.789` */
function timeOfDay(value: unknown, perSecond: bigint): unknown {
  if (typeof value !== "number" && typeof value !== "bigint") return value;
  const all = BigInt(value);
  const seconds = all / perSecond;
  const part = all % perSecond;
  const two = (n: bigint): string => String(n).padStart(2, "0");
  const digits = String(perSecond).length - 1;
  const fraction = String(part).padStart(digits, "0").replace(/0+$/, "");
  return `${two(seconds / 3600n)}:${two(seconds / 60n % 60n)}:${
    two(seconds % 60n)
  }${fraction === "" ? "" : `.${fraction}`}`;
}

/** Gives a list or map that has only the newer name the older one too, which hyparquet goes by. */
export function withOldName(element: SchemaElement): void {
  const { type } = element.logical_type ?? {};
  if (element.converted_type !== undefined) return;
  if (type === "LIST" || type === "MAP") element.converted_type = type;
}
