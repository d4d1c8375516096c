/**
 * The memory of one buffer. Its bytes are always right, as in every other backend. For each 4 bytes, the store
 * also keeps the double that was written there, so that f32 results are not rounded between kernels. A double is
 * valid only while the bytes equal its rounding: raw writes and other element types at the same offset
 * invalidate it automatically.
 *
 * ```text
 * bytes    cd cc cc 3d | cd cc cc 3d | 00 00 80 3f
 * double           0.1 |         NaN |         0.1
 * f32 read         0.1 | 0.10000000149 |       1.0
 *            as stored | from bytes  | stale
 * ```
 * @module
 */
import { bytesOf, type DType } from "@denotune/denotune/device";
import { bf16From, fromBf16 } from "./bf16.ts";

/** A buffer. Ranges are checked by the caller. */
export class Store {
  readonly label: string;
  readonly byteLength: number;
  readonly #bytes: Uint8Array<ArrayBuffer>;
  readonly #f32: Float32Array;
  readonly #i32: Int32Array;
  readonly #i8: Int8Array;
  readonly #f16: Float16Array;
  readonly #bf16: Uint16Array;
  readonly #doubles: Float64Array;

  constructor(label: string, byteLength: number) {
    this.label = label;
    this.byteLength = byteLength;
    const places = Math.ceil(byteLength / 4);
    const memory = new ArrayBuffer(places * 4);
    this.#bytes = new Uint8Array(memory);
    this.#f32 = new Float32Array(memory);
    this.#i32 = new Int32Array(memory);
    this.#i8 = new Int8Array(memory);
    this.#f16 = new Float16Array(memory);
    this.#bf16 = new Uint16Array(memory);
    this.#doubles = new Float64Array(places);
  }

  /** Whole elements of a type that fit. */
  elements(dtype: DType): number {
    return Math.floor(this.byteLength / bytesOf(dtype));
  }

  /** Copies bytes in. */
  write(byteOffset: number, bytes: Uint8Array): void {
    this.#bytes.set(bytes, byteOffset);
    // Bytes that happen to equal the rounding of the double they replace must count as themselves.
    this.#doubles.fill(
      NaN,
      Math.floor(byteOffset / 4),
      Math.ceil((byteOffset + bytes.byteLength) / 4),
    );
  }

  /**
   * A copy of bytes. The doubles of these bytes are dropped, so that the device continues with exactly the values
   * that the host read: a run that saves and continues equals a run that saves and resumes.
   */
  read(byteOffset: number, byteLength: number): ArrayBuffer {
    this.#doubles.fill(
      NaN,
      Math.floor(byteOffset / 4),
      Math.ceil((byteOffset + byteLength) / 4),
    );
    return this.#bytes.slice(byteOffset, byteOffset + byteLength).buffer;
  }

  /** Elements `start .. start + count` as doubles. */
  load(dtype: DType, start: number, count: number): Float64Array {
    const values = new Float64Array(count);
    switch (dtype) {
      case "f32":
        for (let i = 0; i < count; i++) {
          const rounded = this.#f32[start + i];
          const double = this.#doubles[start + i];
          values[i] = Math.fround(double) === rounded ? double : rounded;
        }
        break;
      case "i32":
        values.set(this.#i32.subarray(start, start + count));
        break;
      case "i8":
        values.set(this.#i8.subarray(start, start + count));
        break;
      case "f16":
        values.set(this.#f16.subarray(start, start + count));
        break;
      case "bf16":
        values.set(fromBf16(this.#bf16.subarray(start, start + count)));
        break;
    }
    return values;
  }

  /** Stores doubles as elements from `start`; 16-bit types round the float32 to nearest even. */
  store(dtype: DType, start: number, values: Float64Array): void {
    switch (dtype) {
      case "f32":
        this.#f32.set(values, start);
        this.#doubles.set(values, start);
        break;
      case "i32":
        this.#i32.set(values, start);
        break;
      case "i8":
        this.#i8.set(values.map(nearestByte), start);
        break;
      case "f16":
        this.#f16.set(Float32Array.from(values), start); // float32 first, as every backend does
        break;
      case "bf16":
        this.#bf16.set(bf16From(values), start);
        break;
    }
  }
}

/** The nearest whole number of a byte, ties to even; 0 for NaN. */
function nearestByte(value: number): number {
  const clamped = Math.min(127, Math.max(-128, value));
  const below = Math.floor(clamped);
  const rest = clamped - below;
  const up = rest > 0.5 || (rest === 0.5 && below % 2 !== 0);
  return Number.isNaN(clamped) ? 0 : below + (up ? 1 : 0);
}
