/** Chat templates in Ollama's syntax, derived and compared with what Jinja writes. */
import assert from "node:assert/strict";
import { makePart, testHost } from "@denotune/denotune/testing";
import { ollamaTemplate } from "../../../../plugins/exporters/gguf/ollama_template.ts";
import { jinja } from "../../../../plugins/templates/mod.ts";

async function derive(
  source: string,
  bos: string | null = null,
): Promise<string | null> {
  const template = await makePart(
    { parts: [jinja] },
    "template",
    { source },
    testHost(),
  );
  return ollamaTemplate(template, bos);
}

const CHATML =
  "{% for m in messages %}{{ '<|im_start|>' + m.role + '\n' + m.content + '<|im_end|>\n' }}{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}";

Deno.test("ChatML in Ollama's syntax", async () => {
  assert.equal(
    await derive(CHATML),
    `{{ range .Messages }}{{ if eq .Role "system" }}<|im_start|>system
{{ .Content }}<|im_end|>
{{ end }}{{ if eq .Role "user" }}<|im_start|>user
{{ .Content }}<|im_end|>
{{ end }}{{ if eq .Role "assistant" }}<|im_start|>assistant
{{ .Content }}<|im_end|>
{{ end }}{{ end }}<|im_start|>assistant
`,
  );
});

Deno.test("a BOS that Ollama adds itself is left out, and a role that a template refuses", async () => {
  const gemma =
    "{{ '<bos>' }}{% for m in messages %}{% if m.role == 'system' %}{{ raise_exception('no system') }}{% endif %}{{ '<start_of_turn>' + ('model' if m.role == 'assistant' else m.role) + '\n' + m.content + '<end_of_turn>\n' }}{% endfor %}{% if add_generation_prompt %}{{ '<start_of_turn>model\n' }}{% endif %}";
  assert.equal(
    await derive(gemma, "<bos>"),
    `{{ range .Messages }}{{ if eq .Role "user" }}<start_of_turn>user
{{ .Content }}<end_of_turn>
{{ end }}{{ if eq .Role "assistant" }}<start_of_turn>model
{{ .Content }}<end_of_turn>
{{ end }}{{ end }}<start_of_turn>model
`,
  );
});

Deno.test("a template that changes what was said, numbers turns or says more is not derived", async () => {
  for (
    const source of [
      CHATML.replace("m.content", "m.content | upper"),
      CHATML.replace("'<|im_start|>'", "'<' + loop.index | string + '>'"),
      CHATML.replace("'<|im_start|>assistant\n'", "'{{ answer }}'"),
      "{{ messages | length }}",
    ]
  ) {
    assert.equal(await derive(source), null, source);
  }
});
