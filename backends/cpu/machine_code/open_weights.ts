/**
 * The weights of attention by machine code, open in a worker and called on the shared memory.
 * @module
 */
import { makeExecutable } from "./executable.ts";
import type { MachineCodeFound } from "./machine_code.ts";
import { weightsCode } from "./weights.ts";

/** Functions of the address of a block's description in the shared memory. */
export interface OpenWeights {
  readonly forward: (block: number) => void;
  readonly backward: (block: number) => void;
  close(): void;
}

/** Assembles and opens them in this thread. Throws `Error` where memory cannot be made executable. */
export function openWeights(
  { width }: MachineCodeFound,
  memory: WebAssembly.Memory,
): OpenWeights {
  const code = weightsCode(width);
  const executable = makeExecutable(code.bytes);
  // growing does not move the memory
  const pointer = Deno.UnsafePointer.of(new Uint8Array(memory.buffer, 0, 1));
  const base = BigInt(Deno.UnsafePointer.value(pointer));
  const caller = (start: number) => {
    const entry = executable.at + BigInt(start);
    return (block: number) =>
      executable.call(entry, base + BigInt(block), base);
  };
  return {
    forward: caller(code.forward),
    backward: caller(code.backward),
    close: () => executable.close(),
  };
}
