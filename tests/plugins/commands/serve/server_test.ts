import assert from "node:assert/strict";
import { loadModel, train } from "@denotune/denotune";
import { testFolder, tinyRun } from "../../../run_harness.ts";
import { CHATML, eventsOf, serving, trained, until } from "./_server.ts";

const MESSAGES = [{ role: "user" as const, content: "say 3" }];
const GREEDY = { temperature: 0, max_tokens: 12 };

Deno.test("eight clients at once get what each gets alone, streamed or not", async () => {
  await serving(async ({ post, server, metrics }) => {
    const bodies = Array.from({ length: 24 }, (_, i) => ({
      messages: [{ role: "user", content: `say ${i} and ${"x".repeat(i)}` }],
      max_tokens: 5 + i,
      temperature: i % 3 === 0 ? 0 : 1,
      seed: i,
      ignore_eos: true,
    }));
    const alone: string[] = [];
    for (const body of bodies) {
      const found = await post("/v1/chat/completions", body);
      assert.equal(found.status, 200, JSON.stringify(found.body));
      const [choice] = found.body.choices;
      assert.equal(choice.finish_reason, "length");
      assert.equal(found.body.usage.completion_tokens, body.max_tokens);
      alone.push(choice.message.content);
    }
    const together = await Promise.all(bodies.map(async (body, i) => {
      if (i % 2 === 0) {
        const found = await post("/v1/chat/completions", body);
        return found.body.choices[0].message.content;
      }
      const response = await fetch(`${server.address}/v1/chat/completions`, {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify({ ...body, stream: true }),
      });
      const events = await eventsOf(response);
      assert.equal(events.at(-1), "[DONE]");
      const chunks = events.slice(0, -1).map((text) => JSON.parse(text));
      assert.equal(chunks[0].choices[0].delta.role, "assistant");
      assert.equal(chunks.at(-1).choices[0].finish_reason, "length");
      return chunks.map((chunk) => chunk.choices[0].delta.content ?? "")
        .join("");
    }));
    assert.deepEqual(together, alone);
    const { denotune_answers_running, denotune_answers_waiting } =
      await metrics();
    assert.deepEqual([denotune_answers_running, denotune_answers_waiting], [
      0,
      0,
    ]);
  });
});

Deno.test("requests to several adapters at once each get what their own model writes", async () => {
  using folder = testFolder();
  const base = await trained();
  const adapters: Record<string, string> = {};
  for (const name of ["ja", "nein"]) {
    const rows = Array.from({ length: 16 }, (_, i) => ({
      instruction: `say ${i}`,
      output: name.repeat(1 + i % 3),
    }));
    adapters[name] = folder.at(name);
    await train(tinyRun(folder.at(name), {
      model: { path: base },
      tokenizer: "huggingface",
      data: { train: [{ rows, format: "alpaca" }], template: CHATML },
      adapter: { use: "lora", r: 4, lora_alpha: 16 },
      optimizer: { use: "adamw", learning_rate: 0.05 },
      training: { max_steps: 12 },
    }));
  }
  // each model alone, without a server
  const own: Record<string, string> = {};
  for (const [name, path] of Object.entries({ tiny: base, ...adapters })) {
    await using model = await loadModel(path, {
      backend: { use: "cpu", blas: "off", workers: 1 },
      contextLength: 128,
    });
    const { text } = await model.generate(MESSAGES, {
      temperature: 0,
      maxNewTokens: 12,
    });
    own[name] = text;
  }
  assert.equal(new Set(Object.values(own)).size, 3, JSON.stringify(own));
  await serving(async ({ post, server }) => {
    assert.deepEqual(server.models, ["tiny", "ja", "nein"]);
    const names = Array.from({ length: 24 }, (_, i) => server.models[i % 3]);
    const found = await Promise.all(
      names.map((model) =>
        post("/v1/chat/completions", { model, messages: MESSAGES, ...GREEDY })
      ),
    );
    assert.deepEqual(
      found.map(({ body }) => body.choices[0].message.content),
      names.map((name) => own[name]),
    );
    const refused = await post("/v1/chat/completions", {
      model: "no",
      messages: MESSAGES,
    });
    assert.equal(refused.status, 404);
    assert.match(refused.body.error.message, /tiny.*ja.*nein/);
  }, { adapters });
});

