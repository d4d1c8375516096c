/**
 * The quickstart's tasks by masked diffusion: the same small Llama sees both sides of hidden tokens, and writes its
 * answers by unmasking.
 * @module
 */
import type { RunInput } from "@denotune/denotune";
import quickstart from "../quickstart/run.ts";

/** Tokens of an answer, its end included; shorter ones are filled with ends. */
const ANSWER = 10;

export default {
  ...quickstart,
  output_dir: "outputs/masked_diffusion",
  objective: {
    use: "masked-diffusion", // adds <|mask|> to the vocabulary
    fill_answer_to: ANSWER,
    steps: ANSWER / 2, // two tokens a step
    eval_draws: 4,
  },
  training: {
    ...quickstart.training,
    epochs: 14, // half of the tokens are hidden: each is trained half as often as by causal-lm
    eval_steps: 819,
  },
  generation: { max_new_tokens: ANSWER, temperature: 0 },
} satisfies RunInput;
