/**
 * The same conversation by `chat` and by transformers gives the same ids. Skipped, with a message, where python3 has no
 * transformers.
 */
import assert from "node:assert/strict";
import { loadModel } from "@denotune/denotune";
import type { LoadedModel, Output } from "@denotune/denotune/core";
import { Session } from "../../plugins/commands/chat/session.ts";
import { program } from "../program.ts";
import { testFolder } from "../run_harness.ts";
import { testData } from "../test_data.ts";
import { hasModules, python } from "../python.ts";

const TOKENIZER = testData("tokenizers/minimind");
const STORIES = testData("models/stories260k");
const TEMPLATES = testData("chat_templates");

/** Chat templates of other models, as text: their marks need not be tokens. */
const PUBLISHED: Readonly<Record<string, string>> = {
  qwen2: "Qwen-Qwen2.5-7B-Instruct",
  qwen3: "Qwen-Qwen3-0.6B",
  mistral: "mistralai-Mistral-Nemo-Instruct-2407",
  gpt2: "microsoft-Phi-3.5-mini-instruct",
};
const STORY =
  "{% for m in messages %}{{ m['content'] }}{% if m['role'] != 'user' %}\n{% endif %}{% endfor %}";
const TOKENS = 12;

const CONVERSATION = [
  { role: "system", content: "You are brief." },
  { role: "user", content: "Once upon a time" },
  { role: "user", content: "Then Lily said: “hé 你好” 🙂\nand" },
  { role: "user", content: "The end?" },
];

interface Turn {
  readonly prompt: readonly number[];
  readonly answer: readonly number[];
  readonly text: string;
}

const ignore = TOKENIZER === null || STORIES === null || TEMPLATES === null ||
  !hasModules("torch", "transformers");
if (ignore) {
  console.log("skipped: no test data, or python3 without transformers");
}

/** What transformers answers. */
async function witnessed(
  folder: string,
): Promise<Readonly<Record<string, readonly Turn[]>>> {
  const templates: Record<string, string> = { stories260k: STORY };
  for (const [kind, name] of Object.entries(PUBLISHED)) {
    templates[kind] = Deno.readTextFileSync(`${TEMPLATES}/${name}.jinja`);
  }
  const input = JSON.stringify({
    folder,
    tokenizer: TOKENIZER,
    stories: STORIES,
    templates,
    conversation: CONVERSATION,
    tokens: TOKENS,
  });
  const script = new URL("witness_chat.py", import.meta.url).pathname;
  return JSON.parse(await python([script], { input }));
}

/** The same conversation by `chat`. */
async function talked(folder: string): Promise<readonly Turn[]> {
  await using model = await loadModel(folder, { backend: "cpu" });
  const turns: Turn[] = [];
  const watched: LoadedModel = Object.create(model, {
    generate: {
      value: async (
        ...[prompt, options]: Parameters<typeof model.generate>
      ) => {
        const answer = await model.generate(prompt, options);
        const { ids } = model.writePrompt(prompt, { tools: options?.tools });
        turns.push({ prompt: [...ids], answer: answer.ids, text: answer.text });
        return answer;
      },
    },
  });
  const silent: Output = {
    color: false,
    width: 80,
    write: () => {},
    line: () => {},
    style: (_, text) => text,
  };
  const [system, ...messages] = CONVERSATION;
  const session = new Session({
    model: watched,
    context: {
      out: silent,
      err: silent,
      invocation: "denotune",
      arguments: [],
      plugins: [],
      trust: null,
      program,
      exitWith: () => {},
    },
    voices: [{ name: "base", adapter: null }],
    system: system.content,
    tools: undefined,
    sampling: {},
    maxNewTokens: TOKENS,
    isTerminal: false,
    interrupt: () => ({
      signal: new AbortController().signal,
      [Symbol.dispose]: () => {},
    }),
  });
  for (const { content } of messages) await session.take(content);
  return turns;
}

Deno.test({
  name:
    "a conversation by chat has the ids that apply_chat_template and generate give",
  ignore,
  fn: async () => {
    using folder = testFolder();
    const wanted = await witnessed(folder.path);
    for (const [kind, turns] of Object.entries(wanted)) {
      assert.deepEqual(await talked(`${folder.path}/${kind}`), turns, kind);
    }
  },
});
