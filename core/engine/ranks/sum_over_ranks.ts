/**
 * Small sums over ranks: what the ring is filled from, with the gradients of a step; numbers of the window, before a
 * loss reads them. The divisor is not among them: every rank lays out the whole step, and knows it.
 * @module
 */
import type { Collective } from "../../contracts/collective.ts";
import { metricNames, sumNames } from "../loss_program.ts";
import type { Session } from "../session.ts";
import type { RankSum } from "./sum_gradients.ts";

/** Variables that hold a step's losses and metrics. */
export function lossVariables(metrics: readonly string[] = []): string[] {
  return [
    ...Object.values(sumNames("train")),
    ...metrics.flatMap((name) => metricNames("train", name)),
  ];
}

/** What is summed in one message. */
export interface SmallSums {
  readonly collective: Collective;
  /** Numbers that are on no device, asked for when the variables are there. */
  readonly numbers?: () => readonly number[];
  /** Receives the sums of those numbers. */
  readonly decide?: (sums: readonly number[]) => void;
}

/** A sum of small variables over all ranks, in place: all in one message. They are read when this is called. */
export function smallSum(
  session: Session,
  names: readonly string[],
  { collective, numbers = () => [], decide }: SmallSums,
): RankSum {
  const read = Promise.all(names.map((name) => session.read(name)));
  let lengths: readonly number[] = [];
  const values = read.then((found) => {
    const all = [Float32Array.from(numbers()), ...found];
    lengths = all.map(({ length }) => length);
    return Float32Array.from(all.flatMap((of) => [...of]));
  });
  values.catch(() => {}); // whoever waits for it is given it
  return {
    values,
    sum: async (all) => {
      await collective.sum(all);
      let at = lengths[0];
      for (const [i, name] of names.entries()) {
        const length = lengths[i + 1];
        session.write(name, all.slice(at, at + length));
        at += length;
      }
      decide?.([...all.subarray(0, lengths[0])]);
    },
  };
}

/** Sums small variables over all ranks, in place. */
export async function sumOverRanks(
  session: Session,
  names: readonly string[],
  collective: Collective,
): Promise<void> {
  const { values, sum } = smallSum(session, names, { collective });
  await sum(await values, false);
}
