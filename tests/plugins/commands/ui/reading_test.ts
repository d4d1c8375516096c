/**
 * The page for every reader: axe-core finds nothing, nothing is wider than the screen, the keyboard reaches everything;
 * and it is light.
 */
import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { startUi } from "../../../../plugins/commands/ui/command.ts";
import { testFolder } from "../../../run_harness.ts";
import {
  IN_BROWSER,
  openBrowser,
  openPage,
  startLine,
  stepLine,
  viewOf,
  writeRun,
} from "./_browser.ts";

const AXE = fileURLToPath(import.meta.resolve("axe-core/axe.min.js"));

function line(event: string, more: object): string {
  return JSON.stringify({ event, step: 40, epoch: 0, time: 1, ...more }) + "\n";
}

/** A folder with runs in each state, and all that a run can say. */
function writeRuns(folder: string): void {
  const lines = [
    startLine({ total_steps: 100 }),
    line("notice", { level: "warning", message: "Something to know" }),
    line("sample", { at: "start", index: 0, prompt: "Hello?", text: "?" }),
    ...Array.from(
      { length: 60 },
      (_, i) =>
        stepLine(i + 1, {
          source_losses: { "data/a.jsonl": 1 / (i + 1), "data/b.jsonl": 2 },
        }),
    ),
    line("eval", { eval_loss: 2.5, eval_perplexity: 12, eval_seconds: 1 }),
    line("eval", { eval_loss: 1.5, eval_perplexity: 4, eval_seconds: 1 }),
    line("sample", { at: "eval", index: 0, prompt: "Hello?", text: "Yes." }),
    line("save", { kind: "checkpoint", path: "outputs/a/checkpoint-40" }),
  ];
  const path = writeRun(folder, "running", {
    lines,
    running: true,
    settings: "seed: 1\noptimizer:\n  learning_rate: 0.1\n",
  });
  Deno.writeTextFileSync(
    `${path}/batch.json`,
    JSON.stringify({
      step: 40,
      micro_batch: 1,
      micro_batches: 2,
      batch_rows: 4,
      batch_tokens: 9,
      rows: ["user", "system"].map((role) => ({
        examples: [{ source: "data/a.jsonl", where: "data/a.jsonl:7" }],
        ids: [1, 2, 3, 4, 5, 6, 7, 8, 9],
        texts: ["What", " is", "\n", "A", "B", "C", "D", "E", "pad"],
        weights: [0, 0, 0, 1, 1, 1, 0.5, 1, 0],
        roles: [
          role,
          role,
          null,
          "assistant",
          "assistant",
          "assistant",
          "tool",
          "assistant",
          null,
        ],
        segments: [1, 1, 1, 1, 1, 2, 2, 2, 0],
        losses: [null, null, null, 0.01, 0.4, 1.2, 2, 4, null],
      })),
    }),
  );
  const end = (status: string, error: string | null) =>
    line("end", { status, error, seconds: 7 });
  writeRun(folder, "finished", {
    lines: [...lines, end("done", null)],
    settings: "seed: 2\noptimizer:\n  learning_rate: 0.1\n",
  });
  writeRun(folder, "failed", {
    lines: [startLine(), end("failed", "The disk is full")],
  });
  writeRun(folder, "sweep/stopped", { lines: [startLine(), stepLine(1)] });
}

/** Else light on a wide screen and dark on a phone. */
const ALL = Deno.env.get("DENOTUNE_TEST_ALL") === "1";
const VIEWS = ["/", "/run/running", "/run/failed", "/compare/running/finished"];

