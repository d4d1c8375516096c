/**
 * Plugins that do harm, trusted: each ends with a message that names it, without a stack trace, and what was saved is
 * whole. `DENOTUNE_TEST_ALL=1` tries all of them, CI some that differ.
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
import { LOADING } from "./hostile/load.ts";
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
];

Deno.test("there are at least sixty hostile plugins, each of another kind of harm", () => {
  assert.ok(all.length >= 60, `${all.length}`);
  assert.equal(new Set(all.map(({ does }) => does)).size, all.length);
});

const isAll = Deno.env.get("DENOTUNE_TEST_ALL") === "1";
for (const hostile of all.filter(({ inCi }) => isAll || inCi === true)) {
  Deno.test(`a plugin that does harm is named, and nothing saved is lost: ${hostile.does}`, async () => {
    const { done: { code, out, err }, faults } = await tryOut(hostile);
    assert.deepEqual(faults, [], `code ${code}\n${out}\n${err}`);
  });
}
