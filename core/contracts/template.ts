/**
 * A template writes an example as text and says which characters came from where. It knows how
 * turns are written, and the tokenizer's special tokens (`Host.tokenizer`); it knows nothing of token ids.
 * @module
 */
import type { Example, Message, Role } from "./format.ts";

/**
 * A range `[start, end)` of UTF-16 units of the rendered text. Spans do not overlap and are in
 * order; text between spans is scaffolding (tags, separators) and is never trained.
 *
 * ```text
 * <|im_start|>assistant\nParis.<|im_end|>\n
 *                       ^^^^^^ content     (role assistant, generated)
 *                             ^^^^^^^^^^ end (generated: the model must learn to stop)
 * ```
 */
export interface TextSpan {
  /** First UTF-16 unit. */
  readonly start: number;
  /** One behind the last. */
  readonly end: number;
  /** The role of the speaker there. */
  readonly role: Role | "prompt" | "completion" | "text";
  /** Index of the message; 0 for prompt and text, 1 for a completion. */
  readonly message: number;
  /** `content`: what was said. `end`: the marker that closes the turn. */
  readonly kind: "content" | "end";
  /** Whether the model writes this text itself at inference. */
  readonly generated: boolean;
  /** Weight of the message it came from (1 where the data gives none). */
  readonly weight: number;
}

/** An example as text. */
export interface Rendered {
  /** All of the text. */
  readonly text: string;
  /** What its parts are, in order. */
  readonly spans: readonly TextSpan[];
  /** Whether the tokenizer adds its own BOS (and only that); false for chat templates, which write it or want none. */
  readonly addBos: boolean;
}

/** Writes conversations as text. */
export interface Template {
  /** Writes a whole example, with the turn ends. Throws `DataError` for what it cannot write. */
  render(example: Example): Rendered;
  /** Writes a prompt up to where the model starts to answer (the generation prompt included). */
  prompt(example: PromptRequest): Rendered;
  /** Texts that end the model's turn: stop strings in generation, listed with the saved model. */
  readonly stops: readonly string[];
  /** A Jinja chat template that renders the same; saved with the tokenizer. Null where there is none. */
  readonly jinja: string | null;
  /** Texts among its tags that are meant to be tokens of their own (`<|im_start|>`). Absent: none is known. */
  readonly markers?: readonly string[];
  /** Whether a run gives the vocabulary those of the markers that it lacks. */
  readonly addMissing?: boolean;
}

/** What `Template.prompt` takes. */
export type PromptRequest =
  | {
    readonly messages: readonly Message[];
    readonly tools?: readonly unknown[];
  }
  | { readonly prompt: string; readonly system?: string };
