import assert from "node:assert/strict";
import { webhook } from "../../../plugins/trackers/webhook.ts";
import { exampleEvents, testTracker } from "../../conformance/tracker.ts";
import { feed } from "./_run.ts";

const DEFAULTS = {
  url: null,
  url_from: "DENOTUNE_TEST_WEBHOOK",
  authorization_from: null,
  seconds: 0.5,
};

function serve(answer: (request: Request) => Response | Promise<Response>) {
  const bodies: unknown[] = [];
  const server = Deno.serve({
    port: 0,
    hostname: "127.0.0.1",
    onListen: () => {},
  }, async (request) => {
    bodies.push(await request.json());
    return await answer(request);
  });
  return {
    bodies,
    url: `http://127.0.0.1:${server.addr.port}/hook`,
    [Symbol.asyncDispose]: () => server.shutdown(),
  };
}

const make = (url: string | null, more = {}) =>
  webhook.create({ ...DEFAULTS, url, ...more }, undefined as never);

const quiet = serve(() => new Response("ok"));
testTracker("webhook", () => make(quiet.url));
Deno.test("the server of the suite is closed", async () =>
  await quiet[Symbol.asyncDispose]());

Deno.test("the end of a run is one POST with a sentence, figures and the header that is asked for", async () => {
  const seen: (string | null)[] = [];
  await using server = serve((request) => {
    seen.push(request.headers.get("authorization"));
    return new Response("ok");
  });
  Deno.env.set("DENOTUNE_TEST_SECRET", "Bearer abc");
  await feed(
    await make(server.url, { authorization_from: "DENOTUNE_TEST_SECRET" }),
    "/",
    { events: exampleEvents() },
  );
  assert.deepEqual(seen, ["Bearer abc"]);
  const [body] = server.bodies as {
    text: string;
    status: string;
    figures: Record<string, number>;
  }[];
  assert.equal(
    body.text,
    "outputs/capitals is done after 4 steps and 10 s: evaluation loss 2.0000",
  );
  assert.equal(body.status, "done");
  assert.equal(body.figures["eval/exact_match"], 0.75);
});

Deno.test("an answer that is an error is an error of `close`", async () => {
  await using broken = serve(() =>
    new Response("no such hook", { status: 404 })
  );
  await assert.rejects(
    feed(await make(broken.url), "/", { events: exampleEvents() }),
    /answered 404: no such hook/,
  );
});

Deno.test("an answer that never comes holds up the end by the seconds that are set", async () => {
  const held: (() => void)[] = [];
  await using hanging = serve(() =>
    new Promise((resolve) => held.push(() => resolve(new Response("late"))))
  );
  await assert.rejects(
    feed(await make(hanging.url), "/", { events: exampleEvents() }),
    /did not answer within 0\.5 s/,
  )
    .finally(() => held.forEach((release) => release()));
});

Deno.test("without an address the run is told before it trains", async () => {
  const tracker = await make(null);
  await assert.rejects(feed(tracker, "/", { events: [] }), {
    name: "ConfigError",
    message: /DENOTUNE_TEST_WEBHOOK/,
  });
});
