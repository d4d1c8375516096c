/**
 * What ranks that train together add up: gradients and the sums that the ring is filled from, before an update;
 * numbers of the window, before a loss reads them. The divisor is not among them: every rank lays out the whole
 * step, and knows it.
 * @module
 */
import type { Collective } from "../../contracts/collective.ts";
import { metricNames, sumNames } from "../loss_program.ts";
import type { Session } from "../session.ts";
import { gradientName, type Trainables } from "../trainables.ts";

/** Sums the gradients of a step over all ranks, in place: an arena at a time. */
export async function sumGradients(
  session: Session,
  trainables: Trainables,
  collective: Collective,
): Promise<void> {
  for (const { arenas } of trainables.groups) {
    for (const arena of arenas) {
      const name = gradientName(arena.name);
      const values = await session.read(name);
      await collective.sum(values, { gradients: true });
      session.write(name, values);
      await session.drain();
    }
  }
}

/** Variables that hold a step's losses and metrics. */
export function lossVariables(metrics: readonly string[] = []): string[] {
  return [
    ...Object.values(sumNames("train")),
    ...metrics.flatMap((name) => metricNames("train", name)),
  ];
}

/**
 * Sums small variables over all ranks, in place, with numbers that are on no device: all in one message. Returns the
 * sums of those numbers.
 */
export async function sumOverRanks(
  session: Session,
  names: readonly string[],
  { collective, numbers = [] }: {
    readonly collective: Collective;
    readonly numbers?: readonly number[];
  },
): Promise<readonly number[]> {
  const parts: Float32Array[] = [Float32Array.from(numbers)];
  for (const name of names) parts.push(await session.read(name));
  const all = new Float32Array(parts.reduce((n, part) => n + part.length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  await collective.sum(all);
  at = numbers.length;
  for (const [i, name] of names.entries()) {
    const { length } = parts[i + 1];
    session.write(name, all.slice(at, at + length));
    at += length;
  }
  return [...all.subarray(0, numbers.length)];
}
