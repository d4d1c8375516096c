/** The openai package of npm as a client: whole answers, streams, completions, errors. */
import assert from "node:assert/strict";
import OpenAI from "openai";
import { serving } from "./_server.ts";

Deno.test("the openai package of npm gets the same answer whole and streamed, and errors as its own", async () => {
  await serving(async ({ server, model }) => {
    const client = new OpenAI({
      baseURL: `${server.address}/v1`,
      apiKey: "none",
      maxRetries: 0,
    });
    const { data } = await client.models.list();
    assert.deepEqual(data.map(({ id }) => id), ["tiny"]);
    const asked = {
      model: "tiny",
      messages: [{ role: "user" as const, content: "say 3" }],
      max_tokens: 12,
      temperature: 0,
    };
    const whole = await client.chat.completions.create(asked);
    const [choice] = whole.choices;
    const wanted = await model.generate("say 3", { maxNewTokens: 12 });
    assert.equal(choice.message.content, wanted.text);
    let streamed = "";
    let used = 0;
    const stream = await client.chat.completions.create({
      ...asked,
      stream: true,
      stream_options: { include_usage: true },
    });
    for await (const chunk of stream) {
      streamed += chunk.choices[0]?.delta.content ?? "";
      used = chunk.usage?.completion_tokens ?? used;
    }
    assert.equal(streamed, wanted.text);
    assert.equal(used, wanted.ids.length);
    const text = await client.completions.create({
      model: "tiny",
      prompt: ["say", "it"],
      max_tokens: 4,
      n: 2,
    });
    assert.equal(text.choices.length, 4);
    await assert.rejects(
      client.chat.completions.create({ ...asked, temperature: -1 }),
      (error) =>
        error instanceof OpenAI.BadRequestError &&
        /temperature/.test(error.message),
    );
    await assert.rejects(
      client.chat.completions.create({ ...asked, model: "other" }),
      OpenAI.NotFoundError,
    );
  });
});
