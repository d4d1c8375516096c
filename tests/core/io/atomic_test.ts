import assert from "node:assert/strict";
import { join } from "node:path";
import { ConfigError, DeviceError } from "../../../core/contracts/errors.ts";
import {
  asUserError,
  beginFolder,
  commitFolder,
  recover,
  userError,
  writeFileAtomic,
} from "../../../core/io/atomic.ts";

function inFolder(body: (folder: string) => void): void {
  const folder = Deno.makeTempDirSync();
  try {
    body(folder);
  } finally {
    Deno.removeSync(folder, { recursive: true });
  }
}

const names = (folder: string) =>
  [...Deno.readDirSync(folder)].map((e) => e.name).sort();

Deno.test("a file is replaced whole, and nothing is left beside it", () =>
  inFolder((folder) => {
    const path = join(folder, "state.json");
    writeFileAtomic(path, "one");
    writeFileAtomic(path, new TextEncoder().encode("two"));
    assert.equal(Deno.readTextFileSync(path), "two");
    assert.deepEqual(names(folder), ["state.json"]);
  }));

Deno.test("a file that cannot be written leaves the old one", () =>
  inFolder((folder) => {
    assert.throws(
      () => writeFileAtomic(join(folder, "no", "x"), "x"),
      (error) =>
        error instanceof ConfigError && /choose a path/.test(error.message),
    );
    Deno.mkdirSync(join(folder, "taken"));
    Deno.writeTextFileSync(join(folder, "taken", "x"), "x");
    assert.throws(() => writeFileAtomic(join(folder, "taken"), "x"));
    assert.deepEqual(names(folder), ["taken"]);
  }));

Deno.test("a folder appears only when it is committed", () =>
  inFolder((folder) => {
    const final = join(folder, "checkpoint-10");
    const temporary = beginFolder(final);
    Deno.writeTextFileSync(join(temporary, "a"), "1");
    Deno.mkdirSync(join(temporary, "deep"));
    Deno.writeTextFileSync(join(temporary, "deep", "b"), "2");
    assert.ok(!names(folder).includes("checkpoint-10"));
    commitFolder(temporary, final);
    assert.deepEqual(names(folder), ["checkpoint-10"]);
    assert.equal(Deno.readTextFileSync(join(final, "deep", "b")), "2");
  }));

Deno.test("a committed folder replaces an older one", () =>
  inFolder((folder) => {
    const final = join(folder, "model");
    for (const text of ["old", "new"]) {
      const temporary = beginFolder(final);
      Deno.writeTextFileSync(join(temporary, text), text);
      commitFolder(temporary, final);
    }
    assert.deepEqual(names(final), ["new"]);
    assert.deepEqual(names(folder), ["model"]);
  }));

Deno.test("what killed runs left is cleaned up; a folder moved aside comes back", () =>
  inFolder((folder) => {
    for (
      const name of [
        ".checkpoint-5.tmp-1",
        ".kept.old-1",
        ".lost.old-1",
        ".lost.tmp-1",
        ".hidden",
        "kept",
      ]
    ) Deno.mkdirSync(join(folder, name));
    Deno.writeTextFileSync(join(folder, ".state.json.tmp-77"), "{");
    Deno.writeTextFileSync(join(folder, ".lost.old-1", "weights"), "");
    assert.equal(recover(folder, "other").length, 0);
    assert.equal(recover(folder).length, 5);
    assert.deepEqual(names(folder), [".hidden", "kept", "lost"]);
    assert.deepEqual(names(join(folder, "lost")), ["weights"]);
    assert.deepEqual(recover(join(folder, "nowhere")), []);
  }));

Deno.test("errors of the file system become ours", () => {
  const error = (code: string) =>
    Object.assign(new Error(`os: ${code}`), { code });
  for (const code of ["ENOSPC", "EDQUOT", "EIO"]) {
    assert.ok(userError("write x", error(code)) instanceof DeviceError, code);
  }
  for (const code of ["EACCES", "EROFS", "ENOTDIR", "EPERM"]) {
    assert.ok(userError("write x", error(code)) instanceof ConfigError, code);
  }
  assert.throws(
    () => asUserError("write x", () => Deno.openSync("a\0b", { read: true })),
    ConfigError,
  );
  const other = new TypeError("a bug");
  assert.equal(userError("write x", other), other);
});
