import assert from "node:assert/strict";
import { replyMarks } from "../../../../core/library/reply/marks.ts";
import {
  ReplyParser,
  type ReplyPiece,
} from "../../../../core/library/reply/reply_parser.ts";
import type { Message } from "../../../../core/contracts/format.ts";
import { testData } from "../../../test_data.ts";

const TEMPLATES = testData("chat_templates");
const none = { idOf: () => null };
const qwen = "{{ '<think>' }}{{ '<tool_call>' }}";

/** The turn of an answer that came in pieces of some length, and what was seen of it meanwhile. */
function parsed(
  answer: string,
  { template = qwen, size = answer.length, prompt = "", tools = true } = {},
): { message: Message; pieces: ReplyPiece[] } {
  const parser = new ReplyParser(
    replyMarks({ ...none, chatTemplate: template }),
    { prompt, tools },
  );
  const pieces: ReplyPiece[] = [];
  for (let at = 0; at < answer.length; at += Math.max(1, size)) {
    pieces.push(...parser.push(answer.slice(at, at + Math.max(1, size))));
  }
  pieces.push(...parser.end());
  return { message: parser.message, pieces };
}

function call(name: string, values: unknown, id?: string) {
  return {
    ...(id === undefined ? {} : { id }),
    type: "function",
    function: { name, arguments: values },
  };
}

const paris = { city: "Paris", days: 3 };
const llama3 =
  'Respond in the format {"name": function name, "parameters": dictionary of argument name and its value}.';

/** Template, answer, what it is. */
const CASES: readonly (readonly [string, string, Omit<Message, "role">])[] = [
  [qwen, "Hello.", { content: "Hello." }],
  [qwen, "  two spaces and an end \n", {
    content: "  two spaces and an end \n",
  }],
  [qwen, "<think>\nHm.\n</think>\n\nParis.", {
    content: "Paris.",
    reasoning_content: "Hm.",
  }],
  [qwen, "<think>\n\n</think>\n\nParis.", { content: "Paris." }],
  [qwen, "<think>never ends", { content: "", reasoning_content: "never ends" }],
  [
    qwen,
    'Let me look.\n<tool_call>\n{"name": "map", "arguments": {"city": "Paris", "days": 3}}\n</tool_call>',
    { content: "Let me look.", tool_calls: [call("map", paris)] },
  ],
  [
    qwen,
    '<tool_call>\n{"name": "a", "arguments": {}}\n</tool_call>\n<tool_call>\n{"name": "b", "arguments": "{\\"x\\": 1}"}\n</tool_call>',
    { content: "", tool_calls: [call("a", {}), call("b", { x: 1 })] },
  ],
  [
    qwen,
    "<tool_call>\n<function=map>\n<parameter=city>\nParis\n</parameter>\n<parameter=days>\n3\n</parameter>\n</function>\n</tool_call>",
    { content: "", tool_calls: [call("map", paris)] },
  ],
  [
    qwen,
    "<tool_call>map\n<arg_key>city</arg_key>\n<arg_value>Paris</arg_value>\n<arg_key>days</arg_key>\n<arg_value>3</arg_value>\n</tool_call>",
    { content: "", tool_calls: [call("map", paris)] },
  ],
  [qwen, "<tool_call>{no json</tool_call> and on", {
    content: "<tool_call>{no json</tool_call> and on",
  }],
  [qwen, "a < b, <tool", { content: "a < b, <tool" }],
  [
    "[TOOL_CALLS]",
    '[TOOL_CALLS][{"name": "map", "arguments": {}, "id": "1"}]',
    {
      content: "",
      tool_calls: [call("map", {}, "1")],
    },
  ],
  [
    "[TOOL_CALLS][ARGS]",
    'So:[TOOL_CALLS]map[CALL_ID]abc[ARGS]{"city": "Paris", "days": 3}[TOOL_CALLS]now[ARGS]{}',
    {
      content: "So:",
      tool_calls: [call("map", paris, "abc"), call("now", {})],
    },
  ],
  ["[THINK]", "[THINK]Hm.[/THINK]Paris.", {
    content: "Paris.",
    reasoning_content: "Hm.",
  }],
  [
    "<|tool_call_start|>",
    '<|tool_call_start|>[map(city="Paris", days=3), now(at=[True, None, {"a": -1.5}])]<|tool_call_end|>Checking.',
    {
      content: "Checking.",
      tool_calls: [
        call("map", paris),
        call("now", { at: [true, null, { a: -1.5 }] }),
      ],
    },
  ],
  [
    "<|tool_call>",
    '<|tool_call>call:map{city:<|"|>Paris, {a:1}<|"|>,days:3,deep:{x:[<|"|>"<|"|>]}}<tool_call|>',
    {
      content: "",
      tool_calls: [
        call("map", { city: "Paris, {a:1}", days: 3, deep: { x: ['"'] } }),
      ],
    },
  ],
  ["<|tool_call|>", '<|tool_call|>[{"name": "map", "arguments": {}}]', {
    content: "",
    tool_calls: [call("map", {})],
  }],
  [llama3, '{"name": "map", "parameters": {"city": "Paris", "days": 3}}', {
    content: "",
    tool_calls: [call("map", paris)],
  }],
  [llama3, '{"city": "Paris"}', { content: '{"city": "Paris"}' }],
  [llama3, "Hello {}", { content: "Hello {}" }],
];

