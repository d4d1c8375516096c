/**
 * The Jinja twin of a turn style: a chat template that renders the same, saved with the tokenizer for
 * other tools.
 * @module
 */
import type { Role } from "@denotune/denotune/core";
import { macros, quoted } from "../_said.ts";
import type { TurnBreak, TurnStyle, TurnTags } from "./turn_style.ts";

const ROLES: readonly Role[] = ["system", "user", "assistant", "tool"];

/** Writes the chat template. `bos`: what the tokenizer puts in front by itself; a chat template must write it. */
export function turnsJinja(style: TurnStyle, bos: string | null): string {
  const merges = style.turns.system === null;
  return [
    macros(style),
    ...bos === null || bos === "" ? [] : [`{{- ${quoted(bos)} -}}`],
    ...style.tools ? [] : [
      "{%- if tools -%}{{- raise_exception('This template cannot write tools') -}}{%- endif -%}",
    ],
    ...merges ? ["{%- set merged = namespace(text='') -%}"] : [],
    ...frontOf(style),
    "{%- for message in messages -%}",
    ...style.between.length === 0 ? [] : [
      "{%- if not loop.first -%}",
      ...breaks(style.between, "loop.previtem.role", "message.role"),
      "{%- endif -%}",
    ],
    ...ROLES.map((role, i) => turnOf(style, role, i === 0)),
    "{%- else -%}",
    "{{- raise_exception('This template cannot write the role ' + message.role) -}}",
    "{%- endif -%}",
    "{%- endfor -%}",
    "{%- if add_generation_prompt -%}",
    ...style.between.length === 0 ? [] : [
      "{%- if messages -%}",
      ...breaks(style.between, "messages[-1].role", "'assistant'"),
      "{%- endif -%}",
    ],
    `{{- ${quoted(style.turns.assistant?.open ?? "")} -}}`,
    ...style.final === ""
      ? []
      : ["{%- else -%}", `{{- ${quoted(style.final)} -}}`],
    "{%- endif -%}",
  ].join("\n");
}

/** The text in front of a conversation without a system message. */
function frontOf(style: TurnStyle): string[] {
  const { preamble, tools, turns: { system } } = style;
  if (preamble === null && (!tools || system === null)) return [];
  return [
    "{%- if not messages or messages[0].role != 'system' -%}",
    ...preamble === null ? [] : [`{{- ${quoted(`${preamble}\n\n`)} -}}`],
    ...!tools || system === null ? [] : [
      `{%- if tools -%}{{- ${quoted(system.open)} + listed(tools) + ${
        quoted(system.close + system.after)
      } -}}{%- endif -%}`,
    ],
    "{%- endif -%}",
  ];
}

function breaks(
  between: readonly TurnBreak[],
  before: string,
  after: string,
): string[] {
  const lines = between.map((one, i) => {
    const tests = [
      ...one.before === null ? [] : [`${before} == ${quoted(one.before)}`],
      ...one.after === null ? [] : [`${after} == ${quoted(one.after)}`],
    ];
    const test = tests.length === 0 ? "true" : tests.join(" and ");
    return `{%- ${i === 0 ? "if" : "elif"} ${test} -%}{{- ${
      quoted(one.text)
    } -}}`;
  });
  return [...lines, "{%- endif -%}"];
}

function turnOf(style: TurnStyle, role: Role, first: boolean): string {
  const test = `{%- ${first ? "if" : "elif"} message.role == ${quoted(role)}`;
  const tags = style.turns[role];
  const trim = style.trim ? " | trim" : "";
  if (tags !== null) return `${test} -%}\n${turnText(style, role, tags, trim)}`;
  if (role !== "system") return `${test} and false -%}`; // refused below
  return [
    `${test} and loop.first and loop.nextitem is defined and loop.nextitem.role == 'user' -%}`,
    `{%- set merged.text = (message.content${trim}) + '\\n\\n' -%}`,
  ].join("\n");
}

function turnText(
  style: TurnStyle,
  role: Role,
  tags: TurnTags,
  trim: string,
): string {
  const merged = role === "user" && style.turns.system === null;
  const close = quoted(tags.close);
  const lines = [
    `{{- ${quoted(tags.open)}${merged ? " + merged.text" : ""} -}}`,
    ...merged ? ["{%- set merged.text = '' -%}"] : [],
  ];
  if (role === "system" && style.tools) {
    lines.push(
      "{%- if tools and loop.first -%}",
      `{{- (said(message)${trim}) + '\\n\\n' + listed(tools) + ${close} -}}`,
      "{%- else -%}",
      `{{- closed(said(message)${trim}, ${close}) -}}`,
      "{%- endif -%}",
    );
  } else lines.push(`{{- closed(said(message)${trim}, ${close}) -}}`);
  if (tags.after !== "") lines.push(`{{- ${quoted(tags.after)} -}}`);
  return lines.join("\n");
}
