/**
 * Templates that write a conversation turn by turn. A style says what stands around each role's text;
 * from it come both the template and its Jinja twin.
 *
 * ```text
 * open content close after                    between
 * <|im_start|>assistant\n Paris. <|im_end|> \n
 * ```
 * @module
 */
import type {
  Example,
  PromptRequest,
  Rendered,
  Role,
  Template,
  TokenizerFacts,
} from "@denotune/denotune/core";
import {
  asMessages,
  asPrompt,
  promptMessages,
  renderText,
  SpanWriter,
} from "./_render.ts";
import { breakBetween, writeTurns } from "./_turn_writer.ts";
import { turnsJinja } from "./_turns_jinja.ts";

/** What stands around the text of one role. */
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
  /** What stands between a user's content and its `input`. */
  readonly inputLead: string;
  /** Whether white space around contents is cut off. */
  readonly trim: boolean;
  /** Whether tools and tool calls can be written. */
  readonly tools: boolean;
  /** Text in front where the conversation has no system message. */
  readonly preamble: string | null;
  /** What stands between two turns, by the roles of the turn before and after. */
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

/** The usual: no separators, a blank line before `input`, tools written. */
export const USUAL_STYLE: Omit<TurnStyle, "name" | "turns" | "stops"> = {
  inputLead: "\n\n",
  trim: false,
  tools: true,
  preamble: null,
  between: [],
  final: "",
  markers: [],
  addMissing: false,
};

/** The template of a style. */
export function turnsTemplate(
  style: TurnStyle,
  context: Pick<TokenizerFacts, "specialTokens" | "addsBos">,
): Template {
  const { bos, eos } = context.specialTokens;
  return {
    stops: style.stops.filter((stop) => stop !== ""),
    markers: style.markers,
    addMissing: style.addMissing,
    jinja: turnsJinja(style, context.addsBos ? bos : null),
    render(example: Example): Rendered {
      if ("text" in example) return renderText(example.text, eos ?? "");
      const tools = "messages" in example ? example.tools : undefined;
      const writer = new SpanWriter();
      const messages = asMessages(example);
      writeTurns(style, { messages, tools: tools ?? [], whole: true }, writer);
      return "messages" in example
        ? writer.finish()
        : asPrompt(writer.finish());
    },
    prompt(request: PromptRequest): Rendered {
      const isChat = "messages" in request;
      const messages = promptMessages(request);
      const writer = new SpanWriter();
      const tools = isChat ? request.tools ?? [] : [];
      writeTurns(style, { messages, tools, whole: false }, writer);
      const last = messages.at(-1);
      if (last !== undefined) {
        writer.write(breakBetween(style, last.role, "assistant"));
      }
      writer.write(style.turns.assistant?.open ?? "");
      return isChat ? writer.finish() : asPrompt(writer.finish());
    },
  };
}
