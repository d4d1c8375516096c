/**
 * `POST /v1/chat/completions`: a conversation as the model's template writes it; thoughts and tool calls set apart.
 * @module
 */
import {
  type Completion,
  type CompletionRequest,
  type Message,
  replyMarks,
  ReplyParser,
  type ReplyPiece,
  type TokenScore,
  type ToolCall,
} from "@denotune/denotune/core";
import { ApiError } from "./api_error.ts";
import { eventStream } from "./event_stream.ts";
import type { ChatBody, MessageBody } from "./request_schema.ts";
import {
  adapterOf,
  completeAll,
  type Exchange,
  newId,
  openJob,
  roomFor,
  samplingOf,
  type Serving,
  stopsOf,
  usageOf,
} from "./serving.ts";

const NO_MARKS = { thoughts: [], calls: [], bareCalls: false, texts: [] };

/** Answers with the next turn of the conversation, `n` times. */
export async function chatCompletions(
  body: ChatBody,
  exchange: Exchange,
  serving: Serving,
): Promise<Response> {
  const { model } = serving;
  const n = body.n ?? 1;
  const adapter = adapterOf(serving, body.model);
  const tools = toolsOf(body);
  const { text, ids } = model.writePrompt(
    body.messages.map(messageOf),
    tools === undefined ? {} : { tools },
  );
  const marks = replyMarks(model.tokenizer);
  const schema = schemaOf(body);
  if (schema !== null) model.checkSchema(schema);
  const maxNewTokens = roomFor({
    prompt: ids,
    wanted: body.max_completion_tokens ?? body.max_tokens,
    fallback: model.contextLength,
    param: "messages",
  }, serving);
  if (body.top_logprobs != null && body.logprobs !== true) {
    throw new ApiError(400, "top_logprobs needs logprobs: true", {
      param: "top_logprobs",
    });
  }
  const top = body.logprobs === true ? body.top_logprobs ?? 0 : null;
  const sampling = samplingOf(body, serving);
  const scores: TokenScore[][] = [];
  const answers = Array.from({ length: n }, (_, answer): CompletionRequest => {
    const own: TokenScore[] = [];
    scores.push(own);
    return {
      prompt: ids,
      maxNewTokens,
      sampling,
      answer,
      stop: stopsOf(body),
      ignoresEnds: body.ignore_eos ?? false,
      keepSpecial: marks.texts,
      schema,
      adapter,
      top,
      onToken(_, score) {
        exchange.begin();
        if (score !== undefined) own.push(score);
      },
    };
  });
  // an answer by a schema is all content, wherever the prompt ends
  const parser = () =>
    schema === null
      ? new ReplyParser(marks, { prompt: text, tools: tools !== undefined })
      : new ReplyParser(NO_MARKS);
  const logprobs = (index: number) =>
    top === null ? null : {
      content: scores[index].splice(0).map((score) =>
        serving.texts.chatEntry(score)
      ),
      refusal: null,
    };
  const head = {
    id: newId("chatcmpl"),
    created: Math.floor(Date.now() / 1000),
    model: body.model ?? [...serving.models.keys()][0],
  };
  const prompts = [ids];
  const job = openJob(serving, exchange, {
    answers: n,
    isStream: body.stream === true,
  });
  const count = (done: readonly Completion[]) =>
    done.forEach((one) =>
      exchange.count({
        prompt: ids.length,
        reused: one.reusedTokens,
        written: one.ids.length,
      })
    );
  if (body.stream !== true) {
    using _job = job;
    const done = await completeAll(answers, serving, job);
    count(done);
    return Response.json({
      ...head,
      object: "chat.completion",
      choices: done.map((one, index) => {
        const reading = parser();
        reading.push(one.text);
        reading.end();
        const { message } = reading;
        return {
          index,
          message: messageBody(message),
          logprobs: logprobs(index),
          finish_reason: finishOf(one, message.tool_calls),
        };
      }),
      usage: usageOf({ prompts, answers: done }),
    });
  }
  return eventStream({ job, exchange }, async (send) => {
    const chunk = (
      index: number,
      delta: unknown,
      finish: string | null = null,
    ) =>
      send({
        ...head,
        object: "chat.completion.chunk",
        choices: [{
          index,
          delta,
          logprobs: logprobs(index),
          finish_reason: finish,
        }],
      });
    const reading = answers.map(() => ({ parser: parser(), calls: 0 }));
    const show = (index: number, pieces: readonly ReplyPiece[]) => {
      for (const piece of pieces) {
        chunk(
          index,
          piece.kind === "tool-call"
            ? {
              tool_calls: [{
                index: reading[index].calls++,
                ...callBody(piece.call),
              }],
            }
            : piece.kind === "thinking"
            ? { reasoning_content: piece.text }
            : { content: piece.text },
        );
      }
    };
    for (const index of answers.keys()) {
      chunk(index, { role: "assistant", content: "" });
    }
    const done = await completeAll(
      answers.map((answer, index) => ({
        ...answer,
        onText: (text) => show(index, reading[index].parser.push(text)),
      })),
      serving,
      job,
    );
    count(done);
    done.forEach((one, index) => {
      const { parser } = reading[index];
      show(index, parser.end());
      chunk(index, {}, finishOf(one, parser.message.tool_calls));
    });
    if (body.stream_options?.include_usage === true) {
      send({
        ...head,
        object: "chat.completion.chunk",
        choices: [],
        usage: usageOf({ prompts, answers: done }),
      });
    }
  });
}

