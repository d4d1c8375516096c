/**
 * llama.cpp's server as the client that `export` asks: the real one (from the Python package `xllamacpp`), and servers
 * that answer wrongly, never load the file or crash.
 */
import assert from "node:assert/strict";
import { join } from "node:path";
import { askServer } from "../../../../plugins/exporters/gguf/_client.ts";
import { projectFile } from "../../../e2e/_denotune.ts";
import { exportableRun } from "../../../exported_run.ts";
import { type TestFolder, testFolder } from "../../../run_harness.ts";
import { hasModules } from "../../../python.ts";

const HERE = new URL("./", import.meta.url).pathname;
const HAS_LLAMA = hasModules("xllamacpp");

/** An executable that notes its process id in `pid`, and becomes a command. */
function shim(folder: TestFolder, ...command: string[]): string {
  const path = folder.at("llama-server");
  Deno.writeTextFileSync(
    path,
    `#!/bin/sh\necho $$ > '${folder.at("pid")}'\nexec ${
      command.map((word) => `'${word}'`).join(" ")
    } "$@"\n`,
  );
  Deno.chmodSync(path, 0o755);
  return path;
}

function fake(folder: TestFolder, mode: "wrong" | "silent" | "crash"): string {
  const script = join(HERE, "_fake_server.ts");
  return shim(folder, Deno.execPath(), "run", "-A", "--no-check", script, mode);
}

/** That the process which the shim became has ended. */
async function assertEnded(folder: TestFolder): Promise<void> {
  const pid = Deno.readTextFileSync(folder.at("pid")).trim();
  const { success } = await new Deno.Command("sh", {
    args: ["-c", `kill -0 ${pid}`],
    stderr: "null",
  }).output();
  assert.equal(success, false, `process ${pid} still runs`);
}

/** `export --to gguf` as a process of its own, with a PATH that begins with the test's folder. */
async function exportWith(
  folder: TestFolder,
  trained: string,
  { permissions = ["-A"], words = [] }: {
    readonly permissions?: readonly string[];
    readonly words?: readonly string[];
  } = {},
) {
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: [
      ...["run", "--no-check", "--no-prompt", ...permissions],
      ...[projectFile("mod.ts"), "export", trained],
      ...["--to", "gguf", "-q", "f32", "--backend", "reference"],
      ...["-o", folder.at("out"), ...words],
    ],
    cwd: folder.path,
    env: {
      NO_COLOR: "1",
      PATH: `${folder.path}:${Deno.env.get("PATH")}`,
      LLAMA_ARG_FLASH_ATTN: "on",
    },
    stdin: "null",
  }).output();
  const text = new TextDecoder();
  return { code, out: text.decode(stdout), err: text.decode(stderr) };
}

Deno.test({
  name: "export asks the installed llama-server, which answers as was trained",
  ignore: !HAS_LLAMA,
  async fn() {
    await using folder = await testFolder();
    const trained = await exportableRun(folder);
    shim(folder, "python3", join(HERE, "llama_server.py"));
    const { code, out, err } = await exportWith(folder, trained);
    assert.equal(code, 0, err + out);
    assert.match(out, /^llama\.cpp .*\d.* answers equal$/m);
    const report = JSON.parse(
      Deno.readTextFileSync(folder.at("out", "export.json")),
    );
    assert.equal(report.client.equal_answers, report.answers.prompts);
    assert.match(report.client.name, /^llama\.cpp \S*\d/);
    await assertEnded(folder);
  },
});

Deno.test("an export is refused when llama-server answers otherwise or crashes, and it is named", async () => {
  await using folder = await testFolder();
  const trained = await exportableRun(folder);
  for (
    const [mode, fault] of [
      ["wrong", /llama\.cpp b1-fake answers prompt 1 with the id 1 as token 1/],
      [
        "crash",
        /llama\.cpp \(llama-server\) failed: it ended with exit code 3 \(it says: llama_model_load: error loading model: no such tensor\)/,
      ],
    ] as const
  ) {
    fake(folder, mode);
    const { code, err } = await exportWith(folder, trained);
    assert.equal(code, 1, err);
    assert.match(err, fault);
    assert.throws(() => Deno.statSync(folder.at("out")));
    await assertEnded(folder);
  }
  // without --allow-run it is not asked, and nothing asks for the permission
  const { code, out, err } = await exportWith(folder, trained, {
    permissions: ["-RWNES", "--allow-ffi"],
  });
  assert.equal(code, 0, err);
  assert.match(err + out, /may not run llama-server; add --allow-run/);
});

Deno.test("a llama-server that never loads the file is given up in time, and stopped", async () => {
  await using folder = await testFolder();
  const options = {
    program: fake(folder, "silent"),
    prompts: [{ text: "a", ids: [1], maxNewTokens: 2 }],
    onNotice: () => {},
  };
  const began = performance.now();
  await assert.rejects(
    askServer(folder.at("llama-server"), { ...options, limitMs: 1000 }),
    /llama-server\) did not answer within 1 s/,
  );
  assert.ok(performance.now() - began < 60_000);
  await assertEnded(folder);
});

Deno.test("an interrupt stops llama-server", async () => {
  await using folder = await testFolder();
  const interrupt = new AbortController();
  const asked = askServer(folder.at("llama-server"), {
    program: fake(folder, "silent"),
    prompts: [{ text: "a", ids: [1], maxNewTokens: 2 }],
    signal: interrupt.signal,
    onNotice: () => {},
  });
  setTimeout(() => interrupt.abort(new Error("interrupted")), 300);
  await assert.rejects(asked, /^Error: interrupted$/);
  await assertEnded(folder);
});

Deno.test("a llama-server that is not there is not asked", async () => {
  const options = { prompts: [], onNotice: () => {} };
  const file = join(HERE, "client_test.ts");
  assert.equal(await askServer(file, { ...options, program: "" }), null);
  await assert.rejects(
    askServer(file, { ...options, program: "/nowhere/llama-server" }),
    /there is no program \/nowhere\/llama-server; correct LLAMA_SERVER/,
  );
});
