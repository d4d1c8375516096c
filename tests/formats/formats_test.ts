import type { AnyPart } from "@denotune/denotune/core";
import {
  alpaca,
  chatToCompletion,
  custom,
  dolly,
  messages,
  pretokenized,
  promptCompletion,
  questionAnswer,
  selfInstruct,
  sharegpt,
  text,
} from "../../formats/mod.ts";
import { testFormat } from "../conformance/format.ts";
import { make } from "../core/data/_support.ts";

const of = (part: AnyPart, options: Record<string, unknown> = {}) => async () =>
  await make("format", part, options);
const user = (content: string) => ({ role: "user", content } as const);
const assistant = (
  content: string,
) => ({ role: "assistant", content } as const);
const system = (content: string) => ({ role: "system", content } as const);

testFormat("alpaca", {
  make: of(alpaca),
  rows: [
    {
      row: { instruction: "a", output: "b" },
      example: { messages: [user("a"), assistant("b")] },
    },
    {
      row: {
        id: 7,
        instruction: "a",
        input: "i",
        system: "s",
        output: ["b", "c"],
        category: "k",
      },
      example: {
        id: "7",
        category: "k",
        messages: [
          system("s"),
          { ...user("a"), input: "i" },
          assistant("b\n\nc"),
        ],
      },
    },
    {
      row: {
        instruction: "a",
        input: "",
        system: null,
        output: "",
        history: [["q", "r"]],
      },
      example: {
        messages: [user("q"), assistant("r"), user("a"), assistant("")],
      },
    },
  ],
  refused: [
    {
      row: { instruction: "a", response: "b" },
      message:
        /"output" is missing; the row has instruction, response. Set output_field/,
    },
    { row: { instruction: "a", output: null }, message: /"output" is null/ },
    {
      row: { instruction: 3, output: "b" },
      message: /"instruction" must be text, found the number 3/,
    },
    {
      row: { instruction: "a", output: ["b", 3] },
      message: /text or a list of texts, found a list of 2/,
    },
    {
      row: { instruction: "a", output: "b", history: [["q"]] },
      message: /entry 1 of "history"/,
    },
    { row: "text", message: /expected a row with named columns/ },
  ],
});

testFormat("alpaca with other columns", {
  make: of(alpaca, {
    instruction_field: "task.text",
    output_field: "answers.0",
    input_field: null,
  }),
  rows: [{
    row: { task: { text: "a" }, answers: ["b", "c"], input: 3 },
    example: { messages: [user("a"), assistant("b")] },
  }],
  refused: [{
    row: { task: { text: "a" }, answers: [] },
    message: /"answers.0" is missing/,
  }],
});

testFormat("dolly", {
  make: of(dolly),
  rows: [
    {
      row: { instruction: "a", context: "", response: "b", category: "qa" },
      example: { category: "qa", messages: [user("a"), assistant("b")] },
    },
    {
      row: { instruction: "a", context: "c", response: "b" },
      example: { messages: [{ ...user("a"), input: "c" }, assistant("b")] },
    },
  ],
  refused: [{ row: { instruction: "a" }, message: /"response" is missing/ }],
});

testFormat("custom", {
  make: of(custom, {
    instruction_field: "q",
    response_field: "a",
    system_field: "s",
  }),
  rows: [{
    row: { q: "x", a: "y", s: "z" },
    example: { messages: [system("z"), user("x"), assistant("y")] },
  }],
  refused: [{
    row: { instruction: "x" },
    message: /"q" is missing; the row has instruction. Set instruction_field/,
  }],
});

testFormat("self_instruct", {
  make: of(selfInstruct),
  rows: [{
    row: { instruction: "a", instances: [{ input: "", output: "b" }] },
    example: { messages: [user("a"), assistant("b")] },
  }],
  refused: [{
    row: { instruction: "a", instances: [{ output: "b" }, { output: "c" }] },
    message: /has 2 instances; set instance/,
  }],
});

