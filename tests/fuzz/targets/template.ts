/**
 * Mutated chat templates: those of the test data where they are, else a small one.
 * @module
 */
import { jinjaTemplate } from "../../../plugins/templates/jinja_template/jinja_template.ts";
import { CONVERSATIONS } from "../../plugins/templates/_conversations.ts";
import { testData } from "../../test_data.ts";
import type { Random } from "../_mutate.ts";
import { type FuzzTarget, reading } from "../_target.ts";

const SMALL = `{%- macro say(m, end='<|end|>') -%}
{{- '<|' + m.role + '|>' + m.content | trim + end -}}
{%- endmacro -%}
{%- set ns = namespace(n=0) -%}
{%- for m in messages -%}
  {%- set ns.n = ns.n + 1 -%}
  {%- if m.tool_calls is defined and m.tool_calls -%}
    {%- for c in m.tool_calls -%}{{- c.function | tojson(indent=2) -}}{%- endfor -%}
  {%- elif m.role in ['user', 'assistant'] -%}{{- say(m) -}}
  {%- else -%}{{- say(m, end='%s|%d' % ('x', ns.n)) -}}{%- endif -%}
{%- endfor -%}
{%- if add_generation_prompt -%}{{- '<|assistant|>' -}}{%- endif -%}`;
const FOLDER = testData("chat_templates");
const SOURCES = FOLDER === null ? [SMALL] : [
  SMALL,
  ...[...Deno.readDirSync(FOLDER)].map(({ name }) => name).sort().map(
    (name) => Deno.readTextFileSync(`${FOLDER}/${name}`),
  ),
];
const BITS = [
  "{%",
  "%}",
  "{{",
  "}}",
  "-",
  "|",
  "(",
  ")",
  "[",
  "'",
  ".",
  "* 99999999",
  " if ",
  " in ",
  "range(100000)",
  "\\\\",
  "{#",
  "\\n",
  "\\ud800",
  "%",
  "**",
  "[::-1]",
  "loop",
  "messages",
  "|tojson(indent=9999999)",
  "|sort",
  "is ",
  "none",
  "{% for i in range(100000) %}",
  "recursive",
];

function mutated(source: string, random: Random): string {
  let text = source;
  for (let round = 1 + random.below(4); round > 0; round--) {
    const at = random.below(text.length + 1);
    const bit = random.pick(BITS);
    const after = text.slice(at + random.below(9));
    text = text.slice(0, at) + (random.once(3) ? "" : bit) +
      (random.once(2) ? text.slice(at) : after);
  }
  return text;
}

/** Makes a template of the mutant and renders a conversation with it. */
export const target: FuzzTarget = {
  async attempt(random) {
    const source = mutated(random.pick(SOURCES), random);
    const { messages, tools } = random.pick(CONVERSATIONS);
    return await reading(() => {
      const template = jinjaTemplate({
        source,
        where: "chat_template.jinja",
        specialTokens: { bos: "<s>", eos: "</s>", pad: null, unk: null },
        now: new Date(2026, 0, 5),
        variables: {},
      });
      const request = { messages, tools: tools ?? undefined };
      const { text, spans } = template.render(request);
      let end = 0;
      for (const span of spans) {
        if (span.start < end || span.end <= span.start) {
          throw new Error("spans overlap or are empty");
        }
        end = span.end;
      }
      if (end > text.length) throw new Error("spans beyond the text");
      template.prompt(request);
    });
  },
};
