/**
 * Reads a function without jumps back, as the steps that its code takes with vectors: other machines can take the same
 * steps with wider ones.
 *
 * ```text
 * function (x, y, index):   v = load(x + 4 index)     w = v * 2     store(y + 4 index, w)
 * steps                     0: load x                 1: 2          2: f32x4.mul of 0, 1
 * stores                    y = 2
 * ```
 * @module
 */
import type { Instruction } from "./opcodes.ts";
import { instruction, Reader } from "./reader.ts";

/** What gives a vector: four lanes here, any number elsewhere. */
export type Step =
  /** The same bits in every lane. */
  | { readonly kind: "constant"; readonly bits: number }
  /** Numbers of a parameter's memory, one a lane. */
  | { readonly kind: "load"; readonly parameter: number }
  /** One number of a parameter's memory, `offset` bytes from its start, in every lane. */
  | {
    readonly kind: "splat";
    readonly parameter: number;
    readonly offset: number;
  }
  /** An instruction by its name, of earlier steps; `by`: bits of a shift. */
  | {
    readonly kind: "operation";
    readonly name: string;
    readonly of: readonly number[];
    readonly by: number;
  };

/** The steps of a function, in order, and what it stores behind them. */
export interface Straight {
  readonly steps: readonly Step[];
  readonly stores: readonly {
    readonly parameter: number;
    readonly value: number;
  }[];
}

/** Instructions that are others with a constant. */
const AS_OTHERS: Readonly<Record<string, readonly [string, number]>> = {
  "f32x4.neg": ["v128.xor", 0x80000000],
  "f32x4.abs": ["v128.and", 0x7fffffff],
  "v128.not": ["v128.xor", 0xffffffff],
};

/** What the code has on its stack or in a local. */
type Value =
  | { readonly kind: "vector"; readonly step: number }
  | { readonly kind: "integer"; readonly value: number }
  | { readonly kind: "address"; readonly parameter: number }
  | { readonly kind: "elements"; readonly bytes: number }
  /** The address of the lanes' elements. */
  | { readonly kind: "lanes"; readonly parameter: number };

/**
 * Reads a function as `FunctionBuilder.finish` gives it. Its parameters are addresses, the last one is an index of
 * elements of 4 bytes. Throws `RangeError` for code that does something else.
 */
export function readStraight(code: Uint8Array, parameters: number): Straight {
  const reader = new Reader(code);
  reader.unsigned(); // its length
  for (let groups = reader.unsigned(); groups > 0; groups--) {
    reader.unsigned();
    reader.byte();
  }
  const reading = new Reading(parameters);
  for (let byte = reader.byte(); byte !== END; byte = reader.byte()) {
    if (byte === LOCAL_GET) reading.get(reader.unsigned());
    else if (byte === LOCAL_SET) reading.set(reader.unsigned());
    else reading.take(instruction(reader, byte), reader);
  }
  return reading;
}

const END = 0x0b, LOCAL_GET = 0x20, LOCAL_SET = 0x21;

/** The state of reading. */
class Reading implements Straight {
  readonly steps: Step[] = [];
  readonly stores: { parameter: number; value: number }[] = [];
  readonly #stack: Value[] = [];
  readonly #locals = new Map<number, Value>();
  /** Steps by what they are: equal ones are one. */
  readonly #known = new Map<string, number>();

  constructor(parameters: number) {
    for (let i = 0; i < parameters - 1; i++) {
      this.#locals.set(i, { kind: "address", parameter: i });
    }
    this.#locals.set(parameters - 1, { kind: "elements", bytes: 1 });
  }

  get(local: number): void {
    const value = this.#locals.get(local);
    if (value === undefined) {
      throw new RangeError(`Local ${local} is read before it is set`);
    }
    this.#stack.push(value);
  }

  set(local: number): void {
    this.#locals.set(local, this.#pop());
  }

  /** One instruction; its immediates follow in the reader. */
  take({ name, takes, immediate }: Instruction, reader: Reader): void {
    switch (name) {
      case "i32.const":
      case "i64.const":
        return this.#push({ kind: "integer", value: Number(reader.signed()) });
      case "v128.const":
        return this.#push(this.#constant(reader.view(16)));
      case "i64.shl":
      case "i64.mul": {
        const by = this.#pop("integer").value;
        const { bytes } = this.#pop("elements");
        const factor = name === "i64.mul" ? by : 2 ** by;
        return this.#push({ kind: "elements", bytes: bytes * factor });
      }
      case "i64.add": {
        const { bytes } = this.#pop("elements");
        const { parameter } = this.#pop("address");
        if (bytes !== 4) throw new RangeError(`Elements of ${bytes} bytes`);
        return this.#push({ kind: "lanes", parameter });
      }
      case "v128.load": {
        this.#offset(reader, 0);
        const { parameter } = this.#pop("lanes");
        return this.#push(this.#step({ kind: "load", parameter }));
      }
      case "v128.load32_splat": {
        const offset = this.#offset(reader);
        const { parameter } = this.#pop("address");
        return this.#push(this.#step({ kind: "splat", parameter, offset }));
      }
      case "v128.store": {
        this.#offset(reader, 0);
        const value = this.#pop("vector").step;
        this.stores.push({ parameter: this.#pop("lanes").parameter, value });
        return;
      }
    }
    if (immediate !== "none" || takes === 0) {
      throw new RangeError(`${name} is not a step of lanes by themselves`);
    }
    const isShift = name.startsWith("i32x4.sh");
    const by = isShift ? this.#pop("integer").value : 0;
    const of = Array.from(
      { length: isShift ? 1 : takes },
      () => this.#pop("vector").step,
    ).reverse();
    const other = AS_OTHERS[name];
    if (other === undefined) {
      return this.#push(this.#step({ kind: "operation", name, of, by }));
    }
    const [replacing, bits] = other;
    const second = this.#step({ kind: "constant", bits });
    this.#push(
      this.#step({
        kind: "operation",
        name: replacing,
        of: [...of, second.step],
        by,
      }),
    );
  }

  #constant(view: DataView): Value {
    const lanes = [0, 4, 8, 12].map((at) => view.getUint32(at, true));
    if (lanes.some((bits) => bits !== lanes[0])) {
      throw new RangeError("A constant has other bits from lane to lane");
    }
    return this.#step({ kind: "constant", bits: lanes[0] });
  }

  #step(step: Step): Value & { kind: "vector" } {
    const key = JSON.stringify(step);
    let number = this.#known.get(key);
    if (number === undefined) {
      number = this.steps.push(step) - 1;
      this.#known.set(key, number);
    }
    return { kind: "vector", step: number };
  }

  /** An offset behind an alignment. */
  #offset(reader: Reader, only?: number): number {
    reader.unsigned();
    const offset = reader.unsigned();
    if (only !== undefined && offset !== only) {
      throw new RangeError(`An offset of ${offset} bytes`);
    }
    return offset;
  }

  #push(value: Value): void {
    this.#stack.push(value);
  }

  #pop(): Value;
  #pop<K extends Value["kind"]>(kind: K): Extract<Value, { kind: K }>;
  #pop(kind?: Value["kind"]): Value {
    const value = this.#stack.pop();
    if (value === undefined || kind !== undefined && value.kind !== kind) {
      throw new RangeError(
        `Code has ${value?.kind ?? "nothing"} where ${kind} is needed`,
      );
    }
    return value;
  }
}
