/**
 * What ranks that train together add up: gradients and the sums that the ring is filled from, before an update;
 * numbers of the window, before a loss reads them. The divisor is not among them: every rank lays out the whole
 * step, and knows it.
 * @module
 */
import type { Collective } from "../contracts/collective.ts";
import { metricNames, sumNames } from "./loss_program.ts";
import type { Session } from "./session.ts";
import { gradientName, type Trainables } from "./trainables.ts";

/** Variables that hold a step's gradients, losses and metrics. */
export function stepVariables(
  trainables: Trainables,
  metrics: readonly string[] = [],
): string[] {
  return [
    ...trainables.groups.flatMap(({ arenas }) =>
      arenas.map(({ name }) => gradientName(name))
    ),
    ...Object.values(sumNames("train")),
    ...metrics.flatMap((name) => metricNames("train", name)),
  ];
}

/** Sums variables over all ranks, in place. */
export async function sumOverRanks(
  session: Session,
  names: readonly string[],
  collective: Collective,
): Promise<void> {
  for (const name of names) {
    const values = await session.read(name);
    await collective.sum(values);
    session.write(name, values);
  }
}
