/**
 * The page of examples on a phone, in Chromium: 390 px wide, without a mouse.
 */
import assert from "node:assert/strict";
import type { InspectedToken } from "../../../../core/data/inspect.ts";
import { inspectPage } from "../../../../plugins/commands/inspect/inspect_page.ts";
import { testFolder } from "../../../run_harness.ts";

const WIDTH = 390;

function chromium(): string | null {
  for (const name of ["chromium", "chromium-browser", "google-chrome"]) {
    try {
      const { success } = new Deno.Command(name, {
        args: ["--version"],
        stdout: "null",
        stderr: "null",
      }).outputSync();
      if (success) return name;
    } catch {
      // not installed
    }
  }
  return null;
}

const browser = chromium();
if (browser === null) console.log("skipped: there is no Chromium");

const tokens: InspectedToken[] = Array.from({ length: 30 }, (_, id) => ({
  id: 100_000 + id,
  text: id % 3 === 0 ? "extraordinarily" : "word",
  weight: id > 10 ? 1 : 0,
  role: id > 10 ? "assistant" : "user",
  kind: "content",
  segment: 1,
  position: id,
}));

Deno.test({
  name:
    "on a phone the page of examples is no wider than the screen, and the table shows each token's text",
  ignore: browser === null,
  fn: async () => {
    using folder = testFolder();
    const page = [...inspectPage({
      title: "Examples",
      subtitle: "rows.jsonl",
      examples: [{
        title: "a_long_name_of_a_file_without_a_break_in_it.jsonl:1 (row 0)",
        flags: ["truncated"],
        note: null,
        tokens,
        straddling: [],
      }],
    })].join("");
    // the page allows no script but its own: another one looks at it from outside
    const looks = `
      addEventListener("load", () => setTimeout(() => {
        const frame = document.querySelector("iframe");
        const inner = frame.contentDocument;
        const found = { page: inner.documentElement.scrollWidth };
        inner.querySelector(".tok").click();
        found.bar = inner.getElementById("bar").textContent;
        inner.querySelector(".example header button").click();
        const head = [...inner.querySelectorAll(".tokentable th")]
          .find((th) => th.textContent === "text").getBoundingClientRect();
        found.left = head.left;
        found.right = head.right;
        found.table = inner.documentElement.scrollWidth;
        document.body.textContent = "FOUND" + JSON.stringify(found) + "END";
      }, 100));`;
    const path = folder.at("phone.html");
    Deno.writeTextFileSync(
      path,
      `<!doctype html><body><iframe width="${WIDTH}" height="800" style="border:0"></iframe>
<script>document.querySelector("iframe").srcdoc = ${
        JSON.stringify(page).replaceAll("<", "\\u003c")
      };${looks}</script></body>`,
    );
    const { stdout } = await new Deno.Command(browser ?? "", {
      args: [
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        `--user-data-dir=${folder.at("profile")}`,
        "--virtual-time-budget=3000",
        "--dump-dom",
        `file://${path}`,
      ],
      stdout: "piped",
      stderr: "null",
    }).output();
    const text = new TextDecoder().decode(stdout);
    const json = /FOUND(\{.*\})END/.exec(text)?.[1];
    assert.ok(json !== undefined, text.slice(0, 500));
    const found = JSON.parse(json.replaceAll("&quot;", '"'));
    assert.ok(found.page <= WIDTH, `${found.page} px`);
    assert.ok(found.table <= WIDTH, `${found.table} px with the table`);
    assert.ok(found.left >= 0 && found.right <= WIDTH, JSON.stringify(found));
    assert.match(found.bar, /token 0.*id 100000.*extraordinarily/);
  },
});