testFormat("sharegpt", {
  make: of(sharegpt),
  rows: [
    {
      row: {
        id: "x",
        conversations: [{ from: "human", value: "a" }, {
          from: "gpt",
          value: "b",
        }],
      },
      example: { id: "x", messages: [user("a"), assistant("b")] },
    },
    {
      row: {
        system: "s",
        tools: '[{"name": "f"}]',
        conversations: [
          { from: "user", value: "a" },
          {
            from: "function_call",
            value: '{"name": "f", "arguments": {"x": 1}}',
          },
          { from: "observation", value: "3" },
          { from: "bing", value: "b" },
        ],
      },
      example: {
        messages: [
          system("s"),
          user("a"),
          {
            ...assistant(""),
            tool_calls: [{
              type: "function",
              function: { name: "f", arguments: { x: 1 } },
            }],
          },
          { role: "tool", content: "3" },
          assistant("b"),
        ],
        tools: [{ name: "f" }],
      },
    },
  ],
  refused: [
    {
      row: { conversations: [{ from: "robot", value: "a" }] },
      message: /turn 1 .* unknown role "robot"; known: .*gpt.*roles/,
    },
    { row: { conversations: [] }, message: /has no turns/ },
    {
      row: { conversations: [{ from: "human" }] },
      message: /turn 1 .*"value", found nothing/,
    },
    {
      row: { conversations: [{ from: "function_call", value: "f(x)" }] },
      message: /must hold tool calls/,
    },
    {
      row: { messages: [] },
      message: /"conversations" is missing; the row has messages/,
    },
  ],
});

testFormat("sharegpt with roles", {
  make: of(sharegpt, {
    roles: { robot: "assistant" },
    conversations_field: "c",
  }),
  rows: [{
    row: { c: [{ from: "robot", value: "a" }] },
    example: { messages: [assistant("a")] },
  }],
  refused: [],
});

testFormat("messages", {
  make: of(messages),
  rows: [
    {
      row: { messages: [user("a"), assistant("b")] },
      example: { messages: [user("a"), assistant("b")] },
    },
    {
      row: {
        messages: [
          {
            role: "user",
            content: [{ type: "text", text: "a" }, {
              type: "text",
              value: "b",
            }],
            loss_weight: 0,
          },
          { role: "assistant", content: "c", weight: 1 },
          { role: "assistant", content: "d", train: false },
          {
            role: "assistant",
            content: [{ type: "text", text: "e", loss_weight: 0.5 }],
          },
        ],
      },
      example: {
        messages: [
          { ...user("ab"), weight: 0 },
          { ...assistant("c"), weight: 1 },
          { ...assistant("d"), weight: 0 },
          { ...assistant("e"), weight: 0.5 },
        ],
      },
    },
    {
      row: {
        tools: [{ type: "function" }],
        messages: [
          {
            role: "assistant",
            content: null,
            tool_calls: [{
              id: "1",
              type: "function",
              function: { name: "f", arguments: '{"x": 1}' },
            }],
          },
          { role: "tool", tool_call_id: "1", name: "f", content: "3" },
        ],
      },
      example: {
        tools: [{ type: "function" }],
        messages: [
          {
            ...assistant(""),
            content_is: "null",
            tool_calls: [{
              id: "1",
              type: "function",
              function: {
                name: "f",
                arguments: { x: 1 },
                arguments_text: '{"x": 1}',
              },
            }],
          },
          { role: "tool", content: "3", tool_call_id: "1", name: "f" },
        ],
      },
    },
    {
      row: {
        messages: [{
          role: "assistant",
          tool_calls: [{ function: { name: "f", arguments: { x: 1 } } }],
        }],
      },
      example: {
        messages: [{
          ...assistant(""),
          content_is: "missing",
          tool_calls: [{
            type: "function",
            function: { name: "f", arguments: { x: 1 } },
          }],
        }],
      },
    },
  ],
  refused: [
    {
      row: {
        messages: [{
          role: "user",
          content: [{ type: "image_url", image_url: "x" }],
        }],
      },
      message: /part 1 of turn 1 .* of type "image_url"; only text/,
    },
    {
      row: { messages: [{ role: "assistant", content: null }] },
      message: /turn 1 .* found null/,
    },
    {
      row: { messages: [{ content: "a" }] },
      message: /no "role" that says who speaks/,
    },
    {
      row: { messages: [{ ...user("a"), weight: -1 }] },
      message: /"weight" of turn 1 .* from 0 up/,
    },
    {
      row: { messages: [{ ...user("a"), weight: 1, train: false }] },
      message: /several weights that differ/,
    },
    {
      row: { messages: "a" },
      message: /must be a list of turns, found the string "a"/,
    },
  ],
});

