/**
 * What of a conversation is trained, on small templates, each of which has a habit of a published family.
 * All of the published ones: `published_test.ts`.
 * @module
 */
import assert from "node:assert/strict";
import {
  type Message,
  randomFrom,
  type Template,
} from "@denotune/denotune/core";
import { jinjaTemplate } from "../../../plugins/templates/jinja_template/jinja_template.ts";
import { fromJinja, generated } from "./_make.ts";

const user = (content: string): Message => ({ role: "user", content });
const answer = (content: string, more: Partial<Message> = {}): Message => ({
  role: "assistant",
  content,
  ...more,
});
const calls = (...names: readonly string[]): Message =>
  answer("", {
    tool_calls: names.map((name) => ({
      id: `id-${name}`,
      type: "function",
      function: { name, arguments: { day: "Monday" } },
    })),
  });
const result = (content: string, call: string): Message => ({
  role: "tool",
  content,
  tool_call_id: `id-${call}`,
});
const said = (template: Template, messages: readonly Message[]): string[] => {
  const { text, spans } = template.render({ messages });
  const stretches: string[] = [];
  let end = -1;
  for (const span of spans.filter((one) => one.generated)) {
    const part = text.slice(span.start, span.end);
    if (span.start === end) stretches[stretches.length - 1] += part;
    else stretches.push(part);
    end = span.end;
  }
  return stretches;
};

/** Tools are listed before the last question, and answers have no header: Mistral. */
const LISTS_LATE = `
{%- set asked = messages | selectattr('role', 'equalto', 'user') | list -%}
{%- for m in messages -%}
  {%- if m.role == 'user' -%}
    {%- if m == asked[-1] -%}{{ '[AVAILABLE_TOOLS][/AVAILABLE_TOOLS]' }}{%- endif -%}
    {{- '[INST]' + m.content + '[/INST]' -}}
  {%- elif m.tool_calls -%}
    {{- '[TOOL_CALLS][' -}}
    {%- for c in m.tool_calls -%}{{- '{"name": "' + c.function.name + '"}' -}}{%- endfor -%}
    {{- ']' + eos_token -}}
  {%- elif m.role == 'tool' -%}{{- '[TOOL_RESULTS]' + m.content + '[/TOOL_RESULTS]' -}}
  {%- else -%}{{- m.content + eos_token -}}
  {%- endif -%}
{%- endfor -%}`;

Deno.test("assistant turns: what a row trains does not depend on the rows before it", () => {
  const rows = Array.from(
    { length: 40 },
    (_, i): Message[] =>
      Array.from({ length: 1 + i % 3 }, (_, turn) => [
        user(`Question ${turn}`),
        calls(`f${i}`),
        result("1", `f${i}`),
        answer(`Answer ${i}`),
      ]).flat(),
  );
  const alone = rows.map((row) => said(fromJinja(LISTS_LATE), row));
  for (let seed = 0; seed < 3; seed++) {
    const order = rows.map((_, i) => i);
    const random = randomFrom(seed, 1);
    for (let i = order.length - 1; i > 0; i--) {
      const k = random.below(i + 1);
      [order[i], order[k]] = [order[k], order[i]];
    }
    const template = fromJinja(LISTS_LATE);
    for (const i of order) {
      assert.deepEqual(said(template, rows[i]), alone[i], `row ${i}`);
    }
  }
});

Deno.test("assistant turns: what opens a call is trained, though the prompt is no prefix of the conversation", () => {
  assert.deepEqual(
    said(fromJinja(LISTS_LATE), [
      user("a"),
      calls("f"),
      result("1", "f"),
      answer("b"),
      user("c"),
      answer("d"),
    ]),
    ['[TOOL_CALLS][{"name": "f"}]</s>', "b</s>", "d</s>"],
  );
});

Deno.test("assistant turns: a tag is never cut where the generation prompt opens another", () => {
  // QwQ: the prompt opens thoughts, a call has none; `<think>` and `<tool_call>` share two characters
  const source = `
{%- for m in messages -%}
  {{- '<|im_start|>' + m.role + '\\n' -}}
  {%- if m.tool_calls -%}
    {{- '<tool_call>' + m.tool_calls[0].function.name + '</tool_call>' -}}
  {%- else -%}{{- m.content -}}
  {%- endif -%}
  {{- '<|im_end|>\\n' -}}
{%- endfor -%}
{%- if add_generation_prompt -%}{{- '<|im_start|>assistant\\n<think>\\n' -}}{%- endif -%}`;
  assert.deepEqual(
    said(fromJinja(source), [
      user("a"),
      calls("f"),
      result("1", "f"),
      answer("b"),
    ]),
    ["<tool_call>f</tool_call><|im_end|>", "b<|im_end|>"],
  );
  // GLM: the prompt opens thoughts, an answer without any closes them
  const closes = `
{%- for m in messages -%}
  {%- if m.role == 'user' -%}{{- '<|user|>' + m.content -}}
  {%- else -%}{{- '<|assistant|></think>' + m.content -}}
  {%- endif -%}
{%- endfor -%}
{%- if add_generation_prompt -%}{{- '<|assistant|><think>' -}}{%- endif -%}`;
  assert.deepEqual(
    said(fromJinja(closes), [user("a"), answer("b"), user("c"), answer("d")]),
    ["</think>b", "</think>d"],
  );
});

