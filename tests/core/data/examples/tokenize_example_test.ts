import assert from "node:assert/strict";
import type { AnyPart, Example } from "@denotune/denotune/core";
import { tokenizeExample } from "../../../../core/data/examples/tokenize_example.ts";
import { DATA_DEFAULTS } from "../../../../core/data/types.ts";
import {
  all,
  completionOnly,
  lastTurn,
} from "../../../../plugins/maskers/mod.ts";
import { plain } from "../../../../plugins/templates/plain.ts";
import { bytes, chatTemplate, make, words } from "../_support.ts";
import { testHost, tokenizerFacts } from "../../../conformance/host.ts";

const NO_TOKENS = {
  specialTokens: { bos: null, eos: null, pad: null, unk: null },
};
const prompted = { prompt: "Answer: ", completion: "yes, so" };

async function tokenize(
  example: Example,
  options: Record<string, unknown> = {},
  masker: AnyPart = completionOnly,
) {
  return tokenizeExample(example, {
    tokenizer: words(),
    template: chatTemplate,
    masker: await make("masker", masker),
    options: { ...DATA_DEFAULTS, ...options },
  });
}

function trained(
  { text, encoding, weights }: Awaited<ReturnType<typeof tokenize>>,
): string[] {
  return [...weights.keys()].filter((t) => weights[t] > 0).map((t) =>
    text.slice(encoding.starts[t], encoding.ends[t])
  );
}

Deno.test("an example is encoded once, as the text that inference would feed", async () => {
  const whole = await tokenize(prompted);
  assert.deepEqual(
    whole.encoding.ids,
    words().encode("Answer: yes, so<|eos|>", { addBos: true }).ids,
  );
});

Deno.test("a token that straddles prompt and completion is context under boundary_token mask", async () => {
  const text = await tokenize(prompted, { boundary_token: "mask" });
  assert.deepEqual(trained(text), [",", " so", "<|eos|>"]);
  assert.equal(text.straddled, 1);
});

Deno.test("a token that straddles prompt and completion is trained under boundary_token train", async () => {
  assert.deepEqual(
    trained(await tokenize(prompted, { boundary_token: "train" })),
    [
      " yes",
      ",",
      " so",
      "<|eos|>",
    ],
  );
});

Deno.test("a token that straddles prompt and completion is parted under boundary_token split", async () => {
  const text = await tokenize(prompted, { boundary_token: "split" });
  assert.deepEqual(trained(text), ["yes", ",", " so", "<|eos|>"]);
  assert.equal(text.straddled, 1);
});

Deno.test("the end token is trained although its id is that of padding", async () => {
  const text = await tokenize(prompted);
  assert.equal(text.encoding.ids.at(-1), words().specialIds.pad);
  assert.equal(text.weights.at(-1), 1);
});

const chat: Example = {
  messages: [
    { role: "system", content: "Be brief" },
    { role: "user", content: "Hi" },
    { role: "assistant", content: "Hello", weight: 0.5 },
    { role: "user", content: "Bye" },
    { role: "assistant", content: "Ciao" },
  ],
};

Deno.test("weights of messages multiply the masker's", async () => {
  const text = await tokenize(chat);
  assert.deepEqual([...text.weights].filter((w) => w > 0), [0.5, 0.5, 1, 1]);
  assert.deepEqual(trained(text), ["Hello", "<|eos|>", "Ciao", "<|eos|>"]);
});

Deno.test("last-turn trains the last assistant turn alone", async () => {
  assert.deepEqual(trained(await tokenize(chat, {}, lastTurn)), [
    "Ciao",
    "<|eos|>",
  ]);
});

Deno.test("all trains every token but BOS, tags too, with the weights of turns", async () => {
  const text = tokenizeExample(chat, {
    tokenizer: bytes(true),
    template: chatTemplate,
    masker: await make("masker", all),
    options: DATA_DEFAULTS,
  });
  assert.equal(text.weights[0], 0);
  assert.deepEqual(new Set(text.weights.subarray(1)), new Set([1, 0.5]));
  assert.equal(
    [...text.weights].filter((w) => w === 0.5).length,
    "Hello".length + 1,
  );
});

Deno.test("system turns are left out without include_system_prompt", async () => {
  assert.ok(
    !(await tokenize(chat, { include_system_prompt: false })).text.includes(
      "Be brief",
    ),
  );
});

Deno.test("the system prompt of a prompt is left out without include_system_prompt", async () => {
  const template = await make(
    "template",
    plain,
    {},
    testHost({ tokenizer: tokenizerFacts(NO_TOKENS) }),
  );
  const textOf = async (include_system_prompt: boolean) =>
    tokenizeExample({ ...prompted, system: "Be brief." }, {
      tokenizer: words(),
      template,
      masker: await make("masker", completionOnly),
      options: { ...DATA_DEFAULTS, include_system_prompt },
    }).text;
  assert.equal(await textOf(true), "Be brief.\n\nAnswer: yes, so");
  assert.equal(await textOf(false), "Answer: yes, so");
});

Deno.test("bytes of one character share its weight", async () => {
  const text = tokenizeExample({ prompt: "é", completion: "🙂" }, {
    tokenizer: bytes(),
    template: chatTemplate,
    masker: await make("masker", completionOnly),
    options: DATA_DEFAULTS,
  });
  assert.deepEqual([...text.weights], [0, 0, 1, 1, 1, 1, 1]);
});

Deno.test("what nothing stands before is no target of a causal model, and BOS never is", async () => {
  const first = async (text: string, train_first_token: boolean) => {
    const { weights } = tokenizeExample({ text }, {
      tokenizer: bytes(),
      template: chatTemplate,
      masker: await make("masker", all),
      options: { ...DATA_DEFAULTS, train_first_token },
    });
    assert.ok(weights.subarray(1).every((weight) => weight === 1));
    return weights[0];
  };
  assert.equal(await first("ab", false), 0);
  assert.equal(await first("ab", true), 1);
  assert.equal(await first("<|bos|>ab", true), 0);
});
