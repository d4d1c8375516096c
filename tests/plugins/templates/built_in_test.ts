import assert from "node:assert/strict";
import { testTemplate } from "../../conformance/template.ts";
import { CONTEXT, fromJinja, generated, makeTemplate, talk } from "./_make.ts";

const trim = { written: (content: string) => content.trim() };
testTemplate("alpaca", () => makeTemplate("alpaca"));
testTemplate("plain", () => makeTemplate("plain"));
testTemplate("chatml", () => makeTemplate("chatml"));
testTemplate("llama3", () => makeTemplate("llama3"), trim);
testTemplate("mistral", () => makeTemplate("mistral"));
testTemplate("gemma", () => makeTemplate("gemma"), trim);
testTemplate("phi3", () => makeTemplate("phi3"));
testTemplate("zephyr", () => makeTemplate("zephyr"));
testTemplate(
  "role-tags, an end each turn",
  () => makeTemplate("role-tags", { end_each_turn: true }),
);
testTemplate("role-tags", () => makeTemplate("role-tags"));

const CHAT = {
  messages: [
    { role: "system", content: "Be brief." },
    { role: "user", content: "Sort.", input: "3 1 2" },
    { role: "assistant", content: "1 2 3" },
    { role: "user", content: "Thanks" },
    { role: "assistant", content: "Bye" },
  ],
} as const;

const WRITTEN: Readonly<Record<string, string>> = {
  alpaca:
    "Be brief.\n\n### Instruction:\nSort.\n\n### Input:\n3 1 2\n\n### Response:\n1 2 3</s>\n\n" +
    "### Instruction:\nThanks\n\n### Response:\nBye</s>",
  plain: "Be brief.\n\nSort.\n\n3 1 2\n1 2 3</s>\n\nThanks\nBye</s>",
  chatml:
    "<|im_start|>system\nBe brief.<|im_end|>\n<|im_start|>user\nSort.\n\n3 1 2<|im_end|>\n" +
    "<|im_start|>assistant\n1 2 3<|im_end|>\n<|im_start|>user\nThanks<|im_end|>\n" +
    "<|im_start|>assistant\nBye<|im_end|>\n",
  llama3: "<|start_header_id|>system<|end_header_id|>\n\nBe brief.<|eot_id|>" +
    "<|start_header_id|>user<|end_header_id|>\n\nSort.\n\n3 1 2<|eot_id|>" +
    "<|start_header_id|>assistant<|end_header_id|>\n\n1 2 3<|eot_id|>" +
    "<|start_header_id|>user<|end_header_id|>\n\nThanks<|eot_id|>" +
    "<|start_header_id|>assistant<|end_header_id|>\n\nBye<|eot_id|>",
  mistral:
    "[INST]Be brief.\n\nSort.\n\n3 1 2[/INST]1 2 3</s>[INST]Thanks[/INST]Bye</s>",
  gemma:
    "<start_of_turn>user\nBe brief.\n\nSort.\n\n3 1 2<end_of_turn>\n<start_of_turn>model\n1 2 3<end_of_turn>\n" +
    "<start_of_turn>user\nThanks<end_of_turn>\n<start_of_turn>model\nBye<end_of_turn>\n",
  phi3:
    "<|system|>\nBe brief.<|end|>\n<|user|>\nSort.\n\n3 1 2<|end|>\n<|assistant|>\n1 2 3<|end|>\n" +
    "<|user|>\nThanks<|end|>\n<|assistant|>\nBye<|end|>\n",
  zephyr:
    "<|system|>\nBe brief.</s>\n<|user|>\nSort.\n\n3 1 2</s>\n<|assistant|>\n1 2 3</s>\n" +
    "<|user|>\nThanks</s>\n<|assistant|>\nBye</s>\n",
  "role-tags":
    "<|system|>\nBe brief.\n<|user|>\nSort.\n\n3 1 2\n<|assistant|>\n1 2 3\n" +
    "<|user|>\nThanks\n<|assistant|>\nBye\n<|end|>",
};

for (const [name, text] of Object.entries(WRITTEN)) {
  Deno.test(`${name}: a conversation, written out`, async () => {
    assert.equal((await makeTemplate(name)).render(CHAT).text, text);
  });
}

Deno.test("role-tags: one marker closes the conversation, and the answer in the middle has none", async () => {
  const rendered = (await makeTemplate("role-tags")).render(CHAT);
  assert.deepEqual(generated(rendered), [
    "content 2: 1 2 3",
    "content 4: Bye",
    "end 4: \n<|end|>",
  ]);
});

Deno.test("alpaca: the preamble stands where no system text does, and is not the model's", async () => {
  const template = await makeTemplate("alpaca", {
    preamble: "Below is a task.",
  });
  const rendered = template.render(talk("Hi", "Hello"));
  assert.equal(
    rendered.text,
    "Below is a task.\n\n### Instruction:\nHi\n\n### Response:\nHello</s>",
  );
  assert.deepEqual(generated(rendered), ["content 1: Hello", "end 1: </s>"]);
  assert.ok(
    template.render(CHAT).text.startsWith("Be brief.\n\n### Instruction"),
  );
});

