import assert from "node:assert/strict";
import { eventsOf, serving } from "./_server.ts";

const SCHEMA = {
  type: "object",
  properties: {
    color: { enum: ["red", "green"] },
    count: { type: "integer", minimum: 0, maximum: 99 },
  },
  required: ["color", "count"],
  additionalProperties: false,
};
const MESSAGES = [{ role: "user", content: "say 3" }];
const asked = (schema: unknown) => ({
  messages: MESSAGES,
  max_tokens: 80,
  temperature: 1,
  response_format: {
    type: "json_schema",
    json_schema: { name: "thing", schema },
  },
});

Deno.test("answers follow the schema of response_format, beside others that are free", async () => {
  await serving(async ({ post, server }) => {
    const found = await Promise.all(
      Array.from(
        { length: 8 },
        (_, seed) =>
          post(
            "/v1/chat/completions",
            seed % 4 === 3
              ? { messages: MESSAGES, max_tokens: 10, seed }
              : { ...asked(SCHEMA), seed },
          ),
      ),
    );
    found.forEach(({ status, body }, seed) => {
      assert.equal(status, 200, JSON.stringify(body));
      if (seed % 4 === 3) return;
      const [{ message, finish_reason }] = body.choices;
      const { color, count } = JSON.parse(message.content);
      assert.ok(color === "red" || color === "green");
      assert.ok(Number.isInteger(count) && count >= 0 && count <= 99);
      assert.equal(finish_reason, "stop");
    });
    const response = await fetch(`${server.address}/v1/chat/completions`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ ...asked(SCHEMA), stream: true }),
    });
    const text = (await eventsOf(response)).slice(0, -1)
      .map((event) => JSON.parse(event).choices[0].delta.content ?? "").join(
        "",
      );
    assert.deepEqual(Object.keys(JSON.parse(text)), ["color", "count"]);
  });
});

Deno.test("a schema that cannot be held to is refused before anything runs, with its place", async () => {
  await serving(async ({ post }) => {
    for (
      const [schema, wanted] of [
        [
          { type: "object", properties: { a: { not: {} } } },
          /#\/properties\/a/,
        ],
        [{ type: "strin" }, /"strin" is not known/],
        [{ type: "string", pattern: "(?<=a)b" }, /looks around itself/],
      ] as const
    ) {
      for (const stream of [false, true]) {
        const { status, body } = await post("/v1/chat/completions", {
          ...asked(schema),
          stream,
        });
        assert.equal(status, 400);
        assert.match(body.error.message, wanted);
      }
    }
  });
});