Deno.test("a model that decodes in its own way answers many at once as each alone, and refuses what it cannot do", async () => {
  using folder = testFolder();
  const rows = Array.from({ length: 16 }, (_, i) => ({
    instruction: `say ${i}`,
    output: "abcdefgh".slice(i % 4),
  }));
  await train(tinyRun(folder.at("run"), {
    data: { train: [{ rows, format: "alpaca" }], template: CHATML },
    objective: { use: "masked-diffusion", fill_answer_to: 12 },
    training: { max_steps: 4 },
  }));
  await serving(async ({ post, server }) => {
    const bodies = Array.from({ length: 12 }, (_, i) => ({
      messages: [{ role: "user", content: `say ${"x".repeat(i)}` }],
      max_tokens: 12,
      temperature: i % 2, // two ways to draw: they are not decoded together
      seed: 5,
    }));
    const ask = async (body: unknown) => {
      const found = await post("/v1/chat/completions", body);
      assert.equal(found.status, 200, JSON.stringify(found.body));
      return found.body.choices[0].message.content;
    };
    const alone: string[] = [];
    for (const body of bodies) alone.push(await ask(body));
    assert.ok(new Set(alone).size > 3, JSON.stringify(alone));
    // one of them hangs up: the others are answered all the same
    const controller = new AbortController();
    const left = fetch(`${server.address}/v1/chat/completions`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(bodies[0]),
      signal: controller.signal,
    }).then((response) => response.text()).catch(() => "left");
    const together = Promise.all(bodies.map(ask));
    controller.abort();
    assert.deepEqual(await together, alone);
    await left;
    const refused = await post("/v1/chat/completions", {
      ...bodies[0],
      logprobs: true,
    });
    assert.equal(refused.status, 400, JSON.stringify(refused.body));
    assert.match(refused.body.error.message, /decodes in its own way/);
  }, { folder: folder.at("run") });
});

Deno.test("completions take texts, tokens, and lists of them; all in the order of the prompts, n of each", async () => {
  await serving(async ({ post, model }) => {
    const texts = ["say 1", "say 22", "it"];
    const ids = texts.map((text) => [
      ...model.writePrompt(text, { raw: true }).ids,
    ]);
    const one = async (prompt: unknown) => {
      const { status, body } = await post("/v1/completions", {
        prompt,
        ...GREEDY,
      });
      assert.equal(status, 200, JSON.stringify(body));
      return body.choices.map(({ text }) => text);
    };
    const wanted = [];
    for (const text of texts) wanted.push(...await one(text));
    assert.deepEqual(await one(texts), wanted);
    assert.deepEqual(await one(ids), wanted);
    assert.deepEqual(await one(ids[1]), [wanted[1]]);
    const { body } = await post("/v1/completions", {
      prompt: texts,
      max_tokens: 8,
      temperature: 1,
      seed: 5,
      n: 3,
    });
    assert.deepEqual(body.choices.map(({ index }) => index), [
      ...Array(9).keys(),
    ]);
    assert.ok(new Set(body.choices.map(({ text }) => text)).size > 5);
    const again = await post("/v1/completions", {
      prompt: texts[1],
      max_tokens: 8,
      temperature: 1,
      seed: 5,
      n: 3,
    });
    assert.deepEqual(
      again.body.choices.map(({ text }) => text),
      body.choices.slice(3, 6).map(({ text }) => text),
    );
  });
});

Deno.test("an echo with log-probabilities scores the prompt as the library does", async () => {
  await serving(async ({ post, model }) => {
    const prompt = "say 12 now";
    const ids = [...model.writePrompt(prompt, { raw: true }).ids];
    const asked = { prompt: ids, logprobs: 2, echo: true, temperature: 0 };
    const { body } = await post("/v1/completions", { ...asked, max_tokens: 3 });
    const [{ text, logprobs }] = body.choices;
    assert.ok(text.startsWith(prompt));
    const scores = logprobs.token_logprobs;
    assert.equal(scores.length, ids.length + 3);
    assert.equal(scores[0], null);
    assert.equal(logprobs.top_logprobs[0], null);
    logprobs.text_offset.forEach((at, i) =>
      assert.equal(logprobs.tokens.slice(0, i).join("").length, at)
    );
    // greedy: each new token is the likeliest
    for (let i = ids.length; i < scores.length; i++) {
      const top = Object.values(logprobs.top_logprobs[i] ?? {});
      assert.equal(scores[i], Math.max(...top));
    }
    const none = await post("/v1/completions", { ...asked, max_tokens: 0 });
    assert.deepEqual(
      none.body.choices[0].logprobs.token_logprobs,
      scores.slice(0, ids.length),
    );
    assert.equal(none.body.choices[0].text, prompt);
    const [score] = await model.score([prompt], { raw: true });
    const wanted = [...score.logProbabilities];
    scores.slice(ids.length - wanted.length, ids.length).forEach((found, i) =>
      assert.ok(Math.abs((found ?? 0) - wanted[i]) < 1e-4)
    );
  });
});

