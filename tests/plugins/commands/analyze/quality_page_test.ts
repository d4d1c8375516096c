import assert from "node:assert/strict";
import { qualityPage } from "../../../../plugins/commands/analyze/quality_page.ts";
import { analyzeRows, pair } from "./_analyze.ts";

const EVIL =
  `<script>alert("1")</script><img src=x onerror='alert(2)'>\u202e</td>`;

Deno.test("text of the data is escaped wherever it stands", async () => {
  const report = await analyzeRows([
    ...Array.from({ length: 8 }, () => pair(EVIL, EVIL)),
    pair(`${EVIL} more`, ""),
  ], { held: [pair(EVIL, EVIL)], options: { max_length: 50 } });
  const page = [...qualityPage({
    ...report,
    subject: {
      ...report.subject,
      name: `"><script>evil</script>`,
      tokenizer: EVIL,
    },
  })].join("");
  assert.ok(!/<script/i.test(page), "the page has no script at all");
  assert.ok(!/<img/i.test(page));
  assert.ok(!page.includes("\u202e"));
  assert.ok(page.includes("&lt;script&gt;alert(&quot;1&quot;)&lt;/script&gt;"));
});

Deno.test("the page needs nothing else: no address, no file, a policy that forbids both", async () => {
  const page = [
    ...qualityPage(await analyzeRows([pair("a b", "c d e"), pair("x", "y z")])),
  ].join("");
  assert.match(page, /^\s*<!DOCTYPE html>/);
  assert.match(
    page,
    /Content-Security-Policy" content="default-src &#39;none&#39;/,
  );
  assert.ok(
    !/(?:src|href|url\()\s*=?\s*["'(]?(?:https?:|\/\/|file:)/i.test(page),
  );
  for (const [, label] of page.matchAll(/<svg [^>]*role="img"([^>]*)/g)) {
    assert.match(label, /aria-label="[^"]+"/);
  }
  assert.equal(page.match(/<figure/g)?.length, 5);
  assert.match(page, /prefers-color-scheme: dark/);
});

Deno.test("a report without findings and without instructions is a page too", async () => {
  const page = [...qualityPage(await analyzeRows([{ text: "only one text" }]))]
    .join("");
  assert.match(page, /None: nothing stands out/);
});
