/**
 * Rewards: an evaluator that says what each answer alone is worth. An objective trains on it, evaluations measure it,
 * and it is isolated as evaluators are.
 *
 * ```text
 * objective: {use: mine, reward: {use: letter-share, letter: e}}     rewards(answers) -> a number each
 * evaluators: [{use: letter-share, letter: e}]                       score(answered)  -> their mean
 * ```
 * @module
 */
import { PluginError } from "./errors.ts";
import type { Evaluation, Evaluator, RewardedAnswer } from "./evaluator.ts";
import type { Choice, Host } from "./plugin.ts";

/** What answers are worth: a number for each, in their order. */
export type Rewards = (
  answers: readonly RewardedAnswer[],
) => Promise<readonly number[]>;

/** The rewards of the evaluator that an option of an objective names. Throws `PluginError` where it gives none. */
export async function rewardsOf(host: Host, choice: Choice): Promise<Rewards> {
  const evaluator = await host.create("evaluator", choice);
  if (evaluator.rewards === undefined) {
    const { use } = typeof choice === "string" ? { use: choice } : choice;
    throw new PluginError(
      `the evaluator "${
        typeof use === "string" ? use : use.name
      }" measures a model and gives no reward for a single answer: it has no \`rewards\``,
    );
  }
  return async (answers) => await evaluator.rewards?.(answers) ?? [];
}

/** What a reward is made of. */
export interface RewardParts {
  /** What each answer is worth. */
  readonly rewards: NonNullable<Evaluator["rewards"]>;
  /** Most tokens of an answer, where it measures. */
  readonly maxNewTokens: number;
  /** Rows that are asked where it measures, from the first on; null, the default: all. */
  readonly maxRows?: number | null;
}

/** An evaluator that asks the rows for evaluation, greedily, and gives the mean reward of the answers. */
export function rewardEvaluator(
  { rewards, maxNewTokens, maxRows = null }: RewardParts,
): Evaluator {
  return {
    rewards,
    asks: (rows) => ({
      questions: rows.slice(0, maxRows ?? rows.length).map(({ request }) => ({
        prompt: request,
        sampling: { maxNewTokens },
      })),
    }),
    async score({ rows, answers }): Promise<Evaluation> {
      const asked = answers.map(([answer], i) => ({
        prompt: rows[i].prompt,
        expected: rows[i].expected,
        answer,
      }));
      if (asked.length === 0) return { numbers: {} };
      const worth = await rewards(asked);
      const sum = worth.reduce((total, reward) => total + reward, 0);
      return {
        numbers: { "": sum / asked.length },
        records: asked.map(({ prompt, expected, answer: { text } }, i) => ({
          prompt,
          expected,
          answer: text,
          reward: worth[i],
        })),
      };
    },
  };
}