/** Bodies that cannot be answered, and a word of what the client is told. */
const TOOLS = [{ type: "function", function: { name: "now" } }];

const MALFORMED: readonly (readonly [string, unknown, number, RegExp])[] = [
  ["chat", "{not json", 400, /not JSON/],
  ["chat", "", 400, /not JSON/],
  ["chat", [], 400, /expected object/],
  ["chat", {}, 400, /messages/],
  ["chat", { messages: [] }, 400, /at least one message/],
  ["chat", { messages: "hi" }, 400, /messages: .*array/],
  ["chat", { messages: [{ role: "wizard", content: "" }] }, 400, /role/],
  ["chat", { messages: [{ role: "user" }] }, 400, /messages\[0\]\.content/],
  ["chat", { messages: MESSAGES, tempurature: 1 }, 400, /tempurature/],
  ["chat", { messages: MESSAGES, temperature: -1 }, 400, /temperature/],
  ["chat", { messages: MESSAGES, temperature: "hot" }, 400, /temperature/],
  ["chat", { messages: MESSAGES, top_p: 0 }, 400, /top_p/],
  ["chat", { messages: MESSAGES, n: 0 }, 400, /n: /],
  ["chat", { messages: MESSAGES, max_tokens: 1.5 }, 400, /max_tokens/],
  ["chat", { messages: MESSAGES, model: "gpt-9" }, 404, /gpt-9.*"tiny"/],
  ["chat", { messages: MESSAGES, top_logprobs: 2 }, 400, /needs logprobs/],
  ["chat", { messages: MESSAGES, tool_choice: "required" }, 400, /tool_choice/],
  ["chat", { messages: MESSAGES, logit_bias: { 9999: 1 } }, 400, /9999/],
  [
    "chat",
    { messages: [{ role: "user", content: "x".repeat(300) }] },
    400,
    /tokens; the context holds 128/,
  ],
  [
    "chat",
    { messages: MESSAGES, tools: TOOLS, tool_choice: "required" },
    400,
    /cannot be forced/,
  ],
  ["text", { prompt: "" }, 400, /prompt is empty/],
  ["text", { prompt: [] }, 400, /prompt/],
  ["text", { prompt: [1, 2, 99999] }, 400, /no token 99999/],
  ["text", { prompt: ["a", 3] }, 400, /prompt/],
  ["text", { prompt: "a", suffix: "b" }, 400, /suffix/],
  ["text", { prompt: "a", best_of: 3 }, 400, /best_of/],
  ["text", { prompt: "a", logprobs: 99 }, 400, /logprobs/],
  ["text", { prompt: "x".repeat(200_000) }, 413, /larger than 100000 bytes/],
];

