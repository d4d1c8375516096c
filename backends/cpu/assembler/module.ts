/**
 * Puts functions together into a WebAssembly module that imports one shared 64-bit memory, `env.memory`, and
 * functions from the same place.
 * @module
 */
import { append, type Code, joined, text, unsigned } from "./encoding.ts";
import {
  FunctionBuilder,
  type FunctionRef,
  type Structs,
  TYPE_CODES,
} from "./function.ts";
import { i32 } from "./scalars.ts";
import type { ValueType } from "./value.ts";

/** Largest memory that V8 gives, in pages of 64 KiB: 16 GiB. */
export const MAX_PAGES = 262144;

/** Bytes of a page of WebAssembly memory. */
export const PAGE_BYTES = 65536;

/** A function that a module gets from outside, as `env.<name>`; it gives nothing back. */
export interface ImportedFunction {
  readonly name: string;
  readonly parameters: readonly ValueType[];
}

interface Entry {
  readonly type: number;
  readonly body: Uint8Array;
}

/** A module in the making. */
export class ModuleBuilder {
  readonly #types: string[] = [];
  readonly #typeCodes: number[][] = [];
  readonly #functions: (Entry | null)[] = [];
  readonly #exports: { name: string; index: number }[] = [];
  readonly #shared = new Map<string, FunctionRef>();
  readonly #structs = new Map<string, { structs: Structs; count: number }>();

  readonly #imports: readonly ImportedFunction[];
  readonly #importTypes: readonly number[];

  constructor(imports: readonly ImportedFunction[] = []) {
    this.#imports = imports;
    this.#importTypes = imports.map((i) => this.#type(i.parameters, null));
  }

  /** A function that the module imports. Throws `RangeError` for one that it does not. */
  imported(name: string): FunctionRef {
    const index = this.#imports.findIndex((i) => i.name === name);
    if (index < 0) throw new RangeError(`${name} is not imported`);
    return { index, parameters: this.#imports[index].parameters, result: null };
  }

  /** Adds a function; `name` exports it. */
  function(
    signature: {
      parameters: readonly ValueType[];
      result?: ValueType;
      name?: string;
    },
    build: (f: FunctionBuilder) => void,
  ): FunctionRef {
    const { parameters, result = null, name } = signature;
    const builder = new FunctionBuilder(parameters);
    const local = this.#functions.length;
    const index = this.#imports.length + local; // imports have the first numbers
    this.#functions.push(null); // functions made while this one is built get later numbers
    build(builder);
    this.#functions[local] = {
      type: this.#type(parameters, result),
      body: builder.finish(),
    };
    if (name !== undefined) this.#exports.push({ name, index });
    return { index, parameters, result };
  }

  /** A function that several others call: built once for each key. */
  once(key: string, make: () => FunctionRef): FunctionRef {
    let made = this.#shared.get(key);
    if (made === undefined) this.#shared.set(key, made = make());
    return made;
  }

  /** At least `count` structs of `fields` numbers or vectors: the same ones for all functions that ask for such. */
  structs(of: Structs["of"], fields: number, count: number): Structs {
    const key = `struct of ${fields} ${of}`;
    let made = this.#structs.get(key);
    if (made === undefined) {
      const type = this.#types.push(key) - 1;
      const field = [TYPE_CODES[of], 1]; // 1: may be set
      const list = Array.from({ length: fields }, () => field).flat();
      this.#typeCodes.push([0x5f, ...unsigned(fields), ...list]);
      const array = this.#types.push(`array of ${key}`) - 1;
      // of references to them, or null
      this.#typeCodes.push([0x5e, 0x63, ...unsigned(type), 1]);
      const global = this.#structs.size;
      made = { structs: { of, type, array, global }, count: 0 };
      this.#structs.set(key, made);
    }
    made.count = Math.max(made.count, count);
    return made.structs;
  }

  #type(parameters: readonly ValueType[], result: ValueType | null): number {
    const key = `${parameters.join()}>${result}`;
    const known = this.#types.indexOf(key);
    if (known >= 0) return known;
    this.#typeCodes.push([
      0x60,
      ...unsigned(parameters.length),
      ...parameters.map((t) => TYPE_CODES[t]),
      ...(result === null ? [0] : [1, TYPE_CODES[result]]),
    ]);
    return this.#types.push(key) - 1;
  }

  /** The binary. */
  finish(): Uint8Array<ArrayBuffer> {
    const functions = this.#functions.map((entry) => {
      if (entry === null) throw new Error("A function has not been finished");
      return entry;
    });
    const bytes: Piece[] = [[0x00, 0x61, 0x73, 0x6d, 1, 0, 0, 0]];
    section(bytes, 1, this.#typeCodes);
    // limits 0x07: with a maximum, shared, 64-bit
    section(bytes, 2, [
      [
        ...text("env"),
        ...text("memory"),
        0x02,
        0x07,
        1,
        ...unsigned(MAX_PAGES),
      ],
      ...this.#imports.map(({ name }, i) => [
        ...text("env"),
        ...text(name),
        0x00,
        ...unsigned(this.#importTypes[i]),
      ]),
    ]);
    section(bytes, 3, functions.map((f) => unsigned(f.type)));
    // a global for each array of structs, which begins with nulls
    const globals = [...this.#structs.values()].map(({ structs, count }) => [
      0x64,
      ...unsigned(structs.array),
      0,
      ...flat(i32.const(count).code),
      0xfb,
      0x07,
      ...unsigned(structs.array),
      0x0b,
    ]);
    if (globals.length > 0) section(bytes, 6, globals);
    section(
      bytes,
      7,
      this.#exports.map((e) => [...text(e.name), 0x00, ...unsigned(e.index)]),
    );
    section(bytes, 10, functions.map((f) => f.body));
    return joined(bytes);
  }
}

type Piece = readonly number[] | Uint8Array;

function flat(code: Code): number[] {
  const bytes: number[] = [];
  append(bytes, code);
  return bytes;
}

function section(target: Piece[], id: number, items: readonly Piece[]): void {
  const content = [unsigned(items.length), ...items];
  const length = content.reduce((sum, item) => sum + item.length, 0);
  target.push([id, ...unsigned(length)], ...content);
}