Deno.test("plain: the separator stands before each answer, prompt and completion need none", async () => {
  const template = await makeTemplate("plain", {
    separator: "\n\n### Response:\n",
  });
  assert.equal(
    template.render(talk("Hi", "Hello")).text,
    "Hi\n\n### Response:\nHello</s>",
  );
  const sameByOtherName = await makeTemplate("plain", {
    instruction_response_separator: "\n\n### Response:\n",
  });
  assert.deepEqual(
    sameByOtherName.render(talk("Hi", "Hello")),
    template.render(talk("Hi", "Hello")),
  );
  assert.equal(
    template.render({ prompt: "2 + 2 =", completion: " 4" }).text,
    "2 + 2 = 4</s>",
  );
});

Deno.test("templates: the system prompt of a prompt is written as a system turn, in training and in asking", async () => {
  const pair = {
    system: "Be brief.",
    prompt: "Two and two?",
    completion: "Four",
  };
  const { completion: _, ...request } = pair;
  const messages = [
    { role: "system", content: pair.system },
    { role: "user", content: pair.prompt },
    { role: "assistant", content: pair.completion },
  ] as const;
  for (const name of ["chatml", "alpaca", "llama3", "gemma", "zephyr"]) {
    const template = await makeTemplate(name);
    const rendered = template.render(pair);
    assert.equal(rendered.text, template.render({ messages }).text);
    assert.ok(rendered.text.startsWith(template.prompt(request).text));
    assert.equal(generated(rendered)[0], "content 1: Four");
  }
  const plain = await makeTemplate("plain", { system_separator: "\n" });
  assert.equal(plain.render(pair).text, "Be brief.\nTwo and two?Four</s>");
  assert.equal(plain.prompt(request).text, "Be brief.\nTwo and two?");
  const jinja = fromJinja(
    "{% for m in messages %}[{{ m.role }}]{{ m.content }}{% endfor %}",
  );
  assert.equal(
    jinja.render(pair).text,
    "[system]Be brief.[user]Two and two?[assistant]Four",
  );
});

Deno.test("Jinja: thoughts are there under both names in use", () => {
  const template = fromJinja(
    "{% for m in messages %}{{ m.thinking or '' }}|{{ m.content }}{% endfor %}",
  );
  const rendered = template.render({
    messages: [{ role: "user", content: "Hi" }, {
      role: "assistant",
      reasoning_content: "A greeting.",
      content: "Hello",
    }],
  });
  assert.equal(rendered.text, "|HiA greeting.|Hello");
  assert.deepEqual(generated(rendered), ["content 1: A greeting.|Hello"]);
});

Deno.test("templates: a marker that the content brings is not written twice", async () => {
  for (const name of ["alpaca", "plain", "zephyr", "mistral"]) {
    const template = await makeTemplate(name);
    const rendered = template.render(talk("Hi", "Hello</s>"));
    assert.equal(rendered.text, template.render(talk("Hi", "Hello")).text);
    assert.deepEqual(generated(rendered), ["content 1: Hello", "end 1: </s>"]);
  }
});

Deno.test("templates: without EOS, alpaca and plain write no end", async () => {
  const context = {
    ...CONTEXT,
    specialTokens: { bos: null, eos: null, pad: null, unk: null },
  };
  for (const name of ["alpaca", "plain"]) {
    const template = await makeTemplate(name, {}, context);
    assert.deepEqual(generated(template.render(talk("Hi", "Hello"))), [
      "content 1: Hello",
    ]);
    assert.deepEqual(template.stops, []);
  }
});

Deno.test("chatml: tools, thoughts and calls are written, and the model writes its own", async () => {
  const template = await makeTemplate("chatml");
  const rendered = template.render({
    tools: [{ type: "function", function: { name: "now" } }],
    messages: [
      { role: "user", content: "Time?" },
      {
        role: "assistant",
        content: "",
        reasoning_content: "A tool knows.",
        tool_calls: [{
          function: { name: "now", arguments: { zone: "UTC", precise: true } },
        }],
      },
      { role: "tool", content: "12:00" },
      { role: "assistant", content: "Noon." },
    ],
  });
  assert.deepEqual(generated(rendered), [
    "content 1: <think>\nA tool knows.\n</think>\n\n" +
    '<tool_call>\n{"name": "now", "arguments": {"zone": "UTC", "precise": true}}\n</tool_call>',
    "end 1: <|im_end|>",
    "content 3: Noon.",
    "end 3: <|im_end|>",
  ]);
  assert.ok(rendered.text.startsWith("<|im_start|>system\n# Tools"));
  assert.ok(
    rendered.text.includes(
      '\n{"type": "function", "function": {"name": "now"}}\n</tools>',
    ),
  );
});

Deno.test("templates: what cannot be written is refused, with the message's index", async () => {
  const refused = async (
    name: string,
    example: object,
    message: RegExp,
  ): Promise<void> => {
    const template = await makeTemplate(name);
    // deno-lint-ignore no-explicit-any -- examples of any shape
    assert.throws(() => template.render(example as any), {
      name: "DataError",
      message,
    });
  };
  const tool = {
    messages: [...talk("a", "b").messages, { role: "tool", content: "x" }],
  };
  for (const name of ["alpaca", "plain", "mistral", "gemma"]) {
    await refused(name, tool, /cannot write message 2 \(role tool\)/);
    await refused(name, { ...talk("a", "b"), tools: [{}] }, /has tools/);
  }
  const late = {
    messages: [...talk("a", "b").messages, { role: "system", content: "x" }],
  };
  await refused("gemma", late, /message 2 \(role system\)/);
});