testFormat("prompt_completion", {
  make: of(promptCompletion),
  rows: [
    {
      row: { prompt: "a", completion: "b" },
      example: { prompt: "a", completion: "b" },
    },
    {
      row: {
        prompt: [user("a"), assistant("b"), user("c")],
        completion: [assistant("d")],
      },
      example: {
        messages: [
          user("a"),
          { ...assistant("b"), weight: 0 },
          user("c"),
          assistant("d"),
        ],
      },
    },
  ],
  refused: [{
    row: { prompt: "a", chosen: "b" },
    message: /"completion" is missing/,
  }],
});

testFormat("question_answer", {
  make: of(questionAnswer),
  rows: [{
    row: { question: "What is {answer}?", answer: "x" },
    example: {
      prompt: "Question: What is {answer}?\n\nAnswer:",
      completion: "x",
    },
  }],
  refused: [{ row: { question: "a" }, message: /"answer" is missing/ }],
});

testFormat("question_answer with a template", {
  make: of(questionAnswer, {
    prompt_template: "{context}\nQ: {question}\nA:",
    question_field: "q",
    answer_field: "a",
  }),
  rows: [{
    row: { q: "{context}", a: "x", context: "c" },
    example: { prompt: "c\nQ: {context}\nA:", completion: "x" },
  }],
  refused: [],
});

testFormat("chat_to_completion", {
  make: of(chatToCompletion),
  rows: [{
    row: {
      messages: [
        system("s"),
        user("a"),
        assistant("b"),
        user("c"),
        assistant("d"),
      ],
    },
    example: {
      system: "System: s",
      prompt: "User: a\n\nAssistant:",
      completion: "b",
    },
  }],
  refused: [{ row: { messages: [user("a")] }, message: /no assistant turn/ }],
});

testFormat("text", {
  make: of(text),
  rows: [{ row: { text: "a" }, example: { text: "a" } }, {
    row: "a",
    example: { text: "a" },
  }],
  refused: [{ row: { content: "a" }, message: /"text" is missing/ }],
});

testFormat("pretokenized", {
  make: of(pretokenized),
  rows: [
    { row: { input_ids: [1, 2, 3] }, example: { ids: [1, 2, 3] } },
    {
      row: {
        id: "r",
        input_ids: [1, 2, 3, 0],
        labels: [-100, -100, 3, -100],
        attention_mask: [1, 1, 1, 0],
      },
      example: { id: "r", ids: [1, 2, 3], weights: [0, 0, 1] },
    },
  ],
  refused: [
    { row: { ids: [1] }, message: /"input_ids" is missing.*input_ids_field/ },
    {
      row: { input_ids: [1, "2"] },
      message: /"input_ids" must be a list of whole numbers, found a list of 2/,
    },
    { row: { input_ids: [] }, message: /has no tokens; remove the row/ },
    { row: { input_ids: [4, -1] }, message: /has -1 at token 1/ },
    {
      row: { input_ids: [1, 2], labels: [1] },
      message: /"labels" has 1 numbers for 2 tokens/,
    },
    {
      row: { input_ids: [1, 2, 3], labels: [2, 3, -100] },
      message:
        /"labels" has 2 at token 0, where "input_ids" has 1.*not shifted/,
    },
  ],
});

