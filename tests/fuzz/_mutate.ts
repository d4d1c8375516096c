/**
 * Mutated files from a seed: the same seed gives the same mutant, on every machine.
 * @module
 */

/** Random numbers of one seed. */
export class Random {
  #state: number;

  constructor(seed: number) {
    this.#state = (seed * 2654435761 + 12345) >>> 0;
  }

  /** A whole number from 0 to below `n`. */
  below(n: number): number {
    // xorshift32, with a constant added so that it never rests at 0
    let x = this.#state = (this.#state + 0x9e3779b9) >>> 0;
    x = Math.imul(x ^ (x >>> 16), 0x85ebca6b);
    x = Math.imul(x ^ (x >>> 13), 0xc2b2ae35);
    return ((x ^ (x >>> 16)) >>> 0) % n;
  }

  /** One of these. */
  pick<T>(values: readonly T[]): T {
    return values[this.below(values.length)];
  }

  /** True once in `n` times. */
  once(n: number): boolean {
    return this.below(n) === 0;
  }
}

/** Values that programs trip over, in the place of others. */
export const ODD_VALUES: readonly unknown[] = [
  null,
  true,
  false,
  "",
  "x",
  "\u0000",
  "\ud800",
  "a".repeat(100_000),
  "__proto__",
  "(a+)+$",
  "../../etc/passwd",
  0,
  -1,
  0.5,
  1e6,
  1e9,
  1e300,
  2 ** 31,
  2 ** 53,
  [],
  {},
  [null],
  [[[]]],
  { __proto__: null, constructor: 1 },
];

/** The file with some of its bytes changed, cut off, left out, moved or doubled. */
export function mutateBytes(bytes: Uint8Array, random: Random): Uint8Array {
  let result: Uint8Array = bytes.slice();
  for (let round = 1 + random.below(4); round > 0; round--) {
    result = mutateOnce(result, random);
  }
  return result;
}

function mutateOnce(bytes: Uint8Array, random: Random): Uint8Array {
  const n = bytes.length;
  if (n === 0) return Uint8Array.of(random.below(256));
  const at = random.below(n);
  const length = 1 + random.below(Math.min(n - at, 1 << random.below(12)));
  switch (random.below(9)) {
    case 0: // a bit
      bytes[at] ^= 1 << random.below(8);
      return bytes;
    case 1: // a byte
      bytes[at] = random.pick([0, 0x7f, 0x80, 0xff, 0x22, 0x7b, 0x5b, 0x0a]);
      return bytes;
    case 2: // what comes after is lost
      return bytes.slice(0, at);
    case 3: // a stretch is lost
      return join(bytes.subarray(0, at), bytes.subarray(at + length));
    case 4: // a stretch is doubled
      return join(bytes.subarray(0, at + length), bytes.subarray(at));
    case 5: // a stretch becomes zeros
      return bytes.fill(0, at, at + length);
    case 6: { // a stretch is overwritten by another
      bytes.copyWithin(at, random.below(n), random.below(n) + 1);
      return bytes;
    }
    case 7: { // a number becomes large: 4 or 8 bytes, little-endian, as binary headers hold them
      const large = random.pick([0xff, 0x7f, 0x10]);
      return bytes.fill(large, at, at + random.pick([1, 4, 8]));
    }
    default: { // text in the middle
      const text = random.pick(['"', "{", "[", "]}", "\n", ",", "\\", "NaN"]);
      const put = new TextEncoder().encode(text.repeat(1 + random.below(30)));
      return join(bytes.subarray(0, at), put, bytes.subarray(at));
    }
  }
}

/** Several stretches as one. */
export function join(...parts: readonly Uint8Array[]): Uint8Array {
  const result = new Uint8Array(parts.reduce((n, p) => n + p.length, 0));
  let at = 0;
  for (const part of parts) {
    result.set(part, at);
    at += part.length;
  }
  return result;
}

