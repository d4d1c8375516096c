/**
 * Templates that write a conversation turn by turn. A style sets the text around each role's text;
 * from it come both the template and its Jinja twin.
 *
 * ```text
 * open content close after                    between
 * <|im_start|>assistant\n Paris. <|im_end|> \n
 * ```
 * @module
 */
import type { TurnStyle } from "./turn_style.ts";
import type {
  Example,
  PromptRequest,
  Rendered,
  Template,
  TokenizerFacts,
} from "@denotune/denotune/core";
import {
  asMessages,
  asPrompt,
  promptMessages,
  renderText,
  SpanWriter,
} from "../_render.ts";
import { breakBetween, writeTurns } from "./turn_writer.ts";
import { turnsJinja } from "./turns_jinja.ts";

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
