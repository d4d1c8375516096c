/** The end of `serve` as a process: what is being answered is finished, the rest refused; a second signal ends it. */
import assert from "node:assert/strict";
import { testData } from "../test_data.ts";
import { emptyFolder, projectFile, type Running, start } from "./_denotune.ts";

const MODEL = testData("models/stories260k");
const TOKENS = 400;

/** A server as a process, and its address. */
async function serving(
  folder: string,
): Promise<{ running: Running; address: string }> {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = listener.addr;
  listener.close();
  const running = start(
    folder,
    projectFile("mod.ts"),
    "serve",
    MODEL ?? "",
    ...["--port", String(port), "--backend", "reference"],
  );
  await running.until("/v1");
  return { running, address: `http://127.0.0.1:${port}` };
}

function ask(address: string): Promise<Response> {
  return fetch(`${address}/v1/completions`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({
      model: "stories260k",
      prompt: "Once upon a time",
      max_tokens: TOKENS,
      temperature: 0,
      stream: true,
      stream_options: { include_usage: true },
    }),
  });
}

for (const signal of ["SIGTERM", "SIGINT"] as const) {
  Deno.test({
    name:
      `${signal} finishes the answer that is written, refuses the next, and ends`,
    ignore: MODEL === null,
    fn: async () => {
      using folder = emptyFolder();
      const { running, address } = await serving(folder.path);
      const stream = (await ask(address)).body!
        .pipeThrough(new TextDecoderStream()).getReader();
      let text = (await stream.read()).value ?? "";
      running.process.kill(signal);
      let refused: Response | null = null;
      for (;;) {
        const { value, done } = await stream.read();
        if (done) break;
        text += value;
        // the signal is on its way: it is heard between two tokens
        if (refused === null) {
          const answer = await ask(address).catch(() => null);
          if (answer?.status === 503) refused = answer;
          else await answer?.body?.cancel();
        }
      }
      assert.match(text, /data: \[DONE\]\s*$/, "the whole answer came");
      assert.ok(refused !== null);
      assert.match(await refused.text(), /"message":/);
      const { code, err } = await running.end();
      assert.ok(code === 0 || code === 130, `${code} ${err}`);
    },
  });
}

Deno.test({
  name: "a second signal ends the server at once",
  ignore: MODEL === null,
  fn: async () => {
    using folder = emptyFolder();
    const { running, address } = await serving(folder.path);
    const response = await ask(address);
    const stream = response.body!.getReader();
    await stream.read();
    running.process.kill("SIGINT");
    await running.until("Ctrl-C again"); // two signals that wait are one
    running.process.kill("SIGINT");
    const { code } = await running.end();
    assert.equal(code, 130);
    await stream.cancel().catch(() => {});
  },
});
