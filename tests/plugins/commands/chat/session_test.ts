import assert from "node:assert/strict";
import type { LoadedModel, Output } from "@denotune/denotune/core";
import { loadModel } from "@denotune/denotune";
import {
  Session,
  type SessionOptions,
} from "../../../../plugins/commands/chat/session.ts";
import { folderOf } from "../../../core/cli/_run.ts";
import { program } from "../../../program.ts";
import { testData } from "../../../test_data.ts";

const MODEL = testData("models/stories260k");

/** Turns one behind the other, as a story is told. */
const TEMPLATE =
  "{% for m in messages %}{{ m['content'] }}{% if m['role'] != 'user' %}\n{% endif %}{% endfor %}";

/** A session with stories260k and a chat template, and what it wrote. */
async function talking(
  body: (
    session: Session,
    wrote: () => { out: string; err: string },
    model: LoadedModel,
    text: { readonly out: string },
  ) => Promise<void>,
  options: Partial<SessionOptions> & { contextLength?: number } = {},
): Promise<void> {
  using folder = folderOf();
  for (const { name } of Deno.readDirSync(MODEL ?? "")) {
    Deno.copyFileSync(`${MODEL}/${name}`, folder.at(name));
  }
  const config = JSON.parse(
    Deno.readTextFileSync(folder.at("tokenizer_config.json")),
  );
  Deno.writeTextFileSync(
    folder.at("tokenizer_config.json"),
    JSON.stringify({ ...config, chat_template: TEMPLATE }),
  );
  await using model = await loadModel(folder.path, {
    backend: "reference",
    contextLength: options.contextLength ?? 256,
  });
  const text = { out: "", err: "" };
  const output = (name: "out" | "err"): Output => ({
    color: false,
    width: 80,
    write: (more) => void (text[name] += more),
    line: (more = "") => void (text[name] += `${more}\n`),
    style: (_, of) => of,
  });
  const session = new Session({
    model,
    context: {
      out: output("out"),
      err: output("err"),
      invocation: "denotune",
      arguments: [],
      plugins: [],
      trust: null,
      program,
      exitWith: () => {},
    },
    voices: [{ name: "base", adapter: null }],
    system: null,
    tools: undefined,
    sampling: { temperature: 0 },
    maxNewTokens: 12,
    isTerminal: false,
    interrupt: () => ({
      signal: new AbortController().signal,
      [Symbol.dispose]: () => {},
    }),
    ...options,
  });
  await body(
    session,
    () => {
      const { out, err } = text;
      text.out = text.err = "";
      return { out, err };
    },
    model,
    text,
  );
}

Deno.test({
  name: "a conversation continues what was said, and commands change it",
  ignore: MODEL === null,
  fn: () =>
    talking(async (session, wrote, model) => {
      await session.take("Once upon a time");
      const first = wrote().out.trimEnd();
      const wanted = await model.generate("Once upon a time", {
        maxNewTokens: 12,
      });
      assert.equal(first, wanted.text.trimEnd());

      await session.take(" Then");
      const second = wrote().out.trimEnd();
      const both = await model.generate([
        { role: "user", content: "Once upon a time" },
        { role: "assistant", content: wanted.text },
        { role: "user", content: " Then" },
      ], { maxNewTokens: 12 });
      assert.equal(second, both.text.trimEnd());

      await session.take("/retry");
      const again = wrote();
      assert.equal(again.out.trimEnd(), second);
      assert.match(again.err, /temperature 0 the answer will be the same/);

      await session.take("/temperature 1");
      await session.take("/retry");
      assert.notEqual(wrote().out.trimEnd(), second);

      await session.take("/undo");
      assert.match(wrote().err, /Taken back: {2}Then/);
      await session.take("/temperature 0");
      await session.take(" Then");
      assert.equal(wrote().out.trimEnd(), second);

      await session.take("/reset");
      await session.take("/system Lily was sad.");
      wrote();
      await session.take("She");
      const prompted = await model.generate([
        { role: "system", content: "Lily was sad." },
        { role: "user", content: "She" },
      ], { maxNewTokens: 12 });
      assert.equal(wrote().out.trimEnd(), prompted.text.trimEnd());
    }),
});

Deno.test({
  name: "a conversation that was saved and loaded is answered in the same way",
  ignore: MODEL === null,
  fn: () =>
    talking(async (session, wrote) => {
      using folder = folderOf();
      await session.take("Once upon a time");
      await session.take(`/save ${folder.at("c.jsonl")}`);
      wrote();
      await session.take(" Then");
      const wanted = wrote().out;
      await session.take("/reset");
      await session.take(`/load ${folder.at("c.jsonl")}`);
      assert.match(wrote().err, /2 turns are loaded/);
      await session.take(" Then");
      assert.equal(wrote().out, wanted);
    }),
});

Deno.test({
  name: "what a person gets wrong is said, and the conversation continues",
  ignore: MODEL === null,
  fn: () =>
    talking(async (session, wrote) => {
      const said = async (text: string) => {
        assert.equal(await session.take(text), true);
        return wrote().err;
      };
      assert.match(await said("/temprature 1"), /\/temprature is no command/);
      assert.match(await said("/temperature warm"), /found warm/);
      assert.match(await said("/load /no/such/file"), /Cannot load/);
      assert.match(await said("/save"), /Say where to/);
      assert.match(await said("/adapter run9"), /known: base/);
      assert.match(await said("/undo"), /no message to take back/);
      assert.match(await said("/retry"), /no message to answer again/);
      assert.match(await said("word ".repeat(400)), /has \d+ tokens/);
      assert.match(await said("/undo"), /no message to take back/);
      assert.equal(await said("  "), "");
      assert.equal(await session.take("/quit"), false);
    }),
});

Deno.test({
  name: "the oldest turns go where the context is full, and it says so once",
  ignore: MODEL === null,
  fn: () =>
    talking(async (session, wrote) => {
      let said = "";
      for (let turn = 0; turn < 8; turn++) {
        await session.take("Once upon a time there was a little girl.");
        said += wrote().err.replace(/The answer was cut.*\n/, "");
      }
      assert.match(
        said,
        /The 2 oldest turns are no longer read: the context has 96 tokens/,
      );
      assert.doesNotMatch(said, /error|has \d+ tokens;/);
    }, { contextLength: 96 }),
});

Deno.test({
  name:
    "a stopped answer stays as far as it came; without one the message goes",
  ignore: MODEL === null,
  fn: async () => {
    for (const after of [0, 3]) {
      const controller = new AbortController();
      if (after === 0) controller.abort();
      let written = () => "";
      await talking(async (session, wrote, _, text) => {
        written = () => text.out;
        await session.take("Once upon a time");
        const { err } = wrote();
        assert.match(
          err,
          after === 0 ? /Stopped; the message is taken back/ : /Stopped\./,
        );
        await session.take("/undo");
        assert.match(
          wrote().err,
          after === 0 ? /no message/ : /Taken back: Once/,
        );
      }, {
        maxNewTokens: 200,
        interrupt: () => ({
          get signal() {
            // once it has begun: 200 tokens take longer
            const look = () => {
              if (written() !== "") controller.abort();
              else setTimeout(look, 1);
            };
            if (after > 0) look();
            return controller.signal;
          },
          [Symbol.dispose]: () => {},
        }),
      });
    }
  },
});
