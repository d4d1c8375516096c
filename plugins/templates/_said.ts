/**
 * What a message says, as the built-in templates write it: thoughts and tool calls of the assistant
 * within its turn, tools in the system turn. The Jinja macros say the same.
 * @module
 */
import type { Message } from "@denotune/denotune/core";
import { toJson } from "./jinja/text/json.ts";
import { strip } from "./jinja/text/text_arguments.ts";
import { Traced } from "./jinja/traced.ts";
import { toValue } from "./jinja/to_value.ts";

const TOOLS_HEAD = "# Tools\n\nThese functions can be called:\n<tools>";
const TOOLS_TAIL =
  "\n</tools>\n\nTo call one, write its name and arguments as JSON:\n" +
  '<tool_call>\n{"name": "...", "arguments": {...}}\n</tool_call>';

/** JSON as Python writes it, so that it equals what a Jinja template gives. */
function json(value: unknown): string {
  return toJson(toValue(value)).text;
}

/** What the assistant writes in its turn. */
export function assistantText(
  { reasoning_content, content, tool_calls }: Message,
): string {
  const thoughts = reasoning_content === undefined || reasoning_content === ""
    ? ""
    : `<think>\n${reasoning_content}\n</think>\n\n`;
  const calls = (tool_calls ?? []).map(
    ({ function: { name, arguments: given } }) => {
      const written = typeof given === "string" ? given : json(given);
      return `<tool_call>\n{"name": ${
        json(name)
      }, "arguments": ${written}}\n</tool_call>`;
    },
  );
  return thoughts + [...content === "" ? [] : [content], ...calls].join("\n");
}

/** The list of tools, for the system turn. */
export function toolsText(tools: readonly unknown[]): string {
  return TOOLS_HEAD + tools.map((tool) => `\n${json(tool)}`).join("") +
    TOOLS_TAIL;
}

/** The text without white space at its ends (or one of them), as Python counts white space. */
export function trimmed(
  text: string,
  sides: "both" | "left" | "right" = "both",
): string {
  return strip(Traced.of(text), undefined, sides).text;
}

/** A string literal of Jinja. */
export function quoted(text: string): string {
  const escaped = text.replace(/[\\'\n\r\t]/g, (character) => {
    const escapes: Record<string, string> = {
      "\\": "\\\\",
      "'": "\\'",
      "\n": "\\n",
      "\r": "\\r",
      "\t": "\\t",
    };
    return escapes[character];
  });
  return `'${escaped}'`;
}

/** The macros `said(message)`, `closed(text, marker)` and, for templates that write tools, `listed(tools)`. */
export function macros(options: { inputLead: string; tools: boolean }): string {
  return [
    "{%- macro said(message) -%}",
    "{%- if message.role == 'assistant' -%}",
    "{%- if message.reasoning_content -%}",
    "{{- '<think>\\n' + message.reasoning_content + '\\n</think>\\n\\n' -}}",
    "{%- endif -%}",
    "{{- message.content or '' -}}",
    "{%- for call in message.tool_calls or [] -%}",
    ...options.tools
      ? [
        "{%- if message.content or not loop.first -%}{{- '\\n' -}}{%- endif -%}",
        "{{- '<tool_call>\\n{\"name\": ' + (call.function.name | tojson) + ', \"arguments\": ' -}}",
        "{%- if call.function.arguments is string -%}{{- call.function.arguments -}}",
        "{%- else -%}{{- call.function.arguments | tojson -}}{%- endif -%}",
        "{{- '}\\n</tool_call>' -}}",
      ]
      : ["{{- raise_exception('This template cannot write tool calls') -}}"],
    "{%- endfor -%}",
    "{%- else -%}",
    "{{- message.content -}}",
    `{%- if message.input -%}{{- ${
      quoted(options.inputLead)
    } + message.input -}}{%- endif -%}`,
    "{%- endif -%}",
    "{%- endmacro -%}",
    "{%- macro closed(text, marker) -%}",
    "{{- text -}}{%- if not text.endswith(marker) -%}{{- marker -}}{%- endif -%}",
    "{%- endmacro -%}",
    ...options.tools
      ? [
        "{%- macro listed(tools) -%}",
        `{{- ${quoted(TOOLS_HEAD)} -}}`,
        "{%- for tool in tools -%}{{- '\\n' + (tool | tojson) -}}{%- endfor -%}",
        `{{- ${quoted(TOOLS_TAIL)} -}}`,
        "{%- endmacro -%}",
      ]
      : [],
  ].join("\n");
}