/** A copy of a JSON value in which one to three values are replaced, removed, renamed, doubled, nested or moved. */
export function mutateJson(value: unknown, random: Random): unknown {
  let result = structuredClone(value);
  for (let round = 1 + random.below(3); round > 0; round--) {
    const spots = spotsOf(result);
    if (spots.length === 0) return random.pick(ODD_VALUES);
    // shallow spots are few and matter most: half of the time one of those is taken
    const shallow = spots.filter(({ depth }) => depth <= 3);
    const spot = random.pick(random.once(2) ? shallow : spots);
    result = change(result, spot, random, spots);
  }
  return result;
}

/** A copy, or null of what is nested too deep to be copied. */
function copyOf(value: unknown): unknown {
  try {
    return structuredClone(value);
  } catch {
    return null;
  }
}

interface Spot {
  readonly holder: object;
  readonly key: string;
  readonly depth: number;
}

/** Up to some thousand places of values; of long lists the first and last few. */
function spotsOf(root: unknown): Spot[] {
  const spots: Spot[] = [];
  const visit = (value: unknown, depth: number): void => {
    if (typeof value !== "object" || value === null || depth > 12) return;
    const keys = Object.keys(value);
    const some = keys.length <= 40
      ? keys
      : [...keys.slice(0, 20), ...keys.slice(-20)];
    for (const key of some) {
      if (spots.length > 4000) return;
      spots.push({ holder: value, key, depth });
      visit(get(value, key), depth + 1);
    }
  };
  visit(root, 0);
  return spots;
}

function get(holder: object, key: string): unknown {
  return Reflect.get(holder, key);
}

function set({ holder, key }: Spot, value: unknown): void {
  // not an assignment: "__proto__" is a key as any other
  Object.defineProperty(holder, key, {
    value,
    enumerable: true,
    configurable: true,
    writable: true,
  });
}

function change(
  root: unknown,
  spot: Spot,
  random: Random,
  spots: readonly Spot[],
): unknown {
  const { holder, key } = spot;
  const value = get(holder, key);
  switch (random.below(8)) {
    case 0:
      if (Array.isArray(holder)) holder.splice(Number(key), 1);
      else Reflect.deleteProperty(holder, key);
      break;
    case 1:
      if (!Array.isArray(holder)) {
        Reflect.deleteProperty(holder, key);
        set({ ...spot, key: `${key}x` }, value);
      } else holder.push(value);
      break;
    case 2: {
      const other = random.pick(spots);
      set(spot, copyOf(get(other.holder, other.key)));
      break;
    }
    case 3: {
      let nested: unknown = value;
      const depth = random.pick([1, 3, 20_000]);
      for (let i = 0; i < depth; i++) nested = [nested];
      set(spot, nested);
      break;
    }
    case 4:
      if (typeof value === "number") {
        set(spot, random.pick([-value, value + 1, value * 1e6, -1, 0, 1e18]));
      } else if (typeof value === "string") {
        set(
          spot,
          random.pick([value + value, value.slice(1), ` ${value}`, "\u0130"]),
        );
      } else set(spot, [value, value]);
      break;
    default:
      set(spot, random.pick(ODD_VALUES));
  }
  return root;
}

/** JSON text of a value; a value that is nested too deep for `JSON.stringify` is written level by level. */
export function jsonText(value: unknown): string {
  try {
    return JSON.stringify(value) ?? "null";
  } catch {
    const open: string[] = [];
    let at = value;
    while (Array.isArray(at) && at.length === 1) {
      open.push("[");
      at = at[0];
    }
    if (open.length > 0) {
      return open.join("") + jsonText(at) + "]".repeat(open.length);
    }
    const entries = Object.entries(Object(at));
    if (Array.isArray(at)) return `[${at.map(jsonText).join(",")}]`;
    return `{${
      entries.map(([k, v]) => `${JSON.stringify(k)}:${jsonText(v)}`).join(",")
    }}`;
  }
}

/** A JSON file with values changed, or with bytes changed. */
export function mutateJsonFile(text: string, random: Random): Uint8Array {
  const encoder = new TextEncoder();
  if (random.once(4)) return mutateBytes(encoder.encode(text), random);
  return encoder.encode(jsonText(mutateJson(JSON.parse(text), random)));
}
