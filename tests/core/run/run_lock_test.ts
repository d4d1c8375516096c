import assert from "node:assert/strict";
import { join } from "node:path";
import { lockPath, lockRunFolder } from "../../../core/run/run_lock.ts";

const module = new URL("../../../core/run/run_lock.ts", import.meta.url).href;

/** Another process that takes the lock of a folder, says so, and waits to be killed. */
async function holdElsewhere(outputDir: string): Promise<Deno.ChildProcess> {
  const code = `import { lockRunFolder } from "${module}";
    const lock = lockRunFolder(${JSON.stringify(outputDir)});
    console.log("held"); setInterval(() => lock, 1000);`;
  const process = new Deno.Command(Deno.execPath(), {
    args: ["eval", "--no-check", code],
    stdout: "piped",
  }).spawn();
  const reader = process.stdout.getReader();
  await reader.read();
  await reader.cancel();
  return process;
}

Deno.test("a folder that another process holds is refused, naming it; killed, it frees the folder", async () => {
  const parent = Deno.makeTempDirSync();
  const folder = join(parent, "run");
  const process = await holdElsewhere(folder);
  try {
    assert.throws(
      () => lockRunFolder(folder),
      (error: Error) => {
        assert.equal(error.name, "ConfigError");
        assert.ok(error.message.includes(`process ${process.pid} on `));
        assert.match(error.message, /since 20\d\d-/);
        assert.ok(error.message.includes(lockPath(folder)));
        return true;
      },
    );
  } finally {
    process.kill("SIGKILL");
    await process.status;
  }
  lockRunFolder(folder)[Symbol.dispose]();
  assert.deepEqual([...Deno.readDirSync(parent)], []);
  Deno.removeSync(parent, { recursive: true });
});

Deno.test("a folder can be taken again by who gave it back, and two folders at once", () => {
  const parent = Deno.makeTempDirSync();
  {
    using _a = lockRunFolder(join(parent, "a"));
    using _b = lockRunFolder(join(parent, "b"));
    assert.throws(() => lockRunFolder(join(parent, "a")), /in use by/);
  }
  using _again = lockRunFolder(join(parent, "a"));
});
