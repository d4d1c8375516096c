/**
 * What ranks that train together add up: gradients and the sums that the ring is filled from, before an update;
 * numbers of the window, before a loss reads them. The divisor is not among them: every rank lays out the whole
 * step, and knows it.
 * @module
 */
import type { Collective } from "../../contracts/collective.ts";
import { release } from "../../io/release.ts";
import { metricNames, sumNames } from "../loss_program.ts";
import type { Session } from "../session.ts";
import type { Engine } from "../engine.ts";
import type { PlannedEngine } from "../plan_engine.ts";
import { gradientName } from "../trainables.ts";
import type { GradientSlice } from "./gradient_pieces.ts";

/**
 * Sums the gradients of a step over all ranks, in place. `start` enqueues what is left of the backward pass, and calls
 * back as each piece of it is: a piece is read and summed while the next ones compute.
 */
export async function sumGradients(
  { session, planned }: Pick<Engine, "session" | "planned">,
  collective: Collective,
  start: (onPiece: (index: number) => void) => Promise<void>,
): Promise<void> {
  const pieces = planned.pieces.length > 0
    ? planned.pieces
    : [wholeGradients(planned)];
  const read: Promise<Float32Array>[][] = [];
  const enqueue = (index: number): void => {
    read[index] = pieces[index].map(({ variable, ...range }) => {
      const values = session.read(variable, range);
      values.catch(() => {}); // whoever waits for it is given it
      return values;
    });
  };
  await start(enqueue);
  const most = collective.sumsAtOnce ?? 1;
  const summed: Promise<void>[] = [];
  for (const [index, slices] of pieces.entries()) {
    if (read[index] === undefined) enqueue(index);
    const own = await Promise.all(read[index]);
    read[index] = [];
    await summed[index - most];
    const values = own.length === 1 ? own[0] : concatenated(own);
    if (own.length > 1) { for (const part of own) release(part); }
    const sum = sumPiece({ session, collective }, {
      values,
      slices,
      computes: index + 1 < pieces.length,
    });
    sum.catch(() => {}); // whoever waits for it is given it
    summed.push(sum);
  }
  await Promise.all(summed);
}

/** Sums a piece of the gradients over all ranks, and writes it back. */
async function sumPiece(
  { session, collective }: {
    readonly session: Session;
    readonly collective: Collective;
  },
  { values, slices, computes }: {
    readonly values: Float32Array;
    readonly slices: readonly GradientSlice[];
    readonly computes: boolean;
  },
): Promise<void> {
  await collective.sum(values, { gradients: true, computes });
  let at = 0;
  for (const { variable, start, count } of slices) {
    session.write(variable, values.subarray(at, at + count), start);
    at += count;
  }
  release(values); // of this size, garbage sets off the collector at each piece
  await session.drain();
}

/** All gradients as slices. */
function wholeGradients({ trainables }: PlannedEngine): GradientSlice[] {
  return (trainables?.groups ?? []).flatMap(({ arenas }) =>
    arenas.map(({ name, elements }) => ({
      variable: gradientName(name),
      start: 0,
      count: elements,
    }))
  );
}

function concatenated(parts: readonly Float32Array[]): Float32Array {
  const all = new Float32Array(parts.reduce((n, part) => n + part.length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
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
  const all = concatenated(parts);
  await collective.sum(all);
  let at = numbers.length;
  for (const [i, name] of names.entries()) {
    const { length } = parts[i + 1];
    session.write(name, all.slice(at, at + length));
    at += length;
  }
  return [...all.subarray(0, numbers.length)];
}
