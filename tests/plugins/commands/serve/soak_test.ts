/**
 * Load without end: prompts of one token to the limit, clients that hang up, floods. Four seconds of it in CI, ten
 * minutes under DENOTUNE_TEST_ALL=1.
 */
import assert from "node:assert/strict";
import { randomFrom } from "@denotune/denotune/core";
import { heldBytes } from "../../../held_bytes.ts";
import { serving } from "./_server.ts";

const SECONDS = Deno.env.get("DENOTUNE_TEST_ALL") === "1" ? 600 : 4;
const CONTEXT = 128;

Deno.test(`for ${SECONDS} s of any load every request is answered once, no row is lost, and memory stays`, async () => {
  await serving(async ({ server, post, metrics }) => {
    let end = 0;
    const counts = { answered: 0, refused: 0, hungUp: 0 };
    const ids = new Set<string>();
    const one = async (random: ReturnType<typeof randomFrom>) => {
      const length = 1 + random.below(CONTEXT - 2);
      const max_tokens = 1 + random.below(CONTEXT - length);
      const n = 1 + random.below(2);
      const stream = random.below(2) === 0;
      const controller = new AbortController();
      const leaves = random.below(5) === 0;
      if (leaves) setTimeout(() => controller.abort(), random.below(60));
      try {
        const response = await fetch(`${server.address}/v1/completions`, {
          method: "POST",
          headers: { "content-type": "application/json" },
          body: JSON.stringify({
            prompt: Array.from({ length }, () => random.below(250)),
            max_tokens,
            n,
            stream,
            temperature: random.below(3) / 2,
            ignore_eos: true,
            stream_options: stream ? { include_usage: true } : null,
            ...(random.below(4) === 0 ? { logprobs: 2, echo: true } : {}),
          }),
          signal: controller.signal,
        });
        const text = await response.text();
        if (response.status === 429) {
          counts.refused++;
          return;
        }
        assert.equal(response.status, 200, text);
        const bodies = stream
          ? text.split("\n\n").filter((line) => line.startsWith("data: {"))
            .map((line) => JSON.parse(line.slice(6)))
          : [JSON.parse(text)];
        const { id, usage } = bodies[bodies.length - 1];
        assert.ok(!ids.has(id), "answered twice");
        ids.add(id);
        assert.equal(usage.completion_tokens, n * max_tokens);
        assert.equal(usage.prompt_tokens, length);
        const finished = bodies.flatMap((body) => body.choices)
          .filter((choice) => choice.finish_reason !== null);
        assert.deepEqual(finished.map((choice) => choice.index), [
          ...Array(n).keys(),
        ]);
        counts.answered++;
      } catch (error) {
        if (!leaves || !controller.signal.aborted) throw error;
        counts.hungUp++;
      }
    };
    const client = async (key: number) => {
      const random = randomFrom(9, key);
      // a slow machine takes longer to meet every kind of request
      const isMissing = () => counts.answered <= 10 || counts.hungUp === 0;
      while (performance.now() < end || isMissing()) {
        // now and then more at once than the queue holds
        const flood = random.below(20) === 0 ? 12 : 1;
        await Promise.all(Array.from({ length: flood }, () => one(random)));
      }
    };
    const held: number[] = [];
    for (let half = 0; half < 2; half++) {
      end = performance.now() + SECONDS * 500;
      await Promise.all(
        Array.from({ length: 10 }, (_, key) => client(10 * half + key)),
      );
      const { heap, arrays } = heldBytes();
      held.push(heap + arrays);
    }
    console.log(counts, held);
    assert.ok(counts.answered > 10 && counts.hungUp > 0);
    // the second half leaves nothing behind that the first did not; ids of answers are this test's
    assert.ok(held[1] < held[0] + 20 * 2 ** 20, `${held} bytes`);
    const { status } = await post("/v1/completions", { prompt: "a", n: 4 });
    assert.equal(status, 200);
    const found = await metrics();
    assert.equal(found.denotune_answers_running, 0);
    assert.equal(found.denotune_answers_waiting, 0);
  }, { contextLength: CONTEXT, options: { queue: 12 } });
});
