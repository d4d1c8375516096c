/**
 * The weights of attention by machine code, open in a worker and called on the shared memory.
 * @module
 */
import type { WeightsPass } from "./block.ts";
import { addressOfMemory, makeExecutable } from "./executable.ts";
import type { MachineCodeFound } from "./machine_code.ts";
import { weightsCode } from "./weights.ts";

/** Functions of the address of a block's description in the shared memory. */
export interface OpenWeights
  extends Readonly<Record<WeightsPass, (block: number) => void>> {
  close(): void;
}

/** Assembles and opens them in this thread. Throws `Error` where memory cannot be made executable. */
export function openWeights(
  { width }: MachineCodeFound,
  memory: WebAssembly.Memory,
): OpenWeights {
  const code = weightsCode(width);
  const executable = makeExecutable(code.bytes);
  const base = addressOfMemory(memory);
  const caller = (pass: WeightsPass) => {
    const entry = executable.at + BigInt(code.starts[pass]);
    return (block: number) =>
      executable.call(entry, base + BigInt(block), base);
  };
  return {
    forward: caller("forward"),
    forwardWhole: caller("forwardWhole"),
    backward: caller("backward"),
    backwardWhole: caller("backwardWhole"),
    close: () => executable.close(),
  };
}
