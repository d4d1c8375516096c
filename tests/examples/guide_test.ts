/**
 * The guide for plugin authors: a page for each kind, links that lead somewhere, and code that runs.
 */
import assert from "node:assert/strict";
import { dirname, join } from "node:path";
import { KINDS } from "../../core/contracts/plugin.ts";
import { guidePages, pagePath } from "../house/guide.ts";
import * as testing from "@denotune/denotune/testing";

const GUIDE = "examples/kinds";
const pages = [...Deno.readDirSync(GUIDE)].map((entry) => entry.name).sort();

Deno.test("the guide has a page for each kind, which names its suite", () => {
  assert.deepEqual(pages, KINDS.map((kind) => `${kind}.md`).sort());
  for (const kind of KINDS) {
    const text = Deno.readTextFileSync(`${GUIDE}/${kind}.md`);
    const suite = `test${kind[0].toUpperCase()}${kind.slice(1)}`;
    assert.ok(text.includes(suite), `${kind}.md does not name ${suite}`);
    assert.ok(suite in testing, suite);
  }
});

Deno.test("pages end with what init --plugin writes: `deno task guide` has been run", async () => {
  for (const [kind, page] of await guidePages()) {
    assert.equal(Deno.readTextFileSync(pagePath(kind)), page, kind);
  }
});

Deno.test("every page has a table of what comes in and goes out, and says what its suite checks", () => {
  for (const kind of KINDS) {
    const text = Deno.readTextFileSync(pagePath(kind));
    assert.match(text.split("## A whole one")[0], /^\| -+ \| -+ /m, kind);
    assert.match(text, /## What the suite checks\n\n- /, kind);
  }
});

Deno.test("links of the guide lead somewhere", () => {
  for (
    const path of [
      "examples/README.md",
      ...pages.map((p) => `${GUIDE}/${p}`),
    ]
  ) {
    for (
      const [, link] of Deno.readTextFileSync(path).matchAll(/\]\(([^)#]+)\)/g)
    ) {
      if (/^https?:/.test(link)) continue;
      Deno.statSync(join(dirname(path), link));
    }
  }
});

Deno.test("code of the guide runs", async () => {
  const { success, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["test", "-A", "-q", "--doc", "examples/README.md", GUIDE],
    stdout: "piped",
    stderr: "piped",
  }).output();
  const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
  assert.ok(success, `${text(stdout)}${text(stderr)}`);
});
