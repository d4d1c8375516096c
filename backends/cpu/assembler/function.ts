/**
 * Builds the body of one function: locals, stores, loops and calls, in the order they are written.
 * @module
 */
import { append, type Code, joined, unsigned, VECTOR } from "./encoding.ts";
import { i32, i64 } from "./scalars.ts";
import type { Int, Value, ValueType, Vector } from "./value.ts";

/** A local variable or a parameter; as a value, what it holds. */
export interface Local<T extends ValueType = ValueType> extends Value<T> {
  readonly index: number;
}

/** A function that can be called. */
export interface FunctionRef {
  readonly index: number;
  readonly parameters: readonly ValueType[];
  readonly result: ValueType | null;
}

/**
 * Structs of equal fields that a module keeps in an array: memory of its own, of which V8 knows the bounds, so that
 * reading a field costs no check of an address.
 */
export interface Structs {
  /** Type of the fields. */
  readonly of: "v128" | "f32";
  /** Numbers of the types of a struct and of the array, and of the global that holds it. */
  readonly type: number;
  readonly array: number;
  readonly global: number;
}

/** A local that holds one of them; it is set before it is read, in the same block or around it. */
export interface StructLocal {
  readonly structs: Structs;
  readonly index: number;
}

/** A target of branches. */
export interface Label {
  readonly depth: number;
}

/** Bytes of types. */
export const TYPE_CODES: Readonly<Record<ValueType, number>> = {
  i32: 0x7f,
  i64: 0x7e,
  f32: 0x7d,
  f64: 0x7c,
  v128: 0x7b,
};

/** The body of a function in the making. */
export class FunctionBuilder {
  readonly #code: number[] = [];
  readonly #parameters: readonly ValueType[];
  readonly #locals: (readonly number[])[] = []; // their types
  #depth = 0;

  constructor(parameters: readonly ValueType[]) {
    this.#parameters = parameters;
  }

  /** Parameter number `index`. */
  parameter<T extends ValueType>(type: T, index: number): Local<T> {
    if (this.#parameters[index] !== type) {
      throw new TypeError(
        `Parameter ${index} is ${this.#parameters[index]}, not ${type}`,
      );
    }
    return { type, index, code: readLocal(index) };
  }

  /** A new local, set to `value` here if given (else 0 at the start of the function). */
  local<T extends ValueType>(type: T, value?: Value<T>): Local<T> {
    const index = this.#parameters.length + this.#locals.length;
    this.#locals.push([TYPE_CODES[type]]);
    const local: Local<T> = { type, index, code: readLocal(index) };
    if (value !== undefined) this.set(local, value);
    return local;
  }

  /** A new local that holds struct number `index`, which `makeStruct` has made. */
  struct(structs: Structs, index: Int): StructLocal {
    const { type } = structs;
    const local = this.#parameters.length + this.#locals.length;
    this.#locals.push([0x64, ...unsigned(type)]); // a reference that is never null
    append(this.#code, structAt(structs, index));
    this.#code.push(0xd4, 0x21, ...unsigned(local));
    return { structs, index: local };
  }

