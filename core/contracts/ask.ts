/**
 * An objective may ask the model before each step, as evaluators do, and train on what it makes of the answers
 * instead of on the rows of the data.
 *
 * ```text
 * rows of the step ─► asks ─► questions, texts ─► (the engine) ─► answers, scores ─► make ─► examples that are trained
 * ```
 *
 * Everything random in an answer is keyed by the run's seed, the step and the question, so a resumed run draws the
 * same answers, and so does one that cuts its steps into other micro-batches.
 * @module
 */
import type { WeightedExample } from "./collator.ts";
import type { Answered, Asked } from "./evaluator.ts";

/** An example that the data give for a step. */
export interface AskedExample extends Omit<WeightedExample, "row"> {
  /** Tokens before the first that is trained: what inference would be given. */
  readonly prompt: readonly number[];
  /** Text of the prompt, special tokens included. */
  readonly promptText: string;
  /** Text of the trained tokens: the expected answer. */
  readonly expected: string;
}

/** Where in a run is asked. */
export interface AskKey {
  /** Optimizer step, counted from 0; 0 in evaluations. */
  readonly step: number;
  /** Whether the answers are trained on; false in evaluations. */
  readonly training: boolean;
}

/** What came back. */
export interface AnsweredStep
  extends AskKey, Pick<Answered, "answers" | "scores"> {
  /** The examples that `asks` was called with. */
  readonly examples: readonly AskedExample[];
}

/** An example that is trained. */
export interface MadeExample extends Omit<WeightedExample, "row"> {
  /**
   * Inputs of the loss that are per sequence (a number for each of its sequences) or per group (one number), by
   * name: rewards, advantages.
   */
  readonly own?: Readonly<Record<string, readonly number[]>>;
}

/** Asks before each step. */
export interface ObjectiveAsk {
  /** Whether it asks for texts to be scored too: memory is planned for it. Default false. */
  readonly scores?: boolean;
  /**
   * What is asked of the examples of a step, all micro-batches together. A prompt and its answer have `max_length`
   * tokens at most: an answer ends there.
   */
  asks(
    examples: readonly AskedExample[],
    key: AskKey,
  ): Asked | Promise<Asked>;
  /** What is trained instead of the examples; none: the step has nothing to learn. */
  make(
    answered: AnsweredStep,
  ): readonly MadeExample[] | Promise<readonly MadeExample[]>;
}
