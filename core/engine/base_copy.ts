/**
 * A frozen copy of what is trained, as training began: with it the model that training began with runs beside the
 * one that is trained, in the same program. All that is not trained they share.
 *
 * ```text
 * an adapter      base = frozen weights + the adapter as it started (an update of zero; PiSSA's, what it took out)
 * all weights     base = a second copy of all of them, in float32
 * ```
 * @module
 */
import { count, type Memory } from "../graph/memory.ts";
import type { Session } from "./session.ts";
import type { Trainables } from "./trainables.ts";

/** Elements that are copied at a time: 16 MiB. */
const CHUNK = 1 << 22;

/** Name of the copy of a trained tensor. */
export function baseName(trained: string): string {
  return `base:${trained}`;
}

/** Places the copies. */
export function placeBase(memory: Memory, { tensors }: Trainables): void {
  for (const { name, shape } of tensors) {
    memory.variable(baseName(name), shape, { role: "weights" });
  }
}

/** Copies what is trained, as it is now. */
export async function copyBase(
  session: Session,
  { tensors }: Trainables,
): Promise<void> {
  for (const { name, shape } of tensors) {
    const elements = count(shape);
    for (let start = 0; start < elements; start += CHUNK) {
      const range = { start, count: Math.min(CHUNK, elements - start) };
      const values = await session.read(name, range);
      session.write(baseName(name), values, start, true);
    }
  }
}
