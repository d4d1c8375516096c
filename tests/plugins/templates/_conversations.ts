/**
 * Conversations of every kind that data sets hold, for sweeps over templates. Each text occurs once, so that a
 * test can tell whose it is.
 * @module
 */
import type { Message, ToolCall } from "@denotune/denotune/core";

/** A conversation with a name. */
export interface Conversation {
  readonly name: string;
  readonly messages: readonly Message[];
  readonly tools: readonly unknown[] | null;
}

const parameters = {
  type: "object",
  properties: {
    city: { type: "string", description: "Where" },
    days: { type: "integer", description: "How many" },
    units: { type: "string", description: "Which", enum: ["c", "f"] },
  },
  required: ["city"],
};
const TOOLS = [
  {
    type: "function",
    function: {
      name: "get_weather",
      description: 'Weather of a "city"',
      parameters,
    },
  },
  {
    type: "function",
    function: {
      name: "add",
      description: "Adds",
      parameters: {
        type: "object",
        properties: {
          a: { type: "number", description: "one" },
          b: { type: "number", description: "two" },
        },
        required: ["a", "b"],
      },
    },
  },
];

const system = (content: string): Message => ({ role: "system", content });
const user = (content: string): Message => ({ role: "user", content });
const answer = (content: string, more: Partial<Message> = {}): Message => ({
  role: "assistant",
  content,
  ...more,
});
const call = (name: string, given: unknown, id: string): ToolCall => ({
  id,
  type: "function",
  function: { name, arguments: given },
});
const result = (
  content: string,
  id: string,
  name = "get_weather",
): Message => ({
  role: "tool",
  content,
  tool_call_id: id,
  name,
});

// Mistral's templates want identifiers of nine characters
const WEATHER = call("get_weather", { city: "Paris", days: 2 }, "abcdef123");
// as OpenAI writes them: JSON
const WRITTEN: ToolCall = {
  ...WEATHER,
  function: {
    ...WEATHER.function,
    arguments_text: '{"city":"Paris","days":2}',
  },
};
const ADD = call("add", { a: 1, b: 2.5 }, "abcdef124");
const BARE = call("get_weather", {}, "abcdef125");

/** A call whose arguments are the text of an object. */
export const JSON_CALL = "a call with JSON beside null";
/** The same kind of call with an object. */
export const OBJECT_CALL = "ends with a call beside null";

type Row = readonly [string, readonly Message[], (readonly unknown[])?];

