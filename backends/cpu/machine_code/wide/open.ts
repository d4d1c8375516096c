/**
 * Loops over elements by machine code, open in a worker and called on the shared memory.
 * @module
 */
import { addressOfMemory, CodeMemory } from "../executable.ts";

/** Calls loops in this thread: by their address, and that of a description in the shared memory. */
export interface OpenLoops {
  call(loop: number, description: number): void;
  close(): void;
}

/** Opens what calls them. */
export function openLoops(memory: WebAssembly.Memory): OpenLoops {
  const code = new CodeMemory();
  const base = addressOfMemory(memory);
  return {
    call: (loop, description) =>
      code.call(BigInt(loop), base + BigInt(description), base),
    close: () => code.close(),
  };
}
