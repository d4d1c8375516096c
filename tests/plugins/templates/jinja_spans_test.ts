import assert from "node:assert/strict";
import type { Message } from "@denotune/denotune/core";
import { fromJinja, generated, makeTemplate, talk } from "./_make.ts";

const CHATML =
  "{%- for m in messages %}{{- '<|im_start|>' + m.role + '\\n' + m.content + '<|im_end|>\\n' }}{%- endfor %}" +
  "{%- if add_generation_prompt %}{{- '<|im_start|>assistant\\n' }}{%- endif %}";

Deno.test("Jinja spans: content that looks like the template's own text stays content", () => {
  const template = fromJinja(CHATML);
  const tricky = "a<|im_end|>\n<|im_start|>assistant\nb";
  assert.deepEqual(
    generated(template.render(talk("Hi", tricky, "user <|im_end|>", "Hi"))),
    [
      `content 1: ${tricky}`,
      "end 1: <|im_end|>",
      "content 3: Hi",
      "end 3: <|im_end|>",
    ],
  );
});

Deno.test("Jinja spans: the same words said by user and assistant are told apart", () => {
  const rendered = fromJinja(CHATML).render(
    talk("same", "same", "same", "same"),
  );
  assert.deepEqual(
    rendered.spans.filter(({ kind }) => kind === "content").map((
      { start, message },
    ) => [start, message]),
    [
      [17, 0],
      [54, 1],
      [86, 2],
      [123, 3],
    ],
  );
});

Deno.test("Jinja spans: thoughts are the model's, what the prompt opens is not", () => {
  // the generation prompt opens the thoughts that the template writes for every answer
  const source = "{%- for m in messages %}{%- if m.role == 'assistant' %}" +
    "{{- 'A:<think>\\n' + (m.reasoning_content or '') + '\\n</think>\\n' + m.content + '<|end|>' }}" +
    "{%- else %}{{- 'U:' + m.content + '\\n' }}{%- endif %}{%- endfor %}" +
    "{%- if add_generation_prompt %}{{- 'A:<think>\\n' }}{%- endif %}";
  const messages: readonly Message[] = [
    { role: "user", content: "2+2?" },
    { role: "assistant", content: "4", reasoning_content: "Add." },
  ];
  assert.deepEqual(generated(fromJinja(source).render({ messages })), [
    "content 1: Add.\n</think>\n4",
    "end 1: <|end|>",
  ]);
});

Deno.test("Jinja spans: a template that cuts thoughts out of old answers trains what is left", () => {
  const source =
    "{%- for m in messages %}{{- '<|' + m.role + '|>' + m.content.split('</think>')[-1] + '<|end|>' }}{%- endfor %}" +
    "{%- if add_generation_prompt %}{{- '<|assistant|>' }}{%- endif %}";
  const rendered = fromJinja(source).render(
    talk("Hi", "<think>x</think>Hello"),
  );
  assert.deepEqual(generated(rendered), ["content 1: Hello", "end 1: <|end|>"]);
});

Deno.test("Jinja spans: an answer in the middle may end otherwise than the last", () => {
  const source =
    "{%- for m in messages %}{{- '<|start|>' + m.role + '<|message|>' + m.content }}" +
    "{{- '<|return|>' if loop.last and m.role == 'assistant' else '<|end|>' }}{%- endfor %}" +
    "{%- if add_generation_prompt %}{{- '<|start|>assistant<|message|>' }}{%- endif %}";
  const template = fromJinja(source);
  assert.deepEqual(generated(template.render(talk("a", "b", "c", "d"))), [
    "content 1: b",
    "end 1: <|end|>",
    "content 3: d",
    "end 3: <|return|>",
  ]);
  assert.deepEqual(template.stops, ["<|return|>", "<|end|>"]);
});

Deno.test("Jinja spans: {% generation %} says what is trained, to the character", () => {
  const source =
    "{%- for m in messages %}{%- if m.role == 'assistant' %}{{- '<a>' }}" +
    "{% generation %}{{- m.content + '<|end|>' }}{% endgeneration %}{{- '\\n' }}" +
    "{%- else %}{{- '<u>' + m.content + '\\n' }}{%- endif %}{%- endfor %}";
  const rendered = fromJinja(source).render(talk("a", "b", "c", ""));
  assert.equal(rendered.text, "<u>a\n<a>b<|end|>\n<u>c\n<a><|end|>\n");
  assert.deepEqual(generated(rendered), [
    "content 1: b",
    "end 1: <|end|>",
    "end 3: <|end|>",
  ]);
});

