/**
 * How the turns of a built-in template are written.
 * @module
 */
import type { Role } from "@denotune/denotune/core";

/** The tags around the text of one role. */
export interface TurnTags {
  readonly open: string;
  /** The marker that ends the turn, which the model learns to write; "" for none. */
  readonly close: string;
  readonly after: string;
}

/** How a template writes turns. */
export interface TurnStyle {
  /** The part's name, for errors. */
  readonly name: string;
  /**
   * Tags by role. `null`: the role cannot be written; for `system`: its text goes in front of that of
   * the user turn that follows, with a blank line.
   */
  readonly turns: Readonly<Record<Role, TurnTags | null>>;
  /** Text between a user's content and its `input`. */
  readonly inputLead: string;
  /** Whether white space around contents is cut off. */
  readonly trim: boolean;
  /** Whether tools and tool calls can be written. */
  readonly tools: boolean;
  /** Text in front where the conversation has no system message. */
  readonly preamble: string | null;
  /** Text between two turns, by the roles of the turn before and after. */
  readonly between: readonly TurnBreak[];
  /** What ends a conversation as a whole; "" for none. */
  readonly final: string;
  readonly stops: readonly string[];
  /** Tags that are meant to be tokens of their own. */
  readonly markers: readonly string[];
  /** Whether the vocabulary is to get those that it lacks. */
  readonly addMissing: boolean;
}

/** A separator: the first that fits is written. `null` fits every role. */
export interface TurnBreak {
  readonly before: Role | null;
  readonly after: Role | null;
  readonly text: string;
}
