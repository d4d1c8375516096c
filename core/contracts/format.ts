/**
 * A format turns a raw record into an example. It knows one data set's columns, and nothing of
 * templates, tokens or weights.
 * @module
 */
import type { RawRecord } from "./source.ts";

/** The role of the speaker. `tool` is the result of a tool call. */
export type Role = "system" | "user" | "assistant" | "tool";

/** A call of a tool that the assistant writes, in OpenAI's shape. */
export interface ToolCall {
  /** Names the call, so that its result can be matched. */
  readonly id?: string;
  /** Normally `function`. */
  readonly type?: string;
  /** What is called, and with what. */
  readonly function: {
    readonly name: string;
    readonly arguments: unknown;
    /** The JSON that the row has as arguments, for the chat templates that take no object. */
    readonly arguments_text?: string;
  };
}

/** One turn of a conversation. */
export interface Message {
  /** The role of the speaker. */
  readonly role: Role;
  /** What is said: never undefined, empty when the turn is only a tool call. */
  readonly content: string;
  /**
   * How the row wrote a `content` that is empty: as null, or not at all; absent: as text. A chat template gets it
   * as the row has it, because some write a tool call only where the content is null.
   */
  readonly content_is?: "null" | "missing";
  /** A second field of an instruction (Alpaca's `input`), only on user turns. */
  readonly input?: string;
  /** Thoughts that a chat template may write apart from the content. */
  readonly reasoning_content?: string;
  /** Calls that this turn makes. */
  readonly tool_calls?: readonly ToolCall[];
  /** The call that this turn answers. */
  readonly tool_call_id?: string;
  /** Name of the speaker or of the tool. */
  readonly name?: string;
  /** Loss weight of this turn; 1 where absent, 0 = not trained. Multiplies the masker's. */
  readonly weight?: number;
}

/** What every example may carry. */
export interface ExampleInfo {
  /** Name of the row. */
  readonly id?: string;
  /** Kind of task, for figures by kind. */
  readonly category?: string;
}
/** A conversation. */
export interface ChatExample extends ExampleInfo {
  /** The turns, in order. */
  readonly messages: readonly Message[];
  /** Tools that the model may call, as JSON Schema. */
  readonly tools?: readonly unknown[];
}
/** A prompt and what should follow it. */
export interface PromptExample extends ExampleInfo {
  /** What is given. */
  readonly prompt: string;
  /** What should follow. */
  readonly completion: string;
  /** A system prompt before it. */
  readonly system?: string;
}
/** Plain text, for pre-training. */
export interface TextExample extends ExampleInfo {
  /** The document. */
  readonly text: string;
}
/** One training example that a template writes. */
export type Example = ChatExample | PromptExample | TextExample;
/** Tokens that were made elsewhere: no template writes them, and they are encoded by nobody. */
export interface TokenExample extends ExampleInfo {
  /** Ids of the run's tokenizer, (T). */
  readonly ids: readonly number[];
  /** Weight of each token as a target, (T); absent: 1. */
  readonly weights?: readonly number[];
  /**
   * Tokens of each document, where the row holds several: they add up to T. Each becomes an example of its own,
   * so no document attends to another, and the first token of none is trained. Absent: one document.
   */
  readonly lengths?: readonly number[];
}
/**
 * Several sequences that belong together: a pair of answers, a group of them. Each is written and masked as an
 * example of its own; all of them come into one batch, and an objective's loss may compare them.
 */
export interface GroupExample extends ExampleInfo {
  /** In the order in which a loss names them. */
  readonly sequences: readonly (Example | TokenExample)[];
}
/** What a format makes of a row. */
export type ParsedExample = Example | TokenExample | GroupExample;

/** Reads the rows of one data set shape. */
export interface Format {
  /**
   * How well a row fits: 0 = cannot be read, 1 = certainly mine. Used by `init` and `format: auto`.
   * Must not throw.
   */
  recognises(value: unknown): number;
  /**
   * The example that a row holds. Throws `DataError` naming the column that is missing or wrong,
   * what was found, and `record.where`.
   */
  parse(record: RawRecord): ParsedExample;
  /**
   * Optional: decides by a sample of rows which format reads the set (`auto`). It is asked once, before
   * any row is parsed; the format that it gives is used in its place. Throws `DataError` where no
   * format reads the rows, or more than one does.
   */
  choose?(
    sample: readonly RawRecord[],
  ): {
    readonly format: Format;
    readonly name: string;
    readonly reason: string;
  };
  /**
   * Optional: sources, with options, that the format wants its files read with. A file that none of them
   * accepts is a `ConfigError`, as is a run that chooses a source, too.
   */
  readonly sources?: readonly {
    readonly use: string;
    readonly [option: string]: unknown;
  }[];
  /** Template used under `template: auto` where the tokenizer has no chat template: a part's name or `{use, ...options}`. */
  readonly template: string | {
    readonly use: string;
    readonly [option: string]: unknown;
  };
}
