/**
 * What ranks print of their runs (`_rank.ts`), beside one process.
 *
 * Tolerance: 1e-5 relative in every loss, since sums over ranks add in another order. Between ranks there is none.
 * @module
 */
import assert from "node:assert/strict";
import { runConfig, type TestFolder } from "../../../run_harness.ts";
import { rankRun } from "./_runs.ts";

/** A run of a rank. */
export interface RankLine {
  readonly name: string;
  readonly rank: number;
  readonly weightsHash: string;
  readonly losses: readonly number[];
  /** Bytes of a rank's optimizer states, as planned. */
  readonly states: number;
}

/** The lines that ranks printed. */
export function linesOf(out: string): RankLine[] {
  return out.split("\n").filter((line) => line.startsWith("{"))
    .map((line) => JSON.parse(line));
}

/** Each of some runs has the same bits on so many ranks, and the losses of one process. */
export async function assertStepsOfOne(
  lines: readonly RankLine[],
  { names, world, steps, folder }: {
    readonly names: readonly string[];
    readonly world: number;
    readonly steps: number;
    readonly folder: TestFolder;
  },
): Promise<void> {
  for (const name of names) {
    const alone = await runConfig(
      rankRun(name, { folder: folder.at(`${name}-alone`), steps }),
    );
    const ranks = lines.filter((line) => line.name === name);
    assert.deepEqual(
      ranks.map(({ rank }) => rank).sort(),
      Array.from({ length: world }, (_, r) => r),
    );
    for (const { weightsHash, losses } of ranks) {
      assert.equal(weightsHash, ranks[0].weightsHash, name);
      assert.deepEqual(losses, ranks[0].losses);
    }
    assert.equal(alone.losses.length, steps);
    assertNear(ranks[0].losses, { wanted: alone.losses, name });
  }
}

/** Losses are those of another run, but for rounding. */
export function assertNear(
  losses: readonly number[],
  { wanted, name, tolerance = 1e-5 }: {
    readonly wanted: readonly number[];
    readonly name: string;
    readonly tolerance?: number;
  },
): void {
  assert.equal(losses.length, wanted.length, name);
  losses.forEach((loss, i) =>
    assert.ok(
      Math.abs(loss / wanted[i] - 1) <= tolerance,
      `${name}, step ${i + 1}: ${loss}, not ${wanted[i]}`,
    )
  );
}
