import assert from "node:assert/strict";
import { TailFile } from "../../../../core/run/log/tail_file.ts";
import { testFolder } from "../../../run_harness.ts";

/** A file that is followed, and what it gave. */
function followed(path: string) {
  const lines: string[] = [];
  let restarts = 0;
  let tooLong = 0;
  const file = new TailFile(path);
  return {
    lines,
    get restarts() {
      return restarts;
    },
    get tooLong() {
      return tooLong;
    },
    read: () =>
      file.read({
        restart: () => {
          restarts++;
          lines.length = 0;
        },
        line: (text) => void lines.push(text),
        tooLong: () => void tooLong++,
      }),
  };
}

Deno.test("a file that grows gives each line once, when it is whole", async () => {
  using folder = testFolder();
  const path = folder.at("a.jsonl");
  const file = followed(path);
  assert.equal(await file.read(), false);
  Deno.writeTextFileSync(path, "one\ntw");
  assert.equal(await file.read(), true);
  assert.deepEqual(file.lines, ["one"]);
  Deno.writeTextFileSync(path, "o\nthree\n", { append: true });
  assert.equal(await file.read(), true);
  assert.deepEqual(file.lines, ["one", "two", "three"]);
  assert.equal(await file.read(), false);
  assert.equal(file.restarts, 0);
});

Deno.test("a file that was cut back and grew beyond the place that was reached is read anew", async () => {
  using folder = testFolder();
  const path = folder.at("a.jsonl");
  const file = followed(path);
  Deno.writeTextFileSync(path, "one\ntwo\nthree\n");
  await file.read();
  // a resumed run: the same file, cut and written on between two looks
  const own = Deno.openSync(path, { write: true });
  own.truncateSync(4);
  own.seekSync(4, Deno.SeekMode.Start);
  own.writeSync(new TextEncoder().encode("2\n3\n4\n5\n6\n7\n"));
  own.close();
  await file.read();
  assert.deepEqual(file.lines, ["one", "2", "3", "4", "5", "6", "7"]);
  assert.equal(file.restarts, 1);
});

Deno.test("a file that took the place of another is read anew, and one that is gone gives nothing", async () => {
  using folder = testFolder();
  const path = folder.at("a.jsonl");
  const file = followed(path);
  Deno.writeTextFileSync(path, "one\n");
  await file.read();
  Deno.writeTextFileSync(folder.at("b"), "one\nother\n");
  Deno.renameSync(folder.at("b"), path);
  await file.read();
  assert.deepEqual(file.lines, ["one", "other"]);
  assert.equal(file.restarts, 1);
  Deno.removeSync(path);
  assert.equal(await file.read(), true);
  assert.deepEqual(file.lines, []);
  Deno.mkdirSync(path);
  assert.equal(await file.read(), false);
});

Deno.test("a line of more than 16 MB is left out and counted, and those after it are read", async () => {
  using folder = testFolder();
  const path = folder.at("a.jsonl");
  const file = followed(path);
  Deno.writeTextFileSync(path, "one\n" + "x".repeat(20 * 2 ** 20));
  await file.read();
  Deno.writeTextFileSync(path, "xx\ntwo\n", { append: true });
  await file.read();
  assert.deepEqual(file.lines, ["one", "two"]);
  assert.equal(file.tooLong, 1);
});
