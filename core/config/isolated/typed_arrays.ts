/**
 * Typed arrays of a message, taken out and laid one behind the other: V8 writes thousands of small ones slowly, and
 * one large one fast.
 *
 * ```text
 * {weights: Float32Array [1, 0]}   ──►   {weights: {"typed array": 0}}   kinds [1], lengths [2], bytes (8)
 * ```
 * @module
 */

/** In the place of a typed array: its number. */
const KEY = "\u0000typed array";

const CLASSES = [
  Int32Array,
  Float32Array,
  Uint32Array,
  Uint8Array,
  Float64Array,
  Int8Array,
  Int16Array,
  Uint16Array,
] as const;
type Typed = InstanceType<(typeof CLASSES)[number]>;

/** A value whose typed arrays are apart. */
export interface PackedValue {
  readonly value: unknown;
  /** Index of the class of each. */
  readonly kinds: Uint8Array;
  /** Elements of each. */
  readonly lengths: Uint32Array;
  /** Their elements, each array from a multiple of 8 on. */
  readonly bytes: Uint8Array;
}

/** Takes the typed arrays out; the value itself is not changed. Throws `TypeError` for objects in a circle. */
export function packTyped(value: unknown): PackedValue {
  const found: Typed[] = [];
  const packed = replaced(value, found, 0);
  const offsets: number[] = [];
  let total = 0;
  for (const array of found) {
    offsets.push(total);
    total += (array.byteLength + 7) & ~7;
  }
  const bytes = new Uint8Array(total);
  for (const [i, { buffer, byteOffset, byteLength }] of found.entries()) {
    bytes.set(new Uint8Array(buffer, byteOffset, byteLength), offsets[i]);
  }
  return {
    value: packed,
    kinds: Uint8Array.from(found, kindOf),
    lengths: Uint32Array.from(found, ({ length }) => length),
    bytes,
  };
}

/** The value with its typed arrays. Throws `TypeError` where it was not made by {@linkcode packTyped}. */
export function unpackTyped(given: unknown): unknown {
  if (!isPacked(given)) throw new TypeError("That is no packed value");
  const { value, kinds, lengths, bytes } = given;
  if (kinds.length === 0) return value;
  // a multiple of 8 from the start of a buffer of its own
  const { buffer } = bytes.slice();
  const arrays: Typed[] = [];
  let at = 0;
  for (const [i, kind] of kinds.entries()) {
    const array = new CLASSES[kind](buffer, at, lengths[i]).slice();
    arrays.push(array);
    at += (array.byteLength + 7) & ~7;
  }
  return restored(value, arrays);
}

/** Levels of objects in one another. */
const MOST_DEPTH = 1000;

function replaced(value: unknown, found: Typed[], depth: number): unknown {
  if (typeof value !== "object" || value === null) return value;
  if (depth > MOST_DEPTH) throw new TypeError("it is nested too deep");
  if (ArrayBuffer.isView(value)) {
    const kind = CLASSES.findIndex((one) => value instanceof one);
    if (kind < 0) return value;
    return { [KEY]: found.push(value as Typed) - 1 };
  }
  if (Array.isArray(value)) {
    let copy: unknown[] | null = null;
    for (let i = 0; i < value.length; i++) {
      const inner = replaced(value[i], found, depth + 1);
      if (inner !== value[i]) (copy ??= value.slice())[i] = inner;
    }
    return copy ?? value;
  }
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype !== Object.prototype && prototype !== null) return value;
  let copy: Record<string, unknown> | null = null;
  for (const key of Object.keys(value)) {
    const item = (value as Record<string, unknown>)[key];
    if (typeof item !== "object" || item === null) continue;
    const inner = replaced(item, found, depth + 1);
    if (inner !== item) (copy ??= { ...value })[key] = inner;
  }
  return copy ?? value;
}

/** In place: what was read from a message belongs to nobody else. */
function restored(value: unknown, arrays: readonly Typed[]): unknown {
  if (typeof value !== "object" || value === null) return value;
  if (Array.isArray(value)) {
    for (let i = 0; i < value.length; i++) {
      if (typeof value[i] === "object") value[i] = restored(value[i], arrays);
    }
    return value;
  }
  if (Object.getPrototypeOf(value) !== Object.prototype) return value;
  if (KEY in value) {
    const array = arrays[Number(value[KEY])];
    if (array === undefined) throw new TypeError("A typed array is missing");
    return array;
  }
  const object = value as Record<string, unknown>;
  for (const key of Object.keys(object)) {
    const item = object[key];
    if (typeof item === "object" && item !== null) {
      object[key] = restored(item, arrays);
    }
  }
  return value;
}

function kindOf(array: Typed): number {
  return CLASSES.findIndex((one) => array instanceof one);
}

function isPacked(given: unknown): given is PackedValue {
  if (typeof given !== "object" || given === null) return false;
  const { kinds, lengths, bytes } = given as Record<string, unknown>;
  return kinds instanceof Uint8Array && lengths instanceof Uint32Array &&
    bytes instanceof Uint8Array && kinds.length === lengths.length &&
    kinds.every((kind) => kind < CLASSES.length);
}