Deno.test({
  name:
    "axe-core finds nothing in any view, light and dark, at 1280 and 390 pixels; no view is wider than the screen",
  ...IN_BROWSER,
  fn: async () => {
    using folder = testFolder();
    writeRuns(folder.path);
    await using browser = await openBrowser();
    await using ui = await startUi({ folder: folder.path, port: 0 });
    const axe = Deno.readTextFileSync(AXE);
    for (const dark of [false, true]) {
      for (const width of [1280, 390]) {
        if (!ALL && dark === (width === 1280)) continue;
        for (const view of VIEWS) {
          // with the token the list leads on to the run that trains
          const url = view === "/"
            ? `http://127.0.0.1:${ui.port}/#/`
            : viewOf(ui, view);
          const { page, errors } = await openPage(browser, url, {
            dark,
            width,
          });
          await page.locator("main:not(.busy) h1").waitFor();
          await page.getByText("Ask other prompts").click({ timeout: 300 })
            .catch(() => {}); // only the run that trains has it
          await page.evaluate(axe);
          const found = await page.evaluate(
            `axe.run().then(({ violations }) => violations.map(({ id, nodes }) => id + ": " + nodes.slice(0, 3).map(({ html }) => html).join(" | ")))`,
          );
          const where = `${view} ${dark ? "dark" : "light"} ${width}`;
          assert.deepEqual(found, [], where);
          const wide = await page.evaluate(
            "document.documentElement.scrollWidth",
          );
          assert.ok(Number(wide) <= width, `${where}: ${wide} px`);
          assert.deepEqual(errors, [], where);
          await page.close();
        }
      }
    }
  },
});

Deno.test({
  name:
    "the keyboard opens a run, reads a curve's values and a batch's tokens, and ticks runs to compare",
  ...IN_BROWSER,
  fn: async () => {
    using folder = testFolder();
    writeRuns(folder.path);
    await using browser = await openBrowser();
    await using ui = await startUi({ folder: folder.path, port: 0 });
    const { page, errors } = await openPage(
      browser,
      `http://127.0.0.1:${ui.port}/#/`,
    );
    await page.getByRole("link", { name: "finished" }).focus();
    await page.keyboard.press("Enter");
    await page.getByText("9 k trained", { exact: true }).waitFor();
    const plot = page.locator(".chart.main .plot");
    await plot.waitFor();
    await plot.focus();
    await page.keyboard.press("Home");
    const readout = page.locator(".chart.main .readout");
    await readout.getByText("step 1:").waitFor();
    await page.keyboard.press("ArrowRight");
    await readout.getByText("step 2:").waitFor();
    await page.goto(`http://127.0.0.1:${ui.port}/#/run/running`);
    await page.getByRole("heading", { name: "running" }).waitFor();
    await page.locator("#batch").scrollIntoViewIfNeeded();
    const tokens = page.locator(".tokens").first();
    await tokens.focus();
    for (let i = 0; i < 4; i++) await page.keyboard.press("ArrowRight");
    await page.getByText(
      'token 3 · id 4 · "A" · assistant · weight 1 · loss 0.01',
    ).waitFor();
    await page.getByLabel("weight", { exact: true }).check();
    await page.locator(".tok.w2").first().waitFor();
    await page.goto(`http://127.0.0.1:${ui.port}/#/`);
    for (const name of ["finished", "running"]) {
      await page.getByLabel(`compare ${name}`).focus();
      await page.keyboard.press("Space");
    }
    await page.getByRole("button", { name: "Compare 2 runs" }).focus();
    await page.keyboard.press("Enter");
    await page.getByText("2 runs compared").waitFor();
    await page.getByText("Loss, smoothed", { exact: true }).waitFor();
    await page.getByRole("rowheader", { name: "seed" }).waitFor();
    assert.equal(
      await page.getByRole("rowheader", { name: "learning_rate" }).count(),
      0,
    );
    assert.deepEqual(errors, []);
  },
});

Deno.test({
  name: "without the files of uPlot curves are tables",
  ...IN_BROWSER,
  fn: async () => {
    using folder = testFolder();
    writeRuns(folder.path);
    await using browser = await openBrowser();
    await using ui = await startUi({ folder: folder.path, port: 0 });
    const { page, errors } = await openPage(browser, "about:blank");
    await page.route("**/charts.*", (route) => route.fulfill({ body: "" }));
    await page.goto(viewOf(ui, "/run/finished"));
    const plot = page.locator(".chart.main .plot");
    await plot.getByRole("columnheader", { name: "smoothed" }).waitFor();
    assert.deepEqual(errors, []);
  },
});

Deno.test("the page weighs less than 300 kB, charts and all", async () => {
  using folder = testFolder();
  await using ui = await startUi({ folder: folder.path, port: 0 });
  let bytes = 0;
  for (const path of ["", "app.js", "app.css", "charts.js", "charts.css"]) {
    const answer = await fetch(`http://127.0.0.1:${ui.port}/${path}`);
    const body = await answer.arrayBuffer();
    assert.ok(body.byteLength > 300, path);
    bytes += body.byteLength;
  }
  assert.ok(bytes < 300_000, `${bytes}`);
});