  /** Makes struct number `index`, with zeros in it, where there is none yet. */
  makeStruct(structs: Structs, index: Int): void {
    const { type, array, global } = structs;
    const isMissing: Value<"i32"> = {
      type: "i32",
      code: [structAt(structs, index), 0xd1],
    };
    this.if(isMissing, () => {
      this.#code.push(0x23, ...unsigned(global));
      append(this.#code, i32.wrap(index).code);
      this.#code.push(0xfb, 0x01, ...unsigned(type)); // struct.new_default
      this.#code.push(0xfb, 0x0e, ...unsigned(array)); // array.set
    });
  }

  /** A field of a struct. */
  field({ structs, index }: StructLocal, field: number): Vector {
    const { of, type } = structs;
    const code = [0x20, ...unsigned(index), 0xfb, 0x02];
    code.push(...unsigned(type), ...unsigned(field));
    if (of === "f32") code.push(0xfd, 19); // in all four lanes
    return { type: "v128", code };
  }

  /** Sets a field of a struct. */
  setField(
    { structs, index }: StructLocal,
    field: number,
    value: Value<"v128" | "f32">,
  ): void {
    if (value.type !== structs.of) {
      throw new TypeError(`A field of ${structs.of} cannot hold ${value.type}`);
    }
    this.#code.push(0x20, ...unsigned(index));
    append(this.#code, value.code);
    this.#code.push(0xfb, 0x05, ...unsigned(structs.type), ...unsigned(field));
  }

  /** The value in a local, unless it is a constant or a local already. */
  hold<T extends ValueType>(value: Value<T>): Value<T> {
    if (value.constant !== undefined || isLocal(value)) return value;
    return this.local(value.type, value);
  }

  /** local = value */
  set<T extends ValueType>(local: Local<T>, value: Value<T>): void {
    if (local.type !== value.type) {
      throw new TypeError(`A ${local.type} local cannot hold ${value.type}`);
    }
    append(this.#code, value.code);
    this.#code.push(0x21, ...unsigned(local.index));
  }

  /** local += by */
  increase(local: Local<"i64">, by: Int): void {
    this.set(local, i64.add(local, by));
  }

  /** Computes a value for its effects alone. */
  drop(value: Value): void {
    append(this.#code, value.code);
    this.#code.push(0x1a);
  }

  /** Stores a value: f32 and i32 in 4 bytes, f64 in 8, vectors in 16. */
  store(address: Int, value: Value, offset = 0): void {
    const opcodes: Readonly<Record<ValueType, Code>> = {
      i32: [0x36],
      i64: [0x37],
      f32: [0x38],
      f64: [0x39],
      v128: [0xfd, 11],
    };
    this.#store(address, value, opcodes[value.type], [], offset);
  }

  /** Stores the low 16 bits. */
  store16(address: Int, value: Value<"i32">, offset = 0): void {
    this.#store(address, value, [0x3b], [], offset);
  }

  /** Stores one 32-bit lane. */
  storeLane32(address: Int, value: Vector, lane: number, offset = 0): void {
    this.#store(address, value, [0xfd, 90], [lane], offset);
  }

  /** Stores one 64-bit lane. */
  storeLane64(address: Int, value: Vector, lane: number, offset = 0): void {
    this.#store(address, value, [0xfd, 91], [lane], offset);
  }

  /** Stores atomically. */
  atomicStore(address: Int, value: Value<"i32">): void {
    append(this.#code, address.code);
    append(this.#code, value.code);
    this.#code.push(0xfe, 0x17, 2, 0);
  }

  #store(
    address: Int,
    value: Value,
    opcode: Code,
    after: readonly number[],
    offset: number,
  ): void {
    append(this.#code, address.code);
    append(this.#code, value.code);
    append(this.#code, opcode);
    this.#code.push(0, ...unsigned(offset), ...after);
  }

  /** Calls a function; its result, if any, is a value. */
  call(callee: FunctionRef, args: readonly Value[]): void {
    this.#check(callee, args);
    for (const arg of args) append(this.#code, arg.code);
    this.#code.push(0x10, ...unsigned(callee.index));
    if (callee.result !== null) this.#code.push(0x1a);
  }

  #check(callee: FunctionRef, args: readonly Value[]): void {
    const given = args.map((a) => a.type).join();
    if (given !== callee.parameters.join()) {
      throw new TypeError(
        `Function ${callee.index} takes (${callee.parameters}), not (${given})`,
      );
    }
  }

  /** Runs `then` if the condition is not 0, else `otherwise`. */
  if(condition: Value<"i32">, then: () => void, otherwise?: () => void): void {
    append(this.#code, condition.code);
    this.#open(0x04);
    then();
    if (otherwise !== undefined) {
      this.#code.push(0x05);
      otherwise();
    }
    this.#close();
  }

  /** A block that can be left with `branch(exit)`. */
  block(body: (exit: Label) => void): void {
    body(this.#open(0x02));
    this.#close();
  }

  /** A block that is begun again with `branch(again)`, and left at its end. */
  loop(body: (again: Label) => void): void {
    body(this.#open(0x03));
    this.#close();
  }

  /** Goes to a label, if the condition is not 0. */
  branch(label: Label, condition?: Value<"i32">): void {
    if (condition !== undefined) append(this.#code, condition.code);
    this.#code.push(
      condition === undefined ? 0x0c : 0x0d,
      ...unsigned(this.#depth - label.depth),
    );
  }

  /**
   * for (i = from; i < to; i += step). `to` and `step` are computed in each iteration: hold them if they are long.
   */
  for(
    from: Int,
    to: Int,
    step: number | Int,
    body: (i: Local<"i64">) => void,
  ): void {
    const by = typeof step === "number" ? i64.const(step) : step;
    const i = this.local("i64", from);
    const again = () =>
      this.loop((label) => {
        body(i);
        this.increase(i, by);
        this.branch(label, i64.ltS(i, to));
      });
    if (from.constant !== undefined && to.constant !== undefined) {
      if (from.constant < to.constant) again();
    } else this.if(i64.ltS(i, to), again);
  }

  /** Ends the function. */
  return(): void {
    this.#code.push(0x0f);
  }

  /** Leaves a value as the function's result: the last thing of a function that has one. */
  result(value: Value): void {
    append(this.#code, value.code);
  }

  /** Ends everything with an error. */
  trap(): void {
    this.#code.push(0x00);
  }

  #open(opcode: number): Label {
    this.#code.push(opcode, 0x40);
    return { depth: ++this.#depth };
  }

  #close(): void {
    this.#code.push(0x0b);
    this.#depth--;
  }

  /**
   * The code with each vector constant in a local, which the function sets at its start. V8 builds a vector out of
   * integers wherever it is written, also inside of loops: in GELU that was a third of the time.
   */
  #withConstants(): { constants: number[]; pieces: number[][] } {
    const locals = new Map<string, number[]>();
    const constants: number[] = [];
    const pieces: number[][] = [];
    let from = 0;
    for (;;) {
      const at = this.#code.indexOf(VECTOR, from);
      pieces.push(this.#code.slice(from, at < 0 ? undefined : at));
      if (at < 0) return { constants, pieces };
      const bytes = this.#code.slice(at + 1, at + 17);
      const key = bytes.join();
      let read = locals.get(key);
      if (read === undefined) {
        const { index } = this.local("v128");
        locals.set(key, read = readLocal(index));
        constants.push(0xfd, 12, ...bytes, 0x21, ...unsigned(index));
      }
      pieces.push(read);
      from = at + 17;
    }
  }

  /** The function as the code section holds it. */
  finish(): Uint8Array {
    if (this.#depth !== 0) {
      throw new Error("A block of the function has not been closed");
    }
    const { constants, pieces } = this.#withConstants();
    const locals = unsigned(this.#locals.length);
    for (const type of this.#locals) locals.push(1, ...type);
    const body = [locals, constants, ...pieces, [0x0b]];
    const length = body.reduce((sum, piece) => sum + piece.length, 0);
    return joined([unsigned(length), ...body]);
  }
}

/** array.get of the array in the global; the struct may be missing. */
function structAt({ array, global }: Structs, index: Int): Code {
  return [
    0x23,
    ...unsigned(global),
    i32.wrap(index).code,
    0xfb,
    0x0b,
    ...unsigned(array),
  ];
}

function readLocal(index: number): number[] {
  return [0x20, ...unsigned(index)];
}

function isLocal(value: Value): boolean {
  return "index" in value;
}
