/**
 * Plugins that do harm, trusted and isolated: each ends with a message that names it, without a stack trace, and what was saved is
 * whole. `DENOTUNE_TEST_ALL=1` tries all of them, CI some that differ; `tests/core/config/parts/guard_part_test.ts` has
 * what can be seen without a process.
 */
import assert from "node:assert/strict";
import { join } from "node:path";
import { weightBytes } from "../run_harness.ts";
import { denotune, emptyFolder } from "./_denotune.ts";
import { partModule } from "./hostile/hostile_plugin.ts";
import { CHOSEN, CREATING, EMPTY } from "./hostile/creating.ts";
import {
  COLLATORS,
  FORMATS,
  MASKERS,
  SOURCES,
  STREAMS,
  TEMPLATES,
  TOKENIZERS,
} from "./hostile/data_parts.ts";
import { HARMING, NOT_HELD } from "./hostile/process.ts";
import { ISOLATED } from "./hostile/isolated.ts";
import { LOADING } from "./hostile/load.ts";
import { RUNNING } from "./hostile/run_parts.ts";
import { tryOut, writeRun } from "./hostile/try_out.ts";

const all = [
  ...LOADING,
  ...CREATING,
  ...EMPTY,
  ...FORMATS,
  ...TEMPLATES,
  ...TOKENIZERS,
  ...MASKERS,
  ...COLLATORS,
  ...SOURCES,
  ...STREAMS,
  ...RUNNING,
  ...HARMING,
  ...NOT_HELD,
  ...ISOLATED,
];

/** What each run of the tests tries: harms that differ. */
const SAMPLE: readonly string[] = [
  "throws an error whose message throws at load",
  "throws in a timer",
  "ends the process with a code of its own",
  "a format that throws in row 500",
  "a collator that throws in step 4",
  "a tracker that rejects in the middle",
  "an evaluator that never answers",
  "changes Array.prototype.map",
  "ends a worker that prepares rows",
  "isolated: starts a program",
];

Deno.test("there are at least sixty hostile plugins, each of another kind of harm", () => {
  assert.ok(all.length >= 60, `${all.length}`);
  const titles = new Set(all.map(({ does }) => does));
  assert.equal(titles.size, all.length);
  assert.deepEqual(SAMPLE.filter((does) => !titles.has(does)), []);
});

const isAll = Deno.env.get("DENOTUNE_TEST_ALL") === "1";
for (
  const hostile of all.filter(({ does }) => isAll || SAMPLE.includes(does))
) {
  Deno.test(`a plugin that does harm is named, and nothing saved is lost: ${hostile.does}`, async () => {
    const { done: { code, out, err }, faults } = await tryOut(hostile);
    assert.deepEqual(faults, [], `code ${code}\n${out}\n${err}`);
  });
}

Deno.test({
  name:
    "a run that a plugin ended goes on with the mended plugin, and ends with the bits of one that nothing ended",
  ignore: !isAll,
  fn: async () => {
    using folder = emptyFolder();
    const writePlugin = (throwsIn: number) =>
      Deno.writeTextFileSync(
        join(folder.path, "plugin.js"),
        partModule(
          "collator",
          `async (o, host) => { const own = await host.create("collator", "padded"); let batches = 0;
  return { plan: (l, m) => own.plan(l, m), collate: (r, m) => ++batches === ${throwsIn} ? boom() : own.collate(r, m) }; }`,
        ),
      );
    writeRun(folder.path, CHOSEN.collator);
    const train = (...more: string[]) =>
      denotune(folder.path, "train", "run.json", ...more);
    writePlugin(4);
    const ended = await train();
    assert.equal(ended.code, 2);
    assert.match(
      ended.err,
      /threw: boom\nThe run in .* stopped\. Its last complete checkpoint is .*checkpoint-2 \(step 2\)\.\nResume it with: .*\nWith the plugin mended, .* training\.resume=.*checkpoint-2/,
    );
    writePlugin(0);
    const same = await train();
    assert.equal(same.code, 2);
    assert.match(same.err, /training\.resume=.*checkpoint-2 that one begins/);
    const on = "training.resume=run/checkpoint-2";
    assert.equal((await train("output_dir=mended", on)).code, 0);
    assert.equal((await train("output_dir=whole")).code, 0);
    assert.deepEqual(
      weightBytes(join(folder.path, "mended")),
      weightBytes(join(folder.path, "whole")),
    );
  },
});
