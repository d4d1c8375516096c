/**
 * Tool calls and tool lists, in the shapes that data sets write them.
 * @module
 */
import {
  parseExactJson,
  plainNumbers,
  type RawRecord,
  type ToolCall,
} from "@denotune/denotune/core";
import { describe, isObject, refuse } from "./_columns.ts";

/**
 * Parses text that should be JSON; undefined where it is not. Numbers keep how they were written: the model
 * learns to write them so.
 */
export function parsed(text: string): unknown {
  try {
    return parseExactJson(text);
  } catch {
    return undefined;
  }
}

/** A list of tools: a list, or the JSON of one. Absent, null and empty give undefined. */
export function toolsOf(
  record: RawRecord,
  value: unknown,
  name: string,
): readonly unknown[] | undefined {
  if (value === undefined || value === null || value === "") return undefined;
  const list = typeof value === "string" ? parsed(value) : value;
  if (Array.isArray(list)) return list.length === 0 ? undefined : list;
  return refuse(
    record,
    `the column "${name}" must be a list of tools (or its JSON), found ${
      describe(plainNumbers(value))
    }`,
  );
}

/** OpenAI's `tool_calls`, or bare `{name, arguments}`; one or a list; objects or JSON. */
export function toolCallsOf(
  record: RawRecord,
  value: unknown,
  place: string,
): readonly ToolCall[] {
  const content = typeof value === "string" ? parsed(value) : value;
  const calls = Array.isArray(content) ? content : [content];
  if (calls.length === 0) {
    refuse(record, `${place} has an empty list of tool calls; remove the list`);
  }
  return calls.map((call) => toolCall(record, call, { place, written: value }));
}

function toolCall(
  record: RawRecord,
  call: unknown,
  { place, written }: { place: string; written: unknown },
): ToolCall {
  const inner = isObject(call) && isObject(call.function)
    ? call.function
    : call;
  if (!isObject(call) || !isObject(inner) || typeof inner.name !== "string") {
    return refuse(
      record,
      `${place} must hold tool calls, {"name": ..., "arguments": {...}}, found ${
        describe(plainNumbers(written))
      }`,
    );
  }
  return {
    ...(typeof call.id === "string" ? { id: call.id } : {}),
    type: typeof call.type === "string" ? call.type : "function",
    function: {
      name: inner.name,
      ...argumentsOf(inner.arguments ?? inner.parameters),
    },
  };
}

/** OpenAI writes arguments as the JSON of an object; most chat templates expect the object, a few the text. */
function argumentsOf(
  value: unknown,
): Pick<ToolCall["function"], "arguments" | "arguments_text"> {
  if (value === undefined || value === null) return { arguments: {} };
  if (typeof value !== "string") return { arguments: value };
  const object = parsed(value);
  return isObject(object)
    ? { arguments: object, arguments_text: value }
    : { arguments: value };
}