Deno.test("an answer is the same turn whatever pieces it comes in", () => {
  for (const [template, answer, wanted] of CASES) {
    for (const size of [answer.length, 1, 2, 3, 7]) {
      const { message, pieces } = parsed(answer, { template, size });
      assert.deepEqual(
        message,
        { role: "assistant", ...wanted },
        `${answer} by ${size}`,
      );
      const text = (kind: string) =>
        pieces.map((p) => p.kind === kind && "text" in p ? p.text : "")
          .join("");
      assert.equal(text("content"), message.content, answer);
      assert.equal(text("thinking").trimEnd(), message.reasoning_content ?? "");
    }
  }
});

Deno.test("a prompt that opens the thoughts makes the answer begin in them", () => {
  const { message } = parsed("Hm.\n</think>\n\nParis.", {
    prompt: "<|im_start|>assistant\n<think>\n",
  });
  assert.equal(message.reasoning_content, "Hm.");
  assert.equal(message.content, "Paris.");
});

Deno.test("JSON is no call where there are no tools", () => {
  const answer = '{"name": "map", "parameters": {}}';
  const { message } = parsed(answer, { template: llama3, tools: false });
  assert.equal(message.content, answer);
});

Deno.test("marks are text for a model whose template has others", () => {
  const answer = "[TOOL_CALLS]map[ARGS]{}";
  assert.equal(parsed(answer).message.content, answer);
});

Deno.test("text is given as soon as no mark can begin in it", () => {
  const parser = new ReplyParser(replyMarks({ ...none, chatTemplate: qwen }));
  assert.deepEqual(parser.push("Hello wor"), [
    { kind: "content", text: "Hello wor" },
  ]);
  assert.deepEqual(parser.push("ld <th"), [{ kind: "content", text: "ld" }]);
  assert.deepEqual(parser.push("e>"), [{ kind: "content", text: " <the>" }]);
});

Deno.test("hostile answers end in bounded time and lose nothing", () => {
  const nested = `<|tool_call_start|>[f(a=${
    "[".repeat(1e5)
  })]<|tool_call_end|>`;
  const marks = { template: "<|tool_call_start|>" };
  assert.equal(parsed(nested, marks).message.content, nested);
  const opened = "<tool_call>".repeat(2000);
  assert.ok(parsed(opened, { size: 11 }).message.content.length > 0);
});

Deno.test({
  name: "the marks of published templates are known",
  ignore: TEMPLATES === null,
  fn: () => {
    const known = (name: string) =>
      replyMarks({
        ...none,
        chatTemplate: Deno.readTextFileSync(`${TEMPLATES}/${name}.jinja`),
      });
    const opens = (name: string) =>
      [
        ...known(name).thoughts,
        ...known(name).calls,
      ].map(({ open }) => open);
    assert.deepEqual(opens("Qwen-Qwen3-0.6B"), ["<think>", "<tool_call>"]);
    assert.deepEqual(opens("mistralai-Mistral-Nemo-Instruct-2407"), [
      "[TOOL_CALLS]",
    ]);
    assert.deepEqual(opens("mistralai-Ministral-3-14B-Reasoning-2512"), [
      "[THINK]",
      "[TOOL_CALLS]",
    ]);
    assert.deepEqual(opens("GLM-4.6"), ["<think>", "<tool_call>"]);
    assert.deepEqual(opens("google-gemma-4-31B-it"), [
      "<|channel>thought",
      "<|tool_call>",
    ]);
    assert.deepEqual(opens("ByteDance-Seed-OSS"), [
      "<seed:think>",
      "<seed:tool_call>",
    ]);
  },
});