function finishOf(
  { finish }: Completion,
  calls: readonly ToolCall[] | undefined,
): string {
  return finish === "stop" && (calls ?? []).length > 0 ? "tool_calls" : finish;
}

/** Tools that the template describes; none where they may not be called. */
function toolsOf(body: ChatBody): readonly unknown[] | undefined {
  const { tools, tool_choice } = body;
  const choice = tool_choice ?? "auto";
  if ((tools ?? []).length === 0) {
    if (choice === "auto" || choice === "none") return undefined;
    throw new ApiError(400, "tool_choice names a tool, but `tools` has none", {
      param: "tool_choice",
    });
  }
  if (choice !== "none" && choice !== "auto") {
    throw new ApiError(
      400,
      "tool_choice: a call cannot be forced, because each template writes calls in its own way; leave it at auto or none, or ask for JSON by response_format",
      { param: "tool_choice" },
    );
  }
  return choice === "none" ? undefined : tools ?? undefined;
}

/** A turn as templates take it. */
function messageOf(message: MessageBody, at: number): Message {
  const text = typeof message.content === "string"
    ? message.content
    : (message.content ?? []).map(({ text }) => text).join("");
  const name = message.name === undefined ? {} : { name: message.name };
  switch (message.role) {
    case "assistant": {
      const calls = message.tool_calls ?? [];
      return {
        role: "assistant",
        content: text,
        ...name,
        ...(message.content == null
          ? { content_is: message.content === null ? "null" : "missing" }
          : {}),
        ...(message.reasoning_content == null
          ? {}
          : { reasoning_content: message.reasoning_content }),
        ...(calls.length === 0 ? {} : {
          tool_calls: calls.map((call, i) => ({
            ...call,
            function: {
              name: call.function.name,
              arguments: argumentsOf(call.function.arguments, {
                param: `messages[${at}].tool_calls[${i}].function.arguments`,
              }),
            },
          })),
        }),
      };
    }
    case "tool":
      return {
        role: "tool",
        content: text,
        ...name,
        ...(message.tool_call_id === undefined
          ? {}
          : { tool_call_id: message.tool_call_id }),
      };
    default:
      return {
        role: message.role === "user" ? "user" : "system",
        content: text,
        ...name,
      };
  }
}

/** Templates write arguments as an object; clients send its JSON. */
function argumentsOf(text: string, { param }: { param: string }): unknown {
  if (text.trim() === "") return {};
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new ApiError(
      400,
      `${param} is not JSON: ${cause instanceof Error ? cause.message : cause}`,
      { param },
    );
  }
}

function messageBody({ content, reasoning_content, tool_calls }: Message) {
  const calls = tool_calls ?? [];
  return {
    role: "assistant",
    content: content === "" && calls.length > 0 ? null : content,
    refusal: null,
    ...(reasoning_content === undefined ? {} : { reasoning_content }),
    ...(calls.length === 0 ? {} : { tool_calls: calls.map(callBody) }),
  };
}

function callBody(call: ToolCall) {
  return {
    id: call.id ?? newId("call"),
    type: "function",
    function: {
      name: call.function.name,
      arguments: call.function.arguments_text ??
        JSON.stringify(call.function.arguments ?? {}),
    },
  };
}

/** The JSON schema that is asked for; null: none. */
function schemaOf({ response_format }: ChatBody): unknown {
  switch (response_format?.type) {
    case "json_object":
      return "json_object";
    case "json_schema":
      return response_format.json_schema.schema;
    default:
      return null;
  }
}
