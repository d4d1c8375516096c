import assert from "node:assert/strict";

const MODULE = new URL(
  "../../../../plugins/collectives/mpi/exit_after.ts",
  import.meta.url,
).href;

/** Runs a body in a process that has `exitAfter`; its exit code and what it printed. */
async function run(body: string): Promise<{ code: number; out: string }> {
  const { code, stdout } = await new Deno.Command(Deno.execPath(), {
    args: [
      "eval",
      `import { exitAfter } from ${JSON.stringify(MODULE)};${body}`,
    ],
    stdout: "piped",
    stderr: "inherit",
  }).output();
  return { code, out: new TextDecoder().decode(stdout) };
}

Deno.test({
  name:
    "a process that waits in a foreign call for ever ends with its own exit code",
  ignore: Deno.build.os !== "linux",
  async fn() {
    for (const code of [0, 130]) {
      const ended = await run(`
        exitAfter(0.1, ${code});
        Deno.dlopen("libc.so.6", { pause: { parameters: [], result: "i32" } }).symbols.pause();
        console.log("it returned");
      `);
      assert.deepEqual(ended, { code, out: "" });
    }
  },
});

Deno.test({
  name: "a process that was stopped ends, too: it is killed",
  ignore: Deno.build.os !== "linux",
  async fn() {
    const ended = await run(`
      exitAfter(0.1, 0);
      Deno.kill(Deno.pid, "SIGSTOP");
      Deno.dlopen("libc.so.6", { pause: { parameters: [], result: "i32" } }).symbols.pause();
    `);
    assert.deepEqual(ended, { code: 128 + 9, out: "" });
  },
});
