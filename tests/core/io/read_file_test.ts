import assert from "node:assert/strict";
import {
  readFileUpTo,
  readTextUpTo,
  refusePipe,
} from "../../../core/io/read_file.ts";
import { testFolder } from "../../run_harness.ts";

Deno.test("a file is read up to a number of bytes, and not beyond", () => {
  using folder = testFolder();
  const path = folder.at("a");
  Deno.writeTextFileSync(path, "12345");
  assert.equal(readTextUpTo(path, 5), "12345");
  assert.throws(() => readFileUpTo(path, 4), /has 5 bytes; at most 4 are read/);
});

Deno.test({
  name: "pipes, devices and folders are refused before they are opened",
  ignore: Deno.build.os === "windows",
  fn: async () => {
    using folder = testFolder();
    const pipe = folder.at("pipe");
    await new Deno.Command("mkfifo", { args: [pipe] }).output();
    for (const path of [pipe, "/dev/zero", folder.path]) {
      assert.throws(() => readFileUpTo(path, 100), /it is no file/);
    }
    for (const path of [pipe, "/dev/zero"]) {
      assert.throws(() => refusePipe(path), /is a pipe or a device/);
    }
    refusePipe(folder.path);
  },
});

Deno.test({
  name: "what a shell hands over in place of a file is read",
  ignore: Deno.build.os !== "linux",
  fn: async () => {
    const module = new URL("../../../core/io/read_file.ts", import.meta.url);
    const child = new Deno.Command(Deno.execPath(), {
      args: [
        "eval",
        `import { readTextUpTo } from "${module}"; console.log(readTextUpTo("/dev/stdin", 10)); `,
      ],
      stdin: "piped",
      stdout: "piped",
    }).spawn();
    const writer = child.stdin.getWriter();
    await writer.write(new TextEncoder().encode("seed: 1"));
    await writer.close();
    const { stdout } = await child.output();
    assert.equal(new TextDecoder().decode(stdout), "seed: 1\n");
  },
});