Deno.test("assistant turns: where the data brings what the prompt opens, it is not trained", () => {
  const source = `
{%- for m in messages -%}{{- '<|' + m.role + '|>' + m.content + '<|end|>' -}}{%- endfor -%}
{%- if add_generation_prompt -%}{{- '<|assistant|><think>' -}}{%- endif -%}`;
  assert.deepEqual(
    said(fromJinja(source), [user("a"), answer("<think>hm</think>b")]),
    ["hm</think>b<|end|>"],
  );
});

Deno.test("assistant turns: all tokens that close an answer are trained, up to the last", () => {
  // Command-R7B
  const source = `
{%- for m in messages -%}
  {%- if m.role == 'user' -%}{{- '<|USER_TOKEN|>' + m.content + '<|END_OF_TURN_TOKEN|>' -}}
  {%- else -%}{{- '<|CHATBOT_TOKEN|><|START_RESPONSE|>' + m.content + '<|END_RESPONSE|><|END_OF_TURN_TOKEN|>' -}}
  {%- endif -%}
{%- endfor -%}
{%- if add_generation_prompt -%}{{- '<|CHATBOT_TOKEN|>' -}}{%- endif -%}`;
  const template = fromJinja(source);
  assert.deepEqual(
    said(template, [user("a"), answer("b"), user("c"), answer("")]),
    [
      "<|START_RESPONSE|>b<|END_RESPONSE|><|END_OF_TURN_TOKEN|>",
      "<|START_RESPONSE|><|END_RESPONSE|><|END_OF_TURN_TOKEN|>",
    ],
  );
  assert.deepEqual(template.stops, ["<|END_OF_TURN_TOKEN|>"]);
});

/** Thoughts, calls and answers in messages of their own, each closed otherwise: gpt-oss. */
const CHANNELS = `
{%- set last = namespace(name=none) -%}
{{- '<|start|>system<|message|>Rules<|end|>' -}}
{%- for m in messages -%}
  {%- if m.tool_calls -%}
    {{- '<|start|>assistant to=' + m.tool_calls[0].function.name + '<|message|>' + (m.tool_calls[0].function.arguments | tojson) + '<|call|>' -}}
    {%- set last.name = m.tool_calls[0].function.name -%}
  {%- elif m.role == 'tool' -%}{{- '<|start|>' + last.name + '<|message|>' + m.content + '<|end|>' -}}
  {%- elif m.role == 'user' -%}{{- '<|start|>user<|message|>' + m.content + '<|end|>' -}}
  {%- elif loop.last -%}
    {%- if m.thinking -%}{{- '<|start|>assistant<|channel|>analysis<|message|>' + m.thinking + '<|end|>' -}}{%- endif -%}
    {{- '<|start|>assistant<|channel|>final<|message|>' + m.content + '<|return|>' -}}
  {%- else -%}{{- '<|start|>assistant<|channel|>final<|message|>' + m.content + '<|end|>' -}}
  {%- endif -%}
{%- endfor -%}
{%- if add_generation_prompt -%}{{- '<|start|>assistant' -}}{%- endif -%}`;

Deno.test("assistant turns: ends of inner turns are trained, quotations in the tool's turn are not", () => {
  const template = fromJinja(CHANNELS);
  assert.deepEqual(
    said(template, [
      user("a"),
      answer("b", { reasoning_content: "left out" }),
      user("c"),
      calls("f"),
      result("1", "f"),
      answer("d", { reasoning_content: "hm" }),
    ]),
    [
      "<|channel|>final<|message|>b<|end|>",
      ' to=f<|message|>{"day": "Monday"}<|call|>',
      "<|channel|>analysis<|message|>hm<|end|>" +
      "<|start|>assistant<|channel|>final<|message|>d<|return|>",
    ],
  );
  // what also stands between thoughts and answer does not end generation
  assert.deepEqual(template.stops, ["<|return|>"]);
});

