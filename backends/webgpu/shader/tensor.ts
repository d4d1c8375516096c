/**
 * Tensors as shaders see them: elements at an index from the tensor's own start, wherever it begins in its
 * binding, in however many slices the binding is cut, and however its elements are stored.
 * @module
 */
import type { DType } from "@denotune/denotune/device";
import { ITERATION } from "./sizes.ts";

/** What an element of a bound array is; wide: four elements of a tensor at once. */
export type BoundType =
  | "f32"
  | "i32"
  | "u32"
  | "vec4<f32>"
  | "vec2<u32>"
  | "vec4<f16>";

/** A variable over (a range of) a buffer. */
export interface BoundArray {
  readonly name: string;
  readonly type: BoundType;
  /** Elements of each slice but the last; null: one slice. */
  readonly sliceElements: number | null;
}

/** A tensor of a dispatch. Indices are WGSL expressions of type `u32`. */
export class TensorText {
  constructor(
    readonly array: BoundArray,
    readonly dtype: DType,
    /** First element, counted from the start of the binding. */
    readonly start: number,
    /** Elements to advance at each iteration. */
    readonly advance: number,
    /** Functions that widen elements of a quantised matrix; `four` if each group of four is within one row. */
    readonly widened:
      | { readonly one: string; readonly four: string | null }
      | null = null,
  ) {}

  /** Whether four elements are read and written at once. */
  get wide(): boolean {
    if (this.widened !== null) return this.widened.four !== null;
    return this.array.type.startsWith("vec");
  }

  /** Element `i` as `f32`; whole numbers are converted. */
  load(i: string): string {
    if (this.widened !== null) return `${this.widened.one}(${i})`;
    if (this.dtype === "i32") return `f32(${this.loadInt(i)})`;
    if (this.dtype === "i8") {
      const place = this.#at(i, 1);
      const word = this.#get(`(${place}) >> 2u`);
      // the byte to the top, and back down with its sign
      return `f32(bitcast<i32>(${word} << (24u - 8u * ((${place}) & 3u))) >> 24u)`;
    }
    if (this.dtype === "f32") {
      switch (this.array.type) {
        case "f32":
          return this.#get(this.#at(i, 1));
        case "vec4<f32>":
          return `${this.#get(`(${this.#at(i, 1)}) >> 2u`)}[(${
            this.#at(i, 1)
          }) & 3u]`;
        default:
          return `bitcast<f32>(${this.#get(this.#at(i, 1))})`;
      }
    }
    const at = this.#at(i, 1);
    if (this.array.type === "vec4<f16>") {
      return `f32(${this.#get(`(${at}) >> 2u`)}[(${at}) & 3u])`;
    }
    const word = this.array.type === "vec2<u32>"
      ? `${this.#get(`(${at}) >> 2u`)}[((${at}) >> 1u) & 1u]`
      : this.#get(`(${at}) >> 1u`);
    return `widen_${this.dtype}(${word}, ${at})`;
  }

  /** Element `i` of whole numbers as `i32`. */
  loadInt(i: string): string {
    const element = this.#get(this.#at(i, 1));
    return this.array.type === "i32" ? element : `bitcast<i32>(${element})`;
  }

  /** Elements `4 * i` and the three after it as `vec4<f32>`; only where {@linkcode wide}. */
  loadWide(i: string): string {
    if (this.widened !== null) return `${this.widened.four}(${i})`;
    const element = this.#get(this.#at(i, 4));
    if (this.array.type === "vec4<f16>") return `vec4<f32>(${element})`;
    return this.dtype === "f32" ? element : `widen4_${this.dtype}(${element})`;
  }

  /** The same in the type in which blocks are staged: as `vec4<f16>` only of tensors in f16. */
  loadWideAs(staged: "f32" | "f16", i: string): string {
    if (staged === "f32") return this.loadWide(i);
    return this.array.type === "vec4<f16>"
      ? this.#get(this.#at(i, 4))
      : `vec4<f16>(${this.loadWide(i)})`;
  }

  /** A statement that stores `value`, an `f32`, as element `i`. For 32-bit tensors that are not wide. */
  store(i: string, value: string): string {
    const stored = this.dtype === "i32"
      ? (this.array.type === "i32" ? value : `bitcast<u32>(${value})`)
      : this.array.type === "f32"
      ? value
      : `bitcast<u32>(${value})`;
    return this.#set(this.#at(i, 1), stored);
  }

  /** A statement that stores a `vec4<f32>` as elements `4 * i ...`; only where {@linkcode wide}. */
  storeWide(i: string, value: string): string {
    return this.#set(this.#at(i, 4), value);
  }

  /** The place of element `i` within the binding, in elements of the tensor. */
  place(i: string): string {
    return this.#at(i, 1);
  }

  /** The 32-bit word `w` of the binding, whatever the tensor's type: for copies of 16-bit elements. */
  word(w: string): string {
    const element = this.#get(w);
    return this.array.type === "u32" ? element : `bitcast<u32>(${element})`;
  }

  /** A statement that stores the 32-bit word `w` of the binding. */
  storeWord(w: string, value: string): string {
    return this.#set(
      w,
      this.array.type === "u32"
        ? value
        : `bitcast<${this.array.type}>(${value})`,
    );
  }

  #at(i: string, group: number): string {
    const terms = [`(${i})`];
    if (this.start > 0) terms.push(`${this.start / group}u`);
    if (this.advance > 0) {
      terms.push(`${ITERATION} * ${this.advance / group}u`);
    }
    return terms.length === 1 ? i : terms.join(" + ");
  }

  #get(at: string): string {
    return this.array.sliceElements === null
      ? `${this.array.name}[${at}]`
      : `${this.array.name}_get(${at})`;
  }

  #set(at: string, value: string): string {
    return this.array.sliceElements === null
      ? `${this.array.name}[${at}] = ${value};`
      : `${this.array.name}_set(${at}, ${value});`;
  }
}
