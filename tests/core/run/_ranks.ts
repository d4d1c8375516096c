/**
 * Ranks that are one process, for tests: each call waits for the others, then all get the same numbers.
 * @module
 */
import type { Collective } from "../../../core/contracts/collective.ts";

/** What all ranks have brought to a call. */
class Meeting {
  readonly #world: number;
  #brought = new Map<number, Float32Array>();
  #done = Promise.withResolvers<readonly Float32Array[]>();

  constructor(world: number) {
    this.#world = world;
  }

  /** The arrays of all ranks, by rank, when the last has come. */
  async bring(
    rank: number,
    values: Float32Array,
  ): Promise<readonly Float32Array[]> {
    this.#brought.set(rank, values.slice());
    const done = this.#done;
    if (this.#brought.size === this.#world) {
      const all = Array.from(
        { length: this.#world },
        (_, r) => this.#brought.get(r) ?? new Float32Array(),
      );
      this.#brought = new Map();
      this.#done = Promise.withResolvers();
      done.resolve(all);
    }
    return await done.promise;
  }
}

/** All ranks of a world, in this process. */
export function ranksInProcess(world: number): Collective[] {
  const meeting = new Meeting(world);
  return Array.from({ length: world }, (_, rank) => {
    const summed = async (values: Float32Array) => {
      const all = await meeting.bring(rank, values);
      return values.map((_, i) => all.reduce((sum, of) => sum + of[i], 0));
    };
    return {
      rank,
      world,
      sum: async (values) => values.set(await summed(values)),
      reduceScatter: async (values) => {
        const share = values.length / world;
        return (await summed(values)).slice(rank * share, (rank + 1) * share);
      },
      allGather: async (share) => {
        const all = await meeting.bring(rank, share);
        return Float32Array.from(all.flatMap((of) => [...of]));
      },
      broadcast: async (values, root) =>
        values.set((await meeting.bring(rank, values))[root]),
    };
  });
}
