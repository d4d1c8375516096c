/**
 * A small assembler: typed values and statements of TypeScript become WebAssembly with SIMD, relaxed SIMD and
 * atomics over one shared 64-bit memory. It is not a compiler: what is written is what is emitted.
 * @module
 */
export {
  FunctionBuilder,
  type FunctionRef,
  type Label,
  type Local,
  type StructLocal,
  type Structs,
} from "./function.ts";
export {
  type ImportedFunction,
  MAX_PAGES,
  ModuleBuilder,
  PAGE_BYTES,
} from "./module.ts";
export { f32, f64, i32, i64, select } from "./scalars.ts";
export { f32x4, f64x2, i32x4, i8x16, v128 } from "./vectors.ts";
export type { Int, Value, ValueType, Vector } from "./value.ts";
export { printModule } from "./print.ts";
export { readStraight, type Step, type Straight } from "./straight.ts";