testFormat("pretokenized with other columns", {
  make: of(pretokenized, {
    input_ids_field: "tokens",
    labels_field: "targets",
    ignore_label: -1,
    attention_mask_field: null,
  }),
  rows: [{
    row: { tokens: [1, 2], targets: [-1, 2], attention_mask: [0, 0] },
    example: { ids: [1, 2], weights: [0, 1] },
  }],
  refused: [],
});

const LEADING = { system: "s" };

for (
  const [name, part, row, example] of [
    [
      "prompt_completion",
      promptCompletion,
      { prompt: "a", completion: "b" },
      { system: "s", prompt: "a", completion: "b" },
    ],
    [
      "prompt_completion of turns",
      promptCompletion,
      { prompt: [user("a")], completion: [assistant("b")] },
      { messages: [system("s"), user("a"), assistant("b")] },
    ],
    [
      "question_answer",
      questionAnswer,
      { question: "a", answer: "b" },
      {
        system: "s",
        prompt: "Question: a\n\nAnswer:",
        completion: "b",
      },
    ],
    [
      "self_instruct",
      selfInstruct,
      { instruction: "a", instances: [{ input: "", output: "b" }] },
      { messages: [system("s"), user("a"), assistant("b")] },
    ],
    [
      "messages",
      messages,
      { messages: [user("a"), assistant("b")] },
      { messages: [system("s"), user("a"), assistant("b")] },
    ],
    [
      "chat_to_completion",
      chatToCompletion,
      { messages: [user("a"), assistant("b")] },
      {
        system: "System: s",
        prompt: "User: a\n\nAssistant:",
        completion: "b",
      },
    ],
  ] as const
) {
  testFormat(`${name} with a system column`, {
    make: of(part),
    rows: [{ row: { ...LEADING, ...row }, example }],
    refused: [{
      row: { system: 3, ...row },
      message: /"system" must be text, found the number 3/,
    }],
  });
}

testFormat("prompt_completion of turns with other keys and roles", {
  make: of(promptCompletion, {
    role_field: "who",
    content_field: "said",
    roles: { pupil: "user", teacher: "assistant" },
  }),
  rows: [{
    row: {
      prompt: [{ who: "pupil", said: "a" }],
      completion: [{ who: "teacher", said: "b" }],
    },
    example: { messages: [user("a"), assistant("b")] },
  }],
  refused: [],
});

testFormat("self_instruct with other columns", {
  make: of(selfInstruct, {
    instruction_field: "task",
    instances_field: "cases",
    input_field: "given",
    output_field: "wanted",
  }),
  rows: [{
    row: { task: "a", cases: [{ given: "i", wanted: "b" }] },
    example: { messages: [{ ...user("a"), input: "i" }, assistant("b")] },
  }],
  refused: [{
    row: { task: "a", cases: [{ given: "i" }] },
    message: /"wanted" is missing.*Set output_field/,
  }],
});

for (const key of ["reasoning_content", "reasoning", "thinking"]) {
  testFormat(`messages with thoughts under ${key}`, {
    make: of(messages),
    rows: [{
      row: { messages: [user("a"), { ...assistant("b"), [key]: "t" }] },
      example: {
        messages: [user("a"), { ...assistant("b"), reasoning_content: "t" }],
      },
    }],
    refused: [],
  });
}

const TURNS_JSON = JSON.stringify([user("a"), assistant("b")]);

testFormat("prompts that are JSON stay text", {
  make: of(promptCompletion),
  rows: [{
    row: { prompt: TURNS_JSON, completion: "b" },
    example: { prompt: TURNS_JSON, completion: "b" },
  }],
  refused: [],
});

testFormat("messages as the JSON of a list", {
  make: of(messages),
  rows: [{
    row: { messages: TURNS_JSON },
    example: { messages: [user("a"), assistant("b")] },
  }],
  refused: [{
    row: { messages: "[1, 2" },
    message: /"messages" must be a list of turns, found the string "\[1, 2"/,
  }],
});
