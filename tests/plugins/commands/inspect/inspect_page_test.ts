import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import type { InspectedToken } from "../../../../core/data/inspect.ts";
import {
  inspectPage,
  type PageExample,
} from "../../../../plugins/commands/inspect/inspect_page.ts";

function token(id: number, more: Partial<InspectedToken> = {}): InspectedToken {
  return {
    id,
    text: `t${id}`,
    weight: 0,
    role: null,
    kind: null,
    segment: 1,
    position: id,
    ...more,
  };
}

function pageOf(examples: readonly PageExample[]): string {
  return [...inspectPage({ title: "a <b>", subtitle: "& more", examples })]
    .join("");
}

function dataOf(page: string): unknown[] {
  return [
    ...page.matchAll(
      /<script type="application\/json" class="e">(.*?)<\/script>/gs,
    ),
  ].map(([, json]) => JSON.parse(json));
}

const example: PageExample = {
  title: "data.jsonl:1",
  flags: ["truncated"],
  note: null,
  tokens: [
    token(0, { role: "user", kind: "content" }),
    token(1, { weight: 1, role: "assistant", kind: "content" }),
    token(2, { weight: 1, role: "assistant", kind: "end" }),
    token(9, { segment: 0, position: 0 }),
  ],
  straddling: [1],
};

Deno.test("every token is in the page, equal neighbours in runs", () => {
  assert.deepEqual(dataOf(pageOf([example])), [{
    t: "data.jsonl:1",
    f: ["truncated"],
    n: null,
    x: ["t0", "t1", "t2", "t9"],
    i: [0, 1, 2, 9],
    w: [[0, 1], [1, 2], [0, 1]],
    r: [["user", 1], ["assistant", 1], ["assistant end", 1], ["", 1]],
    s: [[1, 3], [0, 1]],
    k: [1],
  }]);
});

Deno.test("positions that do not count from 0 are given", () => {
  const [data] = dataOf(
    pageOf([{ ...example, tokens: [token(5, { position: 3 })] }]),
  );
  assert.ok(typeof data === "object" && data !== null && "p" in data);
  assert.deepEqual(data.p, [3]);
});

Deno.test("text that would end a script or start an element does neither", () => {
  const evil = "</script><script>alert(1)</script><!--<script>\u2028";
  const page = pageOf([{
    ...example,
    title: evil,
    note: evil,
    tokens: [token(1, { text: evil })],
  }]);
  const [data] = dataOf(page);
  assert.ok(
    typeof data === "object" && data !== null && "x" in data && "t" in data,
  );
  assert.deepEqual([data.x, data.t], [[evil], evil]);
  assert.equal(
    page.match(/<script/g)?.length,
    2,
    "the data, and the page's own",
  );
  assert.ok(page.includes("a &lt;b&gt;") && page.includes("&amp; more"));
});

Deno.test("only the page's own script may run, and it writes text, never markup", () => {
  const page = pageOf([example]);
  const script = /<script>(.*?)<\/script>/s.exec(page)?.[1] ?? "";
  const hash = createHash("sha256").update(script).digest("base64");
  assert.ok(page.includes(`script-src &#39;sha256-${hash}&#39;`));
  const style = /<style>(.*?)<\/style>/s.exec(page)?.[1] ?? "";
  assert.ok(
    page.includes(
      `style-src &#39;sha256-${
        createHash("sha256").update(style).digest("base64")
      }&#39;`,
    ),
  );
  assert.ok(
    !/innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(/.test(
      script,
    ),
  );
  new Function(script); // it parses
});

Deno.test("the row that an example was made of is in the page, cut where it is very long", () => {
  const [short, long, none] = dataOf(pageOf([
    { ...example, raw: { q: "</script>" } },
    { ...example, raw: { q: "x".repeat(30_000) } },
    example,
  ])).map((data) => JSON.stringify(data));
  assert.ok(short.includes(String.raw`{\n  \"q\": \"</script>\"\n}`), short);
  assert.match(long, /\.\.\. \(\d+ more characters\)/);
  assert.ok(long.length < 25_000);
  assert.ok(!none.includes('"d"'));
});
