/** The evaluator `judge`, asking an endpoint on this machine. */
import assert from "node:assert/strict";
import {
  evaluateWith,
  exampleRows,
  testEvaluator,
  testHost,
} from "@denotune/denotune/testing";
import { judge } from "../../../plugins/evaluators/judge.ts";

interface Asked {
  readonly path: string;
  readonly authorization: string | null;
  readonly content: string;
}

/** An endpoint that gives the reply made of what it is asked. */
function endpoint(reply: (content: string) => string | null) {
  const asked: Asked[] = [];
  const server = Deno.serve(
    { port: 0, hostname: "127.0.0.1", onListen: () => {} },
    async (request) => {
      const { messages: [{ content }] } = await request.json();
      asked.push({
        path: new URL(request.url).pathname,
        authorization: request.headers.get("authorization"),
        content,
      });
      const said = reply(content);
      return said === null
        ? new Response("too busy", { status: 503 })
        : Response.json({ choices: [{ message: { content: said } }] });
    },
  );
  return {
    asked,
    url: `http://127.0.0.1:${server.addr.port}/v1/`,
    [Symbol.asyncDispose]: () => server.shutdown(),
  };
}

const options = {
  max_rows: 4,
  max_new_tokens: 8,
  temperature: 0,
  model: "judge-1",
  api_key_env: null,
  rubric: "Rate it.",
  max_score: 10,
  timeout_s: 20,
  min_score: null,
} as const;

const always = endpoint(() => "It is fine.\nScore: 7");
globalThis.addEventListener("unload", () => void always[Symbol.asyncDispose]());
testEvaluator(
  "judge",
  async () =>
    await judge.create({ ...options, base_url: always.url }, testHost()),
);

Deno.test("judge sends prompt, expected and generated answer, and reads the last score; others are counted", async () => {
  const notices: string[] = [];
  await using server = endpoint((content) =>
    content.includes("1 + 1")
      ? "Score: 2 would be harsh.\n**Score: 9**"
      : content.includes("2 + 2")
      ? "I would say 4 of 10"
      : content.includes("France")
      ? "Score: 77"
      : "score = 5"
  );
  Deno.env.set("JUDGE_TEST_KEY", "k");
  const host = testHost({ notice: (message) => void notices.push(message) });
  const evaluator = await judge.create({
    ...options,
    base_url: server.url,
    api_key_env: "JUDGE_TEST_KEY",
    min_score: 6,
  }, host);
  const { numbers, records, verdict } = await evaluateWith(
    evaluator,
    exampleRows(),
    () => "an answer",
  );
  assert.deepEqual(numbers, { "": 7, unread: 0.5 });
  assert.deepEqual(records?.map((r) => r.score), [9, null, null, 5]);
  assert.equal(verdict?.passed, true);
  assert.equal(server.asked[0].path, "/v1/chat/completions");
  assert.equal(server.asked[0].authorization, "Bearer k");
  for (const part of ["What is 1 + 1?", "\n2\n", "an answer", "Rate it."]) {
    assert.ok(server.asked[0].content.includes(part), part);
  }
  assert.match(notices[0], /prompts and answers are sent to http:\/\/127/);
});

Deno.test("judge says which endpoint failed, and which key is missing", async () => {
  await using server = endpoint(() => null);
  const evaluator = await judge.create(
    { ...options, base_url: server.url },
    testHost(),
  );
  await assert.rejects(
    evaluateWith(evaluator, exampleRows(), () => "x"),
    /judge: cannot ask http:.*completions: it answered 503: too busy; is the endpoint/,
  );
  assert.throws(
    () =>
      judge.create({
        ...options,
        base_url: server.url,
        api_key_env: "JUDGE_TEST_NO_KEY",
      }, testHost()),
    /the environment variable JUDGE_TEST_NO_KEY is not set/,
  );
});
