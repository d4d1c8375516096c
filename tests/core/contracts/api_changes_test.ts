import assert from "node:assert/strict";
import {
  API_CHANGES,
  API_VERSION,
  type ApiChange,
  apiFault,
} from "../../../core/contracts/api_changes.ts";
import { KINDS } from "../../../core/contracts/plugin.ts";

/** A history that has not happened. */
const CHANGES: readonly ApiChange[] = [
  { version: 2, kinds: ["masker"], todo: "Give one weight a span." },
  { version: 3, kinds: null, todo: "Name the licence in `license`." },
  { version: 4, kinds: ["optimizer", "schedule"], todo: "Count steps from 1." },
];
const fault = (api: unknown, version: number, ...kinds: string[]) =>
  apiFault({ api, kinds }, version, CHANGES);

Deno.test("a plugin for an older API is told every change that concerns its parts, and only those", () => {
  assert.equal(
    fault(1, 4, "masker", "format"),
    "is written for plugin API 1, and this denotune has API 4. Its author writes `api: 4` after these changes:" +
      "\n  API 2: Give one weight a span.\n  API 3: Name the licence in `license`.",
  );
  assert.match(
    fault(3, 4, "schedule") ?? "",
    /after these changes:\n {2}API 4: Count steps from 1\.$/,
  );
});

Deno.test("a plugin for an older API is taken where no change concerns its parts", () => {
  assert.equal(fault(1, 2, "format"), null);
  assert.equal(fault(3, 4, "masker"), null);
  assert.equal(fault(4, 4, "optimizer"), null);
});

Deno.test("a plugin for a newer API says that denotune must be updated", () => {
  assert.equal(
    fault(5, 4, "masker"),
    "is written for plugin API 5, and this denotune has API 4: update denotune, or use a version of the plugin for API 4",
  );
});

Deno.test("an `api` that is no version says what to write", () => {
  assert.equal(
    fault(undefined, 4),
    "says no `api`; add `api: 4`, the version of the plugin API that it is written for",
  );
  for (const api of ["4", 1.5, 0, -1, NaN, null, {}]) {
    assert.match(
      fault(api, 4) ?? "",
      /^says `api: .+`; expected a whole number, the version of the plugin API that it is written for: 4 now$/,
    );
  }
});

Deno.test("the changelog is in order, each change says what to do, and none is of the future", () => {
  const versions = API_CHANGES.map(({ version }) => version);
  assert.deepEqual(versions, versions.toSorted((a, b) => a - b));
  for (const { version, kinds, todo } of API_CHANGES) {
    assert.ok(version >= 2 && version <= API_VERSION, todo);
    assert.ok(kinds === null || kinds.length > 0, todo);
    for (const kind of kinds ?? []) {
      assert.ok(KINDS.some((one) => one === kind), kind);
    }
    assert.match(todo, /^[A-Z`].*\.$/s);
  }
});
