/**
 * Masked diffusion (LLaDA, arXiv:2502.09992): tokens are hidden at a random level, a model that sees both sides names
 * them, and answers are written by unmasking. Any model of the built-in families learns so; one that was trained
 * token by token is trained on.
 * @module
 */
import {
  type Batch,
  ConfigError,
  definePart,
  hash32,
  type Host,
  type Inputs,
  layOutTargets,
  type Objective,
  type Part,
  type StepKey,
  tokenizerOf,
  uniformAt,
} from "@denotune/denotune/core";
import { z } from "zod";
import { type MaskToken, maskToken } from "./_mask_token.ts";
import { drawNoise } from "./_noise.ts";
import { unmaskingDecoder } from "./_unmask.ts";

const options = z.strictObject({
  mask_token: z.union([z.string().min(1), z.int().min(0)]).nullable()
    .default(null).describe(
      "The token that hides others, as text or id. null: one that the vocabulary has for it (<|mask|>, <|mdm_mask|>, [MASK], <mask>), else <|mask|>. A text that the vocabulary lacks is added, with a row.",
    ),
  eps: z.number().min(0).lt(1).default(1e-3).describe(
    "Least probability with which a token is hidden in training.",
  ),
  normalize: z.enum(["tokens", "rows"]).default("tokens").describe(
    "What counts the same: each token that may be hidden, or each row, divided by the length of its answer.",
  ),
  random_length: z.number().min(0).max(1).default(0).describe(
    "Share of the rows without a prompt that training cuts to a random length (LLaDA pretrains with 0.01).",
  ),
  fill_answer_to: z.int().positive().nullable().default(null).describe(
    "Each answer is filled with trained end tokens to so many tokens, so that the model learns where to stop. null: it is not.",
  ),
  shift: z.boolean().default(false).describe(
    "Whether a token is predicted at the place before it, as causal models do (Dream, DiffuLLaMA), or at its own.",
  ),
  anneal_steps: z.int().min(0).default(0).describe(
    "Steps over which attention opens, for a model that was trained token by token: each is run with causal attention with a probability that falls from 1 to 0. 0: none.",
  ),
  eval_draws: z.int().positive().default(4).describe(
    "How often an evaluation draws what is hidden: its loss is their mean, and comes with its standard error.",
  ),
  answer_length: z.int().positive().nullable().default(null).describe(
    "Tokens of an answer, of which those behind its end are dropped. null: fill_answer_to, else as many as may be written.",
  ),
  steps: z.int().positive().nullable().default(null).describe(
    "Steps in which an answer is unmasked. null: one a token.",
  ),
  block_length: z.int().positive().nullable().default(null).describe(
    "Tokens of a block; blocks are unmasked from left to right. null: the answer is one block.",
  ),
  remasking: z.enum(["confidence", "margin", "entropy", "random"])
    .default("confidence").describe(
      "Which tokens a step keeps: the likeliest, those furthest ahead of the second, those of least entropy, or any.",
    ),
  guidance: z.number().min(0).default(0).describe(
    "Classifier-free guidance by the prompt when answers are written. 0: none; else each step runs the model twice.",
  ),
});
type Options = z.output<typeof options>;

/** The objective `masked-diffusion`. */
export const maskedDiffusion: Part<
  "objective",
  z.input<typeof options>,
  Options
> = definePart({
  kind: "objective",
  name: "masked-diffusion",
  description: "Names hidden tokens from both sides; writes by unmasking",
  options,
  create: objectiveOf,
});

function objectiveOf(options: Options, host: Host): Objective {
  const mask = maskToken(options.mask_token, tokenizerOf(host));
  const { fill_answer_to, eval_draws, answer_length } = options;
  return {
    attention: "bidirectional",
    inputs: (batch, key) => hide(batch, key, options, idOf(mask)),
    ...(mask.token === null ? {} : { specialTokens: [mask.token] }),
    ...(fill_answer_to === null ? {} : { fillAnswerTo: fill_answer_to }),
    needsPrompts: true,
    startsCausal: options.anneal_steps > 0,
    draws: eval_draws,
    decoding: unmaskingDecoder({
      ...options,
      answer_length: answer_length ?? fill_answer_to,
      mask: mask.id ?? 0, // it is made once more when the vocabulary has it
    }),
  };
}

function idOf({ token, id }: MaskToken): number {
  if (id !== null) return id;
  throw new ConfigError(
    `The vocabulary has no token ${token}, and it was not added`,
  );
}

/** Hides tokens: `targets` are what is under the mask. */
function hide(
  batch: Batch,
  key: StepKey,
  options: Options,
  mask: number,
): Inputs {
  const { factors, segments, divisor, divisorBySource } = drawNoise(
    batch,
    key,
    options,
  );
  const inputs = layOutTargets({ ...batch, segments }, key, {
    shift: options.shift ? 1 : 0,
    factor: (at) => factors[at],
  });
  const tokens = batch.tokens.map((id, at) => factors[at] > 0 ? mask : id);
  return {
    ...inputs,
    tokens,
    divisor,
    divisorBySource,
    ...(isCausal(key, options) ? { causal: true } : {}),
  };
}

/** Stream of random numbers. */
const OPEN = 0x6f70656e;

/** Whether a step is run with causal attention: all of its micro-batches, or none. */
function isCausal(
  { seed, step, training }: StepKey,
  { anneal_steps }: Options,
): boolean {
  return training && step < anneal_steps &&
    uniformAt(hash32(seed, step), OPEN, 0) >= step / anneal_steps;
}
