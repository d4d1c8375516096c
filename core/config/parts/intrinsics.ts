/**
 * The built-in objects of JavaScript, held against a copy: a plugin that changes one changes what every other module
 * computes, and the error would come from somewhere else. Written without the methods that it looks for.
 * @module
 */
const { getOwnPropertyDescriptor, getPrototypeOf, defineProperty, is } = Object;
const { ownKeys } = Reflect;

/** Objects that everything is computed with, by their names. */
function roots(): [string, object][] {
  const found: [string, object][] = [];
  for (
    const name of [
      "Object",
      "Function",
      "Array",
      "String",
      "Number",
      "Boolean",
      "Symbol",
      "BigInt",
      "Date",
      "RegExp",
      "Promise",
      "Map",
      "Set",
      "WeakMap",
      "ArrayBuffer",
      "DataView",
      "Float32Array",
      "Float64Array",
      "Int32Array",
      "Uint8Array",
      "Uint32Array",
      "TextDecoder",
      "TextEncoder",
    ]
  ) {
    const built: unknown = Reflect.get(globalThis, name);
    if (typeof built !== "function") continue;
    found.push([name, built], [`${name}.prototype`, built.prototype]);
  }
  found.push(
    // not `Error` itself: its `stackTraceLimit` and `prepareStackTrace` are there to be set
    ["Error.prototype", Error.prototype],
    ["JSON", JSON],
    ["Math", Math],
    ["Reflect", Reflect],
    ["Atomics", Atomics],
    ["TypedArray.prototype", getPrototypeOf(Float32Array.prototype)],
    ["Iterator.prototype", getPrototypeOf(getPrototypeOf([].values()))],
    ["Array Iterator.prototype", getPrototypeOf([].values())],
  );
  return found;
}

/** The built-in objects as they are now. */
export interface Intrinsics {
  /**
   * Puts back what was changed or taken away since, and what was added where every object has it; gives the first
   * such name, `Array.prototype.map`, or null. What else was added stays: a polyfill does no harm.
   */
  restore(): string | null;
}

/** Reads the built-in objects. */
export function readIntrinsics(): Intrinsics {
  const read: {
    object: object;
    name: string;
    keys: PropertyKey[];
    values: PropertyDescriptor[];
  }[] = [];
  const all = roots();
  for (let i = 0; i < all.length; i++) {
    const [name, object] = all[i];
    const keys = ownKeys(object);
    const values: PropertyDescriptor[] = [];
    for (let k = 0; k < keys.length; k++) {
      values[k] = getOwnPropertyDescriptor(object, keys[k]) ?? {};
    }
    read[i] = { object, name, keys, values };
  }
  return {
    restore() {
      let first: string | null = null;
      for (let i = 0; i < read.length; i++) {
        const { object, name, keys, values } = read[i];
        for (let k = 0; k < keys.length; k++) {
          const now = getOwnPropertyDescriptor(object, keys[k]);
          const before = values[k];
          if (
            now !== undefined && is(now.value, before.value) &&
            now.get === before.get && now.set === before.set
          ) continue;
          try {
            defineProperty(object, keys[k], before);
          } catch {
            // it was made so that it cannot be changed back: it is named all the same
          }
          first ??= `${name}.${label(keys[k])}`;
        }
        if (object !== Object.prototype && object !== Array.prototype) continue;
        const found = ownKeys(object);
        for (let k = 0; k < found.length; k++) {
          let isOld = false;
          for (let o = 0; o < keys.length; o++) {
            if (keys[o] === found[k]) isOld = true;
          }
          if (isOld) continue;
          first ??= `${name}.${label(found[k])}`;
          Reflect.deleteProperty(object, found[k]);
        }
      }
      return first;
    },
  };
}

function label(key: PropertyKey): string {
  return typeof key === "symbol" ? `[${key.description}]` : `${String(key)}`;
}
