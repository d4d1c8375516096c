/**
 * What clients may send, as OpenAI's API has it; a field that is not listed is refused by name.
 * @module
 */
import { z } from "zod";

const stop = z.union([z.string(), z.array(z.string()).max(16)]).nullish();
const penalty = z.number().min(-2).max(2).nullish();

/** How answers are drawn: of both routes. */
const sampling = {
  model: z.string().optional(),
  n: z.int().min(1).max(128).nullish(),
  max_tokens: z.int().min(0).nullish(),
  temperature: z.number().min(0).max(100).nullish(),
  top_p: z.number().gt(0).max(1).nullish(),
  top_k: z.int().min(-1).nullish(),
  repetition_penalty: z.number().positive().nullish(),
  presence_penalty: penalty,
  frequency_penalty: penalty,
  logit_bias: z.record(z.string().regex(/^\d+$/), z.number().min(-100).max(100))
    .nullish(),
  seed: z.int().nullish(),
  stop,
  ignore_eos: z.boolean().nullish(),
  stream: z.boolean().nullish(),
  stream_options: z.strictObject({
    include_usage: z.boolean().optional(),
    include_obfuscation: z.boolean().optional(),
  }).nullish(),
  // taken and not used: they change no answer
  user: z.string().nullish(),
  metadata: z.record(z.string(), z.string()).nullish(),
  store: z.boolean().nullish(),
  service_tier: z.string().nullish(),
} as const;

const tokens = z.array(z.int().min(0)).min(1);

/** `POST /v1/completions` */
export const completionSchema = z.strictObject({
  ...sampling,
  prompt: z.union([
    z.string(),
    tokens,
    z.array(z.string()).min(1).max(1024),
    z.array(tokens).min(1).max(1024),
  ]),
  logprobs: z.int().min(0).max(20).nullish(),
  echo: z.boolean().nullish(),
  best_of: z.int().min(1).nullish(),
  suffix: z.string().nullish(),
});

/** What a completion is asked for by. */
export type CompletionBody = z.output<typeof completionSchema>;

const textPart = z.strictObject({ type: z.literal("text"), text: z.string() });
const content = z.union([z.string(), z.array(textPart)]);
const calls = z.array(z.strictObject({
  id: z.string().optional(),
  type: z.literal("function").default("function"),
  function: z.strictObject({
    name: z.string(),
    arguments: z.string(),
  }),
  index: z.int().optional(),
}));

const message = z.discriminatedUnion("role", [
  z.strictObject({
    role: z.enum(["system", "developer", "user"]),
    content,
    name: z.string().optional(),
  }),
  z.strictObject({
    role: z.literal("assistant"),
    content: content.nullish(),
    reasoning_content: z.string().nullish(),
    refusal: z.string().nullish(),
    annotations: z.array(z.unknown()).nullish(),
    audio: z.null().optional(),
    function_call: z.null().optional(),
    name: z.string().optional(),
    tool_calls: calls.nullish(),
  }),
  z.strictObject({
    role: z.literal("tool"),
    content,
    tool_call_id: z.string().optional(),
    name: z.string().optional(),
  }),
]);

/** One turn as a client sends it. */
export type MessageBody = z.output<typeof message>;

const functionTool = z.strictObject({
  type: z.literal("function"),
  function: z.strictObject({
    name: z.string().min(1),
    description: z.string().optional(),
    parameters: z.record(z.string(), z.unknown()).optional(),
    strict: z.boolean().nullish(),
  }),
});

/** `POST /v1/chat/completions` */
export const chatSchema = z.strictObject({
  ...sampling,
  messages: z.array(message).min(1, "give at least one message"),
  max_completion_tokens: z.int().min(1).nullish(),
  logprobs: z.boolean().nullish(),
  top_logprobs: z.int().min(0).max(20).nullish(),
  tools: z.array(functionTool).nullish(),
  tool_choice: z.union([
    z.enum(["none", "auto", "required"]),
    z.strictObject({
      type: z.literal("function"),
      function: z.strictObject({ name: z.string() }),
    }),
  ]).nullish(),
  parallel_tool_calls: z.boolean().nullish(),
  response_format: z.discriminatedUnion("type", [
    z.strictObject({ type: z.literal("text") }),
    z.strictObject({ type: z.literal("json_object") }),
    z.strictObject({
      type: z.literal("json_schema"),
      json_schema: z.strictObject({
        name: z.string().optional(),
        description: z.string().optional(),
        schema: z.record(z.string(), z.unknown()),
        strict: z.boolean().nullish(),
      }),
    }),
  ]).nullish(),
});

/** What a chat completion is asked for by. */
export type ChatBody = z.output<typeof chatSchema>;

/** The first problem of a body, with where it is: `messages[0].content: expected a string`. */
export function describeIssue(
  issue: z.core.$ZodIssue,
): { readonly message: string; readonly param: string | null } {
  const at = pathOf(issue.path);
  if (issue.code === "unrecognized_keys") {
    const where = at === "" ? "" : ` in ${at}`;
    return {
      message: `Unknown field${where}: ${
        issue.keys.join(", ")
      }. Remove it, or check how it is spelt`,
      param: issue.keys[0] ?? null,
    };
  }
  return {
    message: `${at === "" ? "The body" : at}: ${issue.message}`,
    param: at === "" ? null : at,
  };
}

function pathOf(path: readonly PropertyKey[]): string {
  return path.reduce<string>(
    (text, step) =>
      typeof step === "number"
        ? `${text}[${step}]`
        : text === ""
        ? String(step)
        : `${text}.${String(step)}`,
    "",
  );
}