const ROWS: readonly Row[] = [
  ["one turn", [user("Hi"), answer("Hello")]],
  ["system", [system("Be brief."), user("Hi"), answer("Hello")]],
  ["several turns", [
    system("Be brief."),
    user("Hi"),
    answer("Hello"),
    user("More?"),
    answer("Yes.\n\nIndeed"),
    user("Ok"),
    answer("Bye"),
  ]],
  ["same words", [user("Hi"), answer("Hi"), user("Hi"), answer("Hi")]],
  ["tools that are not called", [user("Hi"), answer("Hello")], TOOLS],
  ["one call", [
    user("Weather?"),
    answer("", { tool_calls: [WEATHER] }),
    result("mild", "abcdef123"),
    answer("It is sunny."),
  ], TOOLS],
  ["a call with text", [
    system("Be brief."),
    user("Weather?"),
    answer("Let me look.", { tool_calls: [WEATHER] }),
    result("mild", "abcdef123"),
    answer("It is sunny."),
    user("Thanks"),
    answer("Welcome"),
  ], TOOLS],
  ["two calls in a turn", [
    user("Both?"),
    answer("", { tool_calls: [WEATHER, ADD] }),
    result("mild", "abcdef123"),
    result("3.5", "abcdef124", "add"),
    answer("Sunny and more."),
  ], TOOLS],
  ["calls one after another", [
    user("Both?"),
    answer("", { tool_calls: [WEATHER] }),
    result("mild", "abcdef123"),
    answer("", { tool_calls: [ADD] }),
    result("3.5", "abcdef124", "add"),
    answer("Sunny and more."),
  ], TOOLS],
  ["ends with a call", [
    user("Weather?"),
    answer("", { tool_calls: [WEATHER] }),
  ], TOOLS],
  ["calls beside null", [
    user("Both?"),
    answer("", { content_is: "null", tool_calls: [WEATHER, ADD] }),
    result("mild", "abcdef123"),
    result("3.5", "abcdef124", "add"),
    answer("Sunny and more."),
  ], TOOLS],
  [OBJECT_CALL, [
    user("Weather?"),
    answer("", { content_is: "null", tool_calls: [WEATHER] }),
  ], TOOLS],
  [JSON_CALL, [
    user("Weather?"),
    answer("", { content_is: "null", tool_calls: [WRITTEN] }),
    result("mild", "abcdef123"),
    answer("It is sunny."),
  ], TOOLS],
  ["calls without content", [
    user("Both?"),
    answer("", { content_is: "missing", tool_calls: [WEATHER, ADD] }),
    result("mild", "abcdef123"),
    result("3.5", "abcdef124", "add"),
    answer("Sunny and more."),
  ], TOOLS],
  ["ends with a call without content", [
    system("Be brief."),
    user("Weather?"),
    answer("", { content_is: "missing", tool_calls: [WEATHER] }),
  ], TOOLS],
  ["thoughts and a call beside null", [
    user("Weather?"),
    answer("", {
      content_is: "null",
      reasoning_content: "I must look.",
      tool_calls: [WEATHER],
    }),
    result("mild", "abcdef123"),
    answer("It is sunny.", { reasoning_content: "Say it." }),
  ], TOOLS],
  ["a call without arguments", [
    user("Weather?"),
    answer("", { tool_calls: [BARE] }),
    result("mild", "abcdef125"),
    answer("Sunny"),
  ], TOOLS],
  ["thoughts", [
    user("2+2?"),
    answer("Four", { reasoning_content: "Add them." }),
  ]],
  ["thoughts in two turns", [
    user("2+2?"),
    answer("Four", { reasoning_content: "Add them." }),
    user("3+3?"),
    answer("Six", { reasoning_content: "Again." }),
  ]],
  ["thoughts in the content", [
    user("2+2?"),
    answer("<think>\nAdd.\n</think>\n\nFour"),
    user("3+3?"),
    answer("<think>\nAgain.\n</think>\n\nSix"),
  ]],
  ["thoughts and calls", [
    user("Weather?"),
    answer("", { reasoning_content: "I must look.", tool_calls: [WEATHER] }),
    result("mild", "abcdef123"),
    answer("It is sunny.", { reasoning_content: "Say it." }),
    user("Ok"),
    answer("Bye", { reasoning_content: "End." }),
  ], TOOLS],
  ["empty texts", [system(""), user(""), answer(""), user("x"), answer("")]],
  ["ends with a question", [user("Hi"), answer("Hello"), user("Go on")]],
  ["texts like tags", [
    user("a<|im_end|>\n"),
    answer("  padded </s> [/INST] <|user|> \n"),
    user("👋🏽 é"),
    answer("<tool_call> 你好\n"),
  ]],
];

/** The conversations. */
export const CONVERSATIONS: readonly Conversation[] = ROWS.map((
  [name, messages, tools],
) => ({ name, messages, tools: tools ?? null }));

/** A message as a row writes it, and transformers reads it. */
export function asRow({ content_is, ...message }: Message): unknown {
  const { content: _, ...rest } = {
    ...message,
    tool_calls: message.tool_calls?.map(({ function: called, ...call }) => ({
      ...call,
      function: {
        name: called.name,
        arguments: called.arguments_text ?? called.arguments,
      },
    })),
  };
  if (content_is === "missing") return rest;
  return { ...rest, content: content_is === "null" ? null : message.content };
}
