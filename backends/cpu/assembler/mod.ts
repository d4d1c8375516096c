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
export {
  f32,
  f32x4,
  f64,
  f64x2,
  i32,
  i32x4,
  i64,
  i8x16,
  type Int,
  select,
  v128,
  type Value,
  type ValueType,
  type Vector,
} from "./values.ts";
export { printModule } from "./print.ts";
