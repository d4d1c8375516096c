/**
 * Votes of people, counted.
 * @module
 */
import type { BlindPair } from "./blind_page.ts";

/** What votes come to. */
export interface CountedVotes {
  readonly votes: number;
  /** Share for the model; a tie is half a vote. */
  readonly preference: number;
  readonly wins: number;
  readonly ties: number;
  readonly losses: number;
  /** Chance of votes so uneven if both were equally good (two-sided sign test, ties left out). */
  readonly p_value: number;
}

/** Counts votes `{id, vote: "a" | "b" | "tie"}` about these pairs, the last of each voter; null without any. */
export function countVotes(
  votes: readonly Readonly<Record<string, unknown>>[],
  pairs: readonly BlindPair[],
): (CountedVotes & Record<string, number>) | null {
  const byId = new Map(pairs.map((pair) => [pair.id, pair]));
  const last = new Map<string, "win" | "tie" | "loss">();
  for (const { id, vote, voter } of votes) {
    const pair = typeof id === "string" ? byId.get(id) : undefined;
    if (pair === undefined) continue;
    if (vote !== "a" && vote !== "b" && vote !== "tie") continue;
    const forTuned = (vote === "a") === (pair.a_is === "tuned");
    last.set(
      JSON.stringify([id, voter]),
      vote === "tie" ? "tie" : forTuned ? "win" : "loss",
    );
  }
  if (last.size === 0) return null;
  const count = (what: "win" | "tie" | "loss") =>
    [...last.values()].filter((v) => v === what).length;
  const [wins, ties, losses] = [count("win"), count("tie"), count("loss")];
  return {
    votes: last.size,
    preference: (wins + ties / 2) / last.size,
    wins,
    ties,
    losses,
    p_value: signTest(wins, losses),
  };
}

/** Twice the chance of at most the smaller count in wins + losses throws of a coin. */
function signTest(wins: number, losses: number): number {
  const n = wins + losses;
  let term = 0.5 ** Math.min(n, 1000);
  let sum = 0;
  for (let k = 0; k <= Math.min(wins, losses); k++) {
    sum += term;
    term *= (n - k) / (k + 1);
  }
  return Math.min(1, 2 * sum);
}
