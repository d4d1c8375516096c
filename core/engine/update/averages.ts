/**
 * Averages that an optimizer keeps of the weights: they start as the weights, and change places with them
 * while something is to be done with the average. Values are moved by the host, in chunks: not a bit of
 * either changes, and the device needs no further memory.
 * @module
 */
import { count } from "../../graph/memory.ts";
import type { Session } from "../session.ts";
import { slotName, type Trainables } from "../trainables.ts";

/** Elements that are moved at a time: 16 MiB. */
const CHUNK = 1 << 22;

/** Makes each average a copy of its weights. */
export async function startAverages(
  session: Session,
  trainables: Trainables,
  slot: string,
): Promise<void> {
  for (const { weights, average, start, count } of chunks(trainables, slot)) {
    const values = await session.read(weights, { start, count });
    session.write(average, values, start, true);
  }
}

/** Lets weights and averages change places. */
export async function swapAverages(
  session: Session,
  trainables: Trainables,
  slot: string,
): Promise<void> {
  for (const { weights, average, start, count } of chunks(trainables, slot)) {
    const [before, averaged] = await Promise.all([
      session.read(weights, { start, count }),
      session.read(average, { start, count }),
    ]);
    session.write(weights, averaged, start, true);
    session.write(average, before, start, true);
  }
}

/** Arenas, and the tensors of those that graphs update one by one. */
function placesOf({ groups }: Trainables) {
  return groups.flatMap(({ arenas, updates }) =>
    updates === null
      ? arenas.map(({ name, elements }) => ({
        weights: `parameters:${name}`,
        name,
        elements,
      }))
      : arenas.flatMap(({ members }) =>
        members.map(({ name, shape }) => ({
          weights: name,
          name,
          elements: count(shape),
        }))
      )
  );
}

function* chunks(trainables: Trainables, slot: string) {
  for (const { weights, name, elements } of placesOf(trainables)) {
    for (let start = 0; start < elements; start += CHUNK) {
      yield {
        weights,
        average: slotName(slot, name),
        start,
        count: Math.min(CHUNK, elements - start),
      };
    }
  }
}
