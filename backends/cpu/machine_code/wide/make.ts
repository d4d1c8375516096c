/**
 * Makes loops over elements where plans are compiled: every thread of the process can call them.
 * @module
 */
import type { Straight } from "../../assembler/mod.ts";
import { CodeMemory } from "../executable.ts";
import type { MachineCodeFound } from "../machine_code.ts";
import { type LoopMaker, wideLoopCode } from "./loop.ts";

/** Makes loops that can be called in this process until it is closed. */
export class WideLoops implements LoopMaker {
  readonly #memory = new CodeMemory();
  readonly #width: 256 | 512;

  constructor({ width }: MachineCodeFound) {
    this.#width = width;
  }

  get lanes(): number {
    return this.#width / 32;
  }

  make(straight: Straight, tensors: number): number {
    const code = wideLoopCode(straight, { tensors, width: this.#width });
    return Number(this.#memory.add(code));
  }

  close(): void {
    this.#memory.close();
  }
}
