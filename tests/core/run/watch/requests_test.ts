import assert from "node:assert/strict";
import {
  PROMPTS_FILE,
  RunRequests,
  STOP_FILE,
} from "../../../../core/run/watch/requests.ts";
import { runConfig, testFolder, tinyRun } from "../../../run_harness.ts";

const LONG = { epochs: 5000, batch_size: 2, logging_steps: 1 };

Deno.test("a file that asks a run to stop is taken away, and the run ends as by Ctrl-C; the next one goes on", async () => {
  using folder = testFolder();
  const path = folder.at("run");
  const stop = `${path}/${STOP_FILE}`;
  const config = tinyRun(path, { training: LONG });
  const stopped = await runConfig(config, {
    onEvent: ({ event, step }) => {
      if (event === "step" && step === 3) Deno.writeTextFileSync(stop, "");
    },
  });
  assert.equal(stopped.result.status, "interrupted");
  assert.match(stopped.result.path, /checkpoint-\d+$/);
  assert.equal(stopped.of("end")[0].status, "interrupted");
  assert.throws(() => Deno.statSync(stop), Deno.errors.NotFound);
  // asked again after the end: the run that is resumed forgets it
  Deno.writeTextFileSync(stop, "");
  const controller = new AbortController();
  const resumed = await runConfig(config, {
    signal: controller.signal,
    onEvent: ({ event, step }) => {
      if (event === "step" && step >= stopped.result.steps + 2) {
        controller.abort();
      }
    },
  });
  assert.ok(resumed.result.steps >= stopped.result.steps + 2);
});

Deno.test("prompts in the folder take the place of the config's, and those that leave no room end nothing", async () => {
  using folder = testFolder();
  const path = folder.at("run");
  let asked = 0;
  const ran = await runConfig({
    ...tinyRun(path, { training: LONG }),
    generation: { max_new_tokens: 3, temperature: 0 },
    samples: { prompts: ["abc"], at: ["start", "end"] },
  }, {
    onEvent: (event) => {
      const write = (text: string) =>
        Deno.writeTextFileSync(`${path}/${PROMPTS_FILE}`, text);
      if (event.event === "step" && asked === 0) {
        asked = 1;
        write(JSON.stringify(["one", "two"]));
      }
      if (event.event === "sample" && event.prompt === "two" && asked === 1) {
        asked = 2;
        write(JSON.stringify(["x".repeat(100_000)]));
      }
      if (event.event === "notice" && event.message.includes(PROMPTS_FILE)) {
        Deno.writeTextFileSync(`${path}/${STOP_FILE}`, "");
      }
    },
  });
  assert.equal(ran.result.status, "interrupted");
  assert.deepEqual(
    ran.of("sample").map(({ at, prompt, index }) => [at, prompt, index]),
    [["start", "abc", 0], ["request", "one", 0], ["request", "two", 1]],
  );
  const [{ message }] = ran.of("notice").filter(({ message }) =>
    message.includes(PROMPTS_FILE)
  );
  assert.match(message, /are not answered: Prompt 1 has 100\d+ tokens/);
});

Deno.test("files that hold no prompts ask nothing", () => {
  using folder = testFolder();
  using requests = new RunRequests(folder.path);
  const read = (text: string) => {
    Deno.writeTextFileSync(folder.at(PROMPTS_FILE), text);
    return requests.prompts();
  };
  assert.equal(requests.prompts(), null);
  for (const text of ["", "[", "{}", "[]", "[1, null]", '["  "]', "7"]) {
    assert.equal(read(text), null, text);
  }
  assert.deepEqual(read('["a", 1, "", "b"]'), ["a", "b"]);
  assert.equal(read(JSON.stringify(["x".repeat(2 ** 21)])), null);
  assert.equal(
    read(JSON.stringify(Array.from({ length: 100 }, () => "x")))?.length,
    64,
  );
});
