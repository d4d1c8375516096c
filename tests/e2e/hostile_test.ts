/**
 * Plugins that do harm, trusted and isolated: each ends with a message that names it, without a stack trace, and what was saved is
 * whole. `DENOTUNE_TEST_ALL=1` tries all of them, CI some that differ; `tests/core/config/parts/guard_part_test.ts` has
 * what can be seen without a process.
 */
import assert from "node:assert/strict";
import { CREATING, EMPTY } from "./hostile/creating.ts";
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
import { tryOut } from "./hostile/try_out.ts";

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
