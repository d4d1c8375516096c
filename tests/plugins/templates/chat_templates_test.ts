import assert from "node:assert/strict";
import type { Message } from "@denotune/denotune/core";
import { testData } from "../../test_data.ts";
import { fromJinja, generated } from "./_make.ts";

interface Case {
  readonly template: string;
  readonly file: string;
  readonly case: string;
  readonly messages: readonly Message[];
  readonly tools: readonly unknown[] | null;
  readonly add_generation_prompt: boolean;
  readonly bos_token: string;
  readonly eos_token: string;
  readonly rendered: string | null;
  readonly error: string | null;
}

const path = testData("golden/chat_template_renders.json");
const cases: readonly Case[] = path === null
  ? []
  : JSON.parse(await Deno.readTextFile(path));

const ENDS: Readonly<Record<string, string>> = {
  "NousResearch-Hermes-2-Pro-Llama-3-8B-tool_use": "<|im_end|>",
  "Qwen-Qwen2.5-7B-Instruct": "<|im_end|>",
  "deepseek-ai-DeepSeek-R1-Distill-Qwen-32B": "<｜end▁of▁sentence｜>",
  "microsoft-Phi-3.5-mini-instruct": "<|end|>",
  "mistralai-Mistral-Nemo-Instruct-2407": "</s>",
  minimind: "<|im_end|>",
};
/** What templates write for a turn that is only a tool call; those left out write nothing of it. */
const CALL = '<tool_call>\n{"name": "get_current_temperature", "arguments": ' +
  '{"location": "Paris, France", "unit": "celsius"}}\n</tool_call>';
const WRITE_CALLS = [
  "NousResearch-Hermes-2-Pro-Llama-3-8B-tool_use",
  "Qwen-Qwen2.5-7B-Instruct",
  "minimind",
];

async function sourceOf({ template, file }: Case): Promise<string> {
  const folder = testData(
    template === "minimind" ? "tokenizers/minimind" : "chat_templates",
  );
  if (template !== "minimind") {
    return await Deno.readTextFile(`${folder}/${file}`);
  }
  return JSON.parse(await Deno.readTextFile(`${folder}/tokenizer_config.json`))
    .chat_template;
}

Deno.test({
  name: "chat templates: the golden renders are there",
  ignore: path === null,
  fn: () => assert.equal(cases.length, 72),
});

for (const one of cases) {
  const name =
    `${one.template}, ${one.case}${one.tools === null ? "" : " with tools"}` +
    `${one.add_generation_prompt ? ", as a prompt" : ""}`;
  Deno.test(`chat template ${name}`, async () => {
    const template = fromJinja(await sourceOf(one), {
      specialTokens: {
        bos: one.bos_token,
        eos: one.eos_token,
        pad: null,
        unk: null,
      },
    });
    const request = { messages: one.messages, tools: one.tools ?? undefined };
    const render = () =>
      one.add_generation_prompt
        ? template.prompt(request)
        : template.render(request);
    if (one.error !== null) {
      const reason = one.error.slice(one.error.indexOf(": ") + 2);
      assert.throws(
        render,
        (error) =>
          error instanceof Error && error.name === "DataError" &&
          error.message.includes(reason),
      );
      return;
    }
    const rendered = render();
    assert.equal(rendered.text, one.rendered);
    assert.equal(rendered.addBos, false);
    const expected = one.messages.flatMap(
      ({ role, content, tool_calls }, i) => {
        if (role !== "assistant") return [];
        const said =
          tool_calls !== undefined && WRITE_CALLS.includes(one.template)
            ? CALL
            : content;
        const end = `end ${i}: ${ENDS[one.template]}`;
        return said === "" ? [end] : [`content ${i}: ${said}`, end];
      },
    );
    assert.deepEqual(generated(rendered), expected);
    assert.deepEqual(template.stops, [ENDS[one.template]]);
  });
}
