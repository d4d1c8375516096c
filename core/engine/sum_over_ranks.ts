/**
 * What ranks that train together add up before an update: gradients, and the sums of loss that the ring is filled
 * from. The divisor is not among them: every rank lays out the whole step, and knows it.
 * @module
 */
import type { Collective } from "../contracts/collective.ts";
import type { Session } from "./session.ts";
import { sumNames } from "./step_programs.ts";
import { gradientName, type Trainables } from "./trainables.ts";

/** Sums a step's gradients and losses over all ranks. */
export async function sumOverRanks(
  session: Session,
  trainables: Trainables,
  collective: Collective,
): Promise<void> {
  const arenas = trainables.groups.flatMap((group) => group.arenas);
  const names = [
    ...arenas.map(({ name }) => gradientName(name)),
    ...Object.values(sumNames("train")),
  ];
  for (const name of names) {
    const values = await session.read(name);
    await collective.sum(values);
    session.write(name, values);
  }
}