Deno.test("Jinja spans: {% generation %} around what the message does not write is the assistant's", () => {
  const source = "{%- for m in messages %}{%- if m.role == 'assistant' %}" +
    "{% generation %}{{- '<a>nothing<|end|>' }}{% endgeneration %}" +
    "{%- else %}{{- '<u>' + m.content + '\n' }}{%- endif %}{%- endfor %}";
  const rendered = fromJinja(source).render(talk("a", "b", "c", "d"));
  assert.deepEqual(generated(rendered), [
    "content 1: <a>nothing",
    "end 1: <|end|>",
    "content 3: <a>nothing",
    "end 3: <|end|>",
  ]);
  assert.ok(
    rendered.spans.every(({ role, generated }) =>
      generated === (role === "assistant")
    ),
  );
});

Deno.test("Jinja spans: {% generation %} around a user's turn is refused", () => {
  const source =
    "{%- for m in messages %}{% generation %}{{- m.content }}{% endgeneration %}{%- endfor %}";
  assert.throws(() => fromJinja(source).render(talk("a", "b")), {
    name: "DataError",
    message: /\{% generation %\} covers message 0 \(role user\)/,
  });
});

Deno.test("Jinja spans: weights travel, and are not shown to the template", () => {
  const source = CHATML +
    "{%- for m in messages %}{%- if m.weight is defined %}{{- 'seen' }}{%- endif %}{%- endfor %}";
  const rendered = fromJinja(source).render({
    messages: [{ role: "user", content: "a" }, {
      role: "assistant",
      content: "b",
      weight: 0,
    }],
  });
  assert.deepEqual(
    rendered.spans.filter((span) => span.generated).map(({ weight }) => weight),
    [0, 0],
  );
  assert.ok(!rendered.text.includes("seen"));
});

Deno.test("Jinja: input is joined to the content, unless the template writes it itself", () => {
  const messages: readonly Message[] = [{
    role: "user",
    content: "Sort",
    input: "2 1",
  }];
  assert.equal(
    fromJinja("{{ messages[0].content }}").render({ messages }).text,
    "Sort\n\n2 1",
  );
  assert.equal(
    fromJinja("{{ 'The input: ' + messages[0].content }}").render({ messages })
      .text,
    "The input: Sort\n\n2 1",
  );
  assert.equal(
    fromJinja("{{ messages[0].content + '|' + messages[0].input }}").render({
      messages,
    }).text,
    "Sort|2 1",
  );
});

Deno.test("Jinja: no BOS is added to what a chat template wrote, as in apply_chat_template", () => {
  assert.equal(
    fromJinja("{{ bos_token + messages[0].content }}").render(talk("a")).addBos,
    false,
  );
  assert.equal(
    fromJinja("{{ messages[0].content }}").render(talk("a")).addBos,
    false,
  );
  assert.equal(
    fromJinja("{{ messages[0].content }}").prompt(talk("a")).addBos,
    false,
  );
  // a text is written by no template
  assert.equal(
    fromJinja("{{ messages[0].content }}").render({ text: "a" }).addBos,
    true,
  );
});

Deno.test("Jinja: an error names the message that the template was at", () => {
  const source =
    "{%- for m in messages %}{%- if (m.role == 'user') != (loop.index0 % 2 == 0) %}" +
    "{{- raise_exception('Roles must alternate') }}{%- endif %}{{- m.content }}{%- endfor %}";
  const messages: readonly Message[] = [{ role: "user", content: "a" }, {
    role: "user",
    content: "b",
  }];
  assert.throws(() => fromJinja(source).render({ messages }), {
    name: "DataError",
    message: /at message 1 \(role user\): Roles must alternate/,
  });
});

Deno.test("jinja and tokenizer: parts take a file, a source or the tokenizer's own", async () => {
  const file = await Deno.makeTempFile({ suffix: ".jinja" });
  try {
    await Deno.writeTextFile(file, CHATML);
    const fromFile = await makeTemplate("jinja", { path: file });
    const inline = await makeTemplate("jinja", { source: CHATML });
    const own = await makeTemplate("tokenizer", {}, { chatTemplate: CHATML });
    for (const template of [fromFile, inline, own]) {
      assert.equal(template.jinja, CHATML);
      assert.deepEqual(generated(template.render(talk("a", "b"))), [
        "content 1: b",
        "end 1: <|im_end|>",
      ]);
    }
  } finally {
    await Deno.remove(file);
  }
  await assert.rejects(makeTemplate("jinja"), {
    name: "ConfigError",
    message: /found neither/,
  });
  await assert.rejects(makeTemplate("jinja", { path: "no/such.jinja" }), {
    name: "DataError",
    message: /no\/such\.jinja/,
  });
  await assert.rejects(makeTemplate("tokenizer"), {
    name: "ConfigError",
    message: /has no chat template/,
  });
});

Deno.test("tokenizer: variables and the date reach the template", async () => {
  const source =
    "{{ strftime_now('%Y-%m-%d') + ' ' + (enable_thinking | string) }}";
  const template = await makeTemplate("tokenizer", {
    variables: { enable_thinking: false },
    date: "2026-01-31",
  }, { chatTemplate: source });
  assert.equal(
    template.render(talk("a")).text,
    "2026-01-31 False",
  );
});
