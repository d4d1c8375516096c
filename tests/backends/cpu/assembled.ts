/** Runs assembled functions over a memory of their own, for tests. */
import {
  type FunctionBuilder,
  i64,
  type Int,
  ModuleBuilder,
  type Vector,
} from "../../../backends/cpu/assembler/mod.ts";
import { v128 } from "../../../backends/cpu/assembler/mod.ts";
import { Heap } from "../../../backends/cpu/runtime/heap.ts";

/** Where the memory of {@linkcode assembled} may be used. */
export const DATA = 65536;

/** The exports of a module, over a fresh memory of some pages. */
export function assembled(build: (module: ModuleBuilder) => void): {
  functions: Record<
    string,
    (...args: (number | bigint)[]) => number | bigint | undefined
  >;
  memory: Uint8Array;
} {
  const module = new ModuleBuilder();
  build(module);
  const heap = new Heap(2 ** 26);
  heap.allocate(2 ** 24, "test data");
  const instance = new WebAssembly.Instance(
    new WebAssembly.Module(module.finish()),
    { env: { memory: heap.memory } },
  );
  return {
    functions: instance.exports as Record<
      string,
      (...args: (number | bigint)[]) => number | bigint | undefined
    >,
    memory: heap.bytes(DATA, 2 ** 24),
  };
}

/** Applies a function of four numbers to all numbers. */
export function mapped(
  numbers: Float32Array,
  apply: (f: FunctionBuilder, x: Vector) => Vector,
): Float32Array {
  const count = Math.ceil(numbers.length / 4);
  const { functions, memory } = assembled((module) =>
    module.function(
      { parameters: [], name: "map" },
      (f) =>
        f.for(i64.const(0), i64.const(16 * count), 16, (offset: Int) => {
          const at = i64.add(i64.const(DATA), offset);
          f.store(at, apply(f, v128.load(at)));
        }),
    )
  );
  const view = new Float32Array(memory.buffer, memory.byteOffset, 4 * count);
  view.set(numbers);
  functions.map();
  return view.slice(0, numbers.length);
}