Deno.test("malformed requests each get a 4xx in OpenAI's shape that says what is wrong", async () => {
  await serving(async ({ post, server, metrics }) => {
    for (const [kind, body, status, message] of MALFORMED) {
      const path = kind === "chat" ? "/v1/chat/completions" : "/v1/completions";
      const found = await post(path, body);
      const what = JSON.stringify(body).slice(0, 80);
      assert.equal(found.status, status, what);
      assert.match(found.body.error.message, message, what);
      assert.equal(found.body.error.type, "invalid_request_error");
    }
    const plain = await post("/v1/completions", { prompt: "a" }, {
      headers: { "content-type": "text/plain" },
    });
    assert.equal(plain.status, 415);
    // `curl -d` and programs that name no type are understood; forms of pages are not
    const form = { "content-type": "application/x-www-form-urlencoded" };
    const asked = { prompt: "a", max_tokens: 1 };
    const curl = await post("/v1/completions", asked, { headers: form });
    assert.equal(curl.status, 200);
    const bytes = new TextEncoder().encode(JSON.stringify(asked));
    const unnamed = await fetch(`${server.address}/v1/completions`, {
      method: "POST",
      body: bytes,
    });
    assert.equal(unnamed.status, 200);
    await unnamed.body?.cancel();
    const ofPage = await post("/v1/completions", asked, {
      headers: { ...form, "sec-fetch-site": "cross-site" },
    });
    assert.equal(ofPage.status, 415);
    const get = await fetch(`${server.address}/v1/completions`);
    assert.equal(get.status, 405);
    assert.match((await get.json()).error.message, /does not take GET/);
    const other = await fetch(`${server.address}/v2/x%0d%0aset-cookie:%20a`);
    assert.equal(other.status, 404);
    await other.body?.cancel();
    const { denotune_answers_running } = await metrics();
    assert.equal(denotune_answers_running, 0);
  });
});

Deno.test("a client that hangs up frees its row, whether it reads a stream or waits", async () => {
  await serving(async ({ server, post, metrics }) => {
    const long = { prompt: "say", max_tokens: 120, ignore_eos: true };
    const hangUp = async (stream: boolean) => {
      const controller = new AbortController();
      const asked = fetch(`${server.address}/v1/completions`, {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify({ ...long, n: 4, stream }),
        signal: controller.signal,
      });
      if (stream) {
        const reader = (await asked).body?.getReader();
        await reader?.read();
        controller.abort();
        await reader?.cancel().catch(() => {});
      } else {
        const refused = assert.rejects(asked);
        await until(async () => (await metrics()).denotune_answers_running > 0);
        controller.abort();
        await refused;
      }
    };
    for (const stream of [true, false, true, false]) await hangUp(stream);
    const { status } = await post("/v1/completions", { ...long, n: 4 });
    assert.equal(status, 200);
    await until(async () => (await metrics()).denotune_hang_ups_total === 4);
    const found = await metrics();
    assert.equal(found.denotune_answers_running, 0);
  });
});

Deno.test("what does not fit the queue is refused with 429 and when to come back, and the rest is answered", async () => {
  await serving(async ({ post }) => {
    const found = await Promise.all(
      Array.from(
        { length: 30 },
        () =>
          post("/v1/completions", {
            prompt: "say",
            max_tokens: 100,
            ignore_eos: true,
          }),
      ),
    );
    const counts = Map.groupBy(found, ({ status }) => status);
    assert.deepEqual([...counts.keys()].sort(), [200, 429]);
    assert.ok((counts.get(200) ?? []).length >= 6);
    for (const { headers, body } of counts.get(429) ?? []) {
      assert.match(headers.get("retry-after") ?? "", /^[1-9]\d?$/);
      assert.equal(body.error.code, "queue_full");
    }
    const { status } = await post("/v1/completions", { prompt: "say" });
    assert.equal(status, 200);
  }, { options: { rows: 2, queue: 4 } });
});

Deno.test("an end finishes what is being answered and refuses the rest", async () => {
  await serving(async ({ post, server, metrics }) => {
    const running = post("/v1/completions", {
      prompt: "say",
      max_tokens: 120,
      n: 4,
      ignore_eos: true,
    });
    await until(async () => (await metrics()).denotune_answers_running > 0);
    const ended = server.end();
    const refused = await post("/v1/completions", { prompt: "say" });
    assert.equal(refused.status, 503);
    assert.match(refused.headers.get("retry-after") ?? "", /^\d+$/);
    const { status, body } = await running;
    assert.equal(status, 200);
    assert.equal(body.usage.completion_tokens, 480);
    await ended;
  });
});

Deno.test("a request that takes too long is ended with 504", async () => {
  await serving(async ({ post }) => {
    const { status, body } = await post("/v1/completions", {
      prompt: "say",
      max_tokens: 120,
      n: 40,
      ignore_eos: true,
    });
    assert.equal(status, 504);
    assert.match(body.error.message, /longer than 0.05 s/);
    assert.equal(
      (await post("/v1/completions", { prompt: "a", max_tokens: 1 })).status,
      200,
    );
  }, { options: { timeout: 0.05 } });
});
