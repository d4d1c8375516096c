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
import {
  DataError,
  type Example,
  type Message,
  type PromptRequest,
  type Rendered,
  type Role,
  type Template,
  type TemplateContext,
} from "@denotune/denotune/core";
import {
  asMessages,
  asPrompt,
  messageLabels,
  renderText,
  SpanWriter,
  splitEnd,
} from "./_render.ts";
import { assistantText, toolsText, trimmed } from "./_said.ts";
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
};

/** The template of a style. */
export function turnsTemplate(
  style: TurnStyle,
  context: TemplateContext,
): Template {
  const { bos, eos } = context.specialTokens;
  return {
    stops: style.stops.filter((stop) => stop !== ""),
    jinja: turnsJinja(style, context.addsBos === true ? bos : null),
    render(example: Example): Rendered {
      if ("text" in example) return renderText(example.text, eos ?? "");
      const tools = "messages" in example ? example.tools : undefined;
      const writer = new SpanWriter();
      const messages = asMessages(example);
      writeMessages(style, messages, tools ?? [], writer, true);
      return "messages" in example
        ? writer.finish()
        : asPrompt(writer.finish());
    },
    prompt(request: PromptRequest): Rendered {
      const isChat = "messages" in request;
      const messages: readonly Message[] = isChat
        ? request.messages
        : [{ role: "user", content: request.prompt }];
      const writer = new SpanWriter();
      writeMessages(
        style,
        messages,
        isChat ? request.tools ?? [] : [],
        writer,
        false,
      );
      const last = messages.at(-1);
      if (last !== undefined) {
        writer.write(breakBetween(style, last.role, "assistant"));
      }
      writer.write(style.turns.assistant?.open ?? "");
      return isChat ? writer.finish() : asPrompt(writer.finish());
    },
  };
}

function breakBetween(style: TurnStyle, before: Role, after: Role): string {
  const fits = (wanted: Role | null, role: Role): boolean =>
    wanted === null || wanted === role;
  return style.between.find((one) =>
    fits(one.before, before) && fits(one.after, after)
  )?.text ?? "";
}

function cannotWrite(style: TurnStyle, index: number, what: string): DataError {
  return new DataError(
    `The template \`${style.name}\` cannot write message ${index} (${what}); ` +
      "use `template: chatml` or the tokenizer's own, or leave such rows out",
  );
}

function writeMessages(
  style: TurnStyle,
  messages: readonly Message[],
  tools: readonly unknown[],
  writer: SpanWriter,
  whole: boolean,
): void {
  const shape = (text: string): string => style.trim ? trimmed(text) : text;
  if (tools.length > 0 && !style.tools) {
    throw cannotWrite(style, 0, "the conversation has tools");
  }
  const system = style.turns.system;
  if (messages[0]?.role !== "system") {
    if (style.preamble !== null) writer.write(`${style.preamble}\n\n`);
    if (tools.length > 0 && system !== null) {
      writer.write(
        system.open + toolsText(tools) + system.close + system.after,
      );
    }
  }
  messages.forEach((message, i) => {
    const labels = messageLabels(message, i);
    const before = messages[i - 1];
    if (before !== undefined) {
      writer.write(breakBetween(style, before.role, message.role));
    }
    const tags = style.turns[message.role];
    if (tags === null) {
      if (
        message.role === "system" && i === 0 && messages[1]?.role === "user"
      ) return; // written there
      throw cannotWrite(style, i, `role ${message.role}`);
    }
    if ((message.tool_calls ?? []).length > 0 && !style.tools) {
      throw cannotWrite(style, i, "it calls tools");
    }
    writer.write(tags.open);
    if (before?.role === "system" && style.turns.system === null) {
      writer.span(shape(before.content), messageLabels(before, i - 1).content);
      writer.write("\n\n");
    }
    const said = message.role === "assistant"
      ? assistantText(message)
      : message.content;
    const [first, second] = parts(said, message.input ?? "", shape);
    if (second === "") {
      const [body, close] = splitEnd(first, tags.close);
      writer.span(body, labels.content);
      writeTools(message, i);
      closeTurn(tags, close, i);
    } else {
      const [body, close] = splitEnd(second, tags.close);
      writer.span(first, labels.content);
      writer.write(style.inputLead);
      writer.span(body, labels.content);
      closeTurn(tags, close, i);
    }
  });
  if (whole && style.final !== "" && messages.at(-1)?.role !== "assistant") {
    writer.write(style.final);
  }

  function writeTools(message: Message, i: number): void {
    if (i === 0 && message.role === "system" && tools.length > 0) {
      writer.write(`\n\n${toolsText(tools)}`);
    }
  }

  function closeTurn(tags: TurnTags, close: string, i: number): void {
    const message = messages[i];
    const { end } = messageLabels(message, i);
    const ends = whole && style.final !== "" && i === messages.length - 1 &&
      message.role === "assistant";
    if (ends) {
      // one marker ends the conversation: the model writes all that stands before it, too
      writer.span(close + tags.after + style.final, end);
      return;
    }
    writer.span(close, end);
    writer.write(tags.after);
  }
}

/** A user's content and input; white space is cut off where one of them begins or ends the turn. */
function parts(
  said: string,
  input: string,
  shape: (text: string) => string,
): [string, string] {
  if (input === "") return [shape(said), ""];
  const [left] = shape(`${said}|`).split(/\|$/);
  const right = shape(`|${input}`).slice(1);
  return [left, right];
}