Deno.test("assistant turns: results that are written in the assistant's turn belong to the tool", () => {
  // Gemma 4 looks ahead for results, and closes the turn after the answer
  const source = `
{%- for m in messages -%}
  {%- if m.role != 'tool' -%}
    {%- set continues = loop.index0 > 0 and loop.previtem.role == 'tool' -%}
    {%- if not continues -%}{{- '<|turn>' + m.role + '\\n' -}}{%- endif -%}
    {%- for c in m.tool_calls or [] -%}{{- '<|call>' + c.function.name + '<call|>' -}}{%- endfor -%}
    {%- set ns = namespace(stop=false) -%}
    {%- for k in range(loop.index0 + 1, messages | length) -%}
      {%- if messages[k].role != 'tool' -%}{%- set ns.stop = true -%}{%- endif -%}
      {%- if not ns.stop and m.tool_calls -%}
        {%- set follow = messages[k] -%}
        {%- for c in m.tool_calls if c.id == follow.tool_call_id -%}
          {{- '<|response>' + c.function.name + ':' + follow.content + '<response|>' -}}
        {%- endfor -%}
      {%- endif -%}
    {%- endfor -%}
    {{- m.content -}}
    {%- if not m.tool_calls -%}{{- '<turn|>\\n' -}}{%- endif -%}
  {%- endif -%}
{%- endfor -%}
{%- if add_generation_prompt and messages[-1].role != 'tool' -%}{{- '<|turn>assistant\\n' -}}{%- endif -%}`;
  assert.deepEqual(
    said(fromJinja(source), [
      user("a"),
      calls("f", "g"),
      result("1", "f"),
      result("2", "g"),
      answer("b"),
      user("c"),
      answer("d"),
    ]),
    ["<|call>f<call|><|call>g<call|>", "b<turn|>", "d<turn|>"],
  );
});

Deno.test("assistant turns: an end that the next turn writes is trained", () => {
  // Apertus
  const source = `
{%- set ns = namespace(open=false) -%}
{%- for m in messages -%}
  {%- if m.role == 'user' -%}
    {%- if ns.open -%}{{- '<|assistant_end|>' -}}{%- set ns.open = false -%}{%- endif -%}
    {{- '<|user_start|>' + m.content + '<|user_end|>' -}}
  {%- else -%}{{- '<|assistant_start|>' + m.content -}}{%- set ns.open = true -%}
  {%- endif -%}
{%- endfor -%}
{%- if add_generation_prompt -%}{{- '<|assistant_start|>' -}}{%- endif -%}`;
  const template = fromJinja(source);
  assert.deepEqual(
    said(template, [user("a"), answer("b"), user("c"), answer("d")]),
    [
      "b<|assistant_end|>",
      "d",
    ],
  );
  assert.deepEqual(template.stops, ["<|assistant_end|>"]);
});

Deno.test("assistant turns: the next turn's tag is trained where the model's config says that it stops there", () => {
  // GLM
  const source = `
{%- for m in messages -%}
  {%- if m.role == 'user' -%}{{- '<|user|>' + m.content -}}
  {%- elif m.role == 'tool' -%}{{- '<|observation|>' + m.content -}}
  {%- else -%}{{- '<|assistant|>' + m.content -}}
    {%- for c in m.tool_calls or [] -%}{{- '<tool_call>' + c.function.name + '</tool_call>' -}}{%- endfor -%}
  {%- endif -%}
{%- endfor -%}
{%- if add_generation_prompt -%}{{- '<|assistant|>' -}}{%- endif -%}`;
  const messages = [
    user("a"),
    calls("f"),
    result("1", "f"),
    answer("b"),
    user("c"),
    answer("d"),
  ];
  const options = {
    source,
    where: "a test",
    specialTokens: { bos: null, eos: "<|endoftext|>", pad: null, unk: null },
    now: new Date(),
    variables: {},
  };
  const modelEnds = ["<|endoftext|>", "<|user|>", "<|observation|>"];
  const template = jinjaTemplate({ ...options, modelEnds });
  assert.deepEqual(said(template, messages), [
    "<tool_call>f</tool_call><|observation|>",
    "b<|user|>",
    "d",
  ]);
  assert.deepEqual([...template.stops].sort(), [...modelEnds].sort());
  // without: up to the first token that another role writes
  assert.deepEqual(said(jinjaTemplate(options), messages), [
    "<tool_call>f</tool_call>",
    "b",
    "d",
  ]);
});

Deno.test("assistant turns: text that is collected in a variable, and messages taken by number, are traced", () => {
  const source = `
{%- set ns = namespace(out='') -%}
{%- for i in range(messages | length) -%}
  {%- set m = messages[i] -%}
  {%- if m.role == 'user' -%}{%- set ns.out = ns.out ~ 'human: ' ~ m.content ~ '<sep>' -%}
  {%- else -%}{%- set ns.out = ns.out ~ 'assistant: ' ~ m.content ~ '\\n\\n<sep>' -%}
  {%- endif -%}
{%- endfor -%}
{%- if add_generation_prompt -%}{%- set ns.out = ns.out ~ 'assistant:' -%}{%- endif -%}
{{- ns.out -}}`;
  const rendered = fromJinja(source).render({
    messages: [user("a"), answer("b"), user("c"), answer("d")],
  });
  assert.deepEqual(generated(rendered), [
    "content 1:  b",
    "end 1: \n\n<sep>",
    "content 3:  d",
    "end 3: \n\n<sep>",
  ]);
});
