/**
 * Tool calls in the notations of chat templates, as OpenAI's shape. Each function gives null for what it cannot read:
 * a model may write anything.
 * @module
 */
import type { ToolCall } from "../../contracts/format.ts";
import { isObject } from "../../io/json_file.ts";
import { readPythonCalls } from "./python_calls.ts";

/** `{"name", "arguments"}`, `{"name", "parameters"}`, or a list of them. */
export function jsonCalls(inside: string): readonly ToolCall[] | null {
  const value = jsonOf(inside);
  const list = Array.isArray(value) ? value : [value];
  const calls = list.map((one) => {
    const inner = isObject(one) && isObject(one.function) ? one.function : one;
    if (!isObject(inner) || typeof inner.name !== "string") return null;
    const given = inner.arguments ?? inner.parameters ?? {};
    const value = typeof given === "string" ? jsonOf(given) ?? given : given;
    const id = isObject(one) && typeof one.id === "string" ? one.id : undefined;
    return toolCall(inner.name, value, id);
  });
  const read = calls.filter((call) => call !== null);
  return read.length === calls.length && read.length > 0 ? read : null;
}

/**
 * What is between `<tool_call>` and its end: JSON (Hermes, Qwen), tagged functions (Qwen3-Coder), or a name followed
 * by tagged keys and values (GLM).
 */
export function taggedCalls(inside: string): readonly ToolCall[] | null {
  return jsonCalls(inside) ?? functionTags(inside) ?? argumentTags(inside);
}

/** `<function=name> <parameter=key> value </parameter> </function>` */
function functionTags(inside: string): readonly ToolCall[] | null {
  const calls = Array.from(
    inside.matchAll(/<function=([^>\n]+)>([\s\S]*?)(?:<\/function>|$)/g),
    ([, name, body]) => {
      const found = body.matchAll(
        /<parameter=([^>\n]+)>\n?([\s\S]*?)\n?(?:<\/parameter>|(?=<parameter=)|$)/g,
      );
      return toolCall(name.trim(), valuesOf(found));
    },
  );
  return calls.length > 0 ? calls : null;
}

/** `name <arg_key>key</arg_key> <arg_value>value</arg_value>` */
function argumentTags(inside: string): readonly ToolCall[] | null {
  const name = /^\s*([\w.-]+)\s*(?=<arg_key>|$)/.exec(inside);
  if (name === null) return null;
  const found = inside.matchAll(
    /<arg_key>([\s\S]*?)<\/arg_key>\s*<arg_value>([\s\S]*?)<\/arg_value>/g,
  );
  return [toolCall(name[1], valuesOf(found))];
}

/** Keys and values of a match each. A value that is JSON is that value, else it is text. */
function valuesOf(
  found: Iterable<RegExpMatchArray>,
): Readonly<Record<string, unknown>> {
  return Object.fromEntries(
    Array.from(found, ([, key, text]) => [key.trim(), jsonOf(text) ?? text]),
  );
}

/** Behind `[TOOL_CALLS]`: a JSON list, or `name[CALL_ID]id[ARGS]{...}`. */
export function mistralCalls(inside: string): readonly ToolCall[] | null {
  const named = /^\s*([\w.-]+?)\s*(?:\[CALL_ID\]([\w-]+))?\[ARGS\]([\s\S]*)$/
    .exec(inside);
  if (named === null) return jsonCalls(inside);
  const [, name, id, text] = named;
  const value = jsonOf(text);
  return isObject(value) ? [toolCall(name, value, id)] : null;
}

/** `[name(key="text", other=3)]`, as Python writes calls. */
export function pythonCalls(inside: string): readonly ToolCall[] | null {
  const calls = readPythonCalls(inside);
  return calls === null
    ? jsonCalls(inside)
    : calls.map(({ name, values }) => toolCall(name, values));
}

/** `call:name{key:<|"|>text<|"|>,other:3}` (Gemma 4): JSON with bare keys and quotes of its own. */
export function gemmaCalls(inside: string): readonly ToolCall[] | null {
  const call = /^\s*call:([\w.-]+)(\{[\s\S]*\})\s*$/.exec(inside);
  if (call === null) return null;
  // texts first, so that what is in them is not taken for a key
  const texts: string[] = [];
  const bare = call[2].replace(/<\|"\|>([\s\S]*?)<\|"\|>/g, (_, text) => {
    texts.push(text);
    return `"${texts.length - 1}"`;
  });
  const quoted = bare.replace(/([{,]\s*)([A-Za-z_][\w.-]*)\s*:/g, '$1"k$2":')
    .replace(/"(\d+)"/g, (_, i) => JSON.stringify(`t${texts[Number(i)]}`));
  const value = withoutPrefix(jsonOf(quoted));
  return isObject(value) ? [toolCall(call[1], value)] : null;
}

/** Takes the letter off that {@linkcode gemmaCalls} puts before keys and texts. */
function withoutPrefix(value: unknown): unknown {
  if (typeof value === "string") return value.slice(1);
  if (Array.isArray(value)) return value.map(withoutPrefix);
  if (!isObject(value)) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, of]) => [key.slice(1), withoutPrefix(of)]),
  );
}

/** The value of a JSON text; undefined where it is none. */
function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function toolCall(name: string, values: unknown, id?: string): ToolCall {
  return {
    ...(id === undefined ? {} : { id }),
    type: "function",
    function: { name, arguments: values },
  };
}
