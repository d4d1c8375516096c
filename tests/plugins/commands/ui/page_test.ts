/**
 * The page in Chromium: it follows a run while it trains, and its buttons reach the run.
 */
import assert from "node:assert/strict";
import { join } from "node:path";
import { startUi } from "../../../../plugins/commands/ui/command.ts";
import { runConfig, testFolder, tinyRun } from "../../../run_harness.ts";
import {
  IN_BROWSER,
  openBrowser,
  openPage,
  startLine,
  stepLine,
  viewOf,
  writeRun,
} from "./_browser.ts";

/** Milliseconds from a log line until the page shows its step; in CI other tests take the cores. */
const SHOWN_WITHIN = Deno.env.get("DENOTUNE_TEST_ALL") === "1" ? 2000 : 20_000;

function appendLine(path: string, line: string): void {
  Deno.writeTextFileSync(join(path, "metrics.jsonl"), line, { append: true });
}

Deno.test({
  name:
    "the page shows a step within 2 s of its log line, and goes on after a restart of the run and of the page's server",
  ...IN_BROWSER,
  fn: async () => {
    using folder = testFolder();
    const path = writeRun(folder.path, "live", {
      lines: [startLine(), stepLine(1), stepLine(2)],
      running: true,
    });
    await using browser = await openBrowser();
    let ui = await startUi({ folder: folder.path, port: 0 });
    const { port, token } = ui;
    const { page, errors } = await openPage(browser, viewOf(ui, "/"));
    // one run trains: the address of the terminal leads to it
    const far = page.locator(".far");
    const shows = async (step: number) => {
      const began = performance.now();
      await far.getByText(`${step.toLocaleString("en-US")} of 20,000`)
        .waitFor();
      return performance.now() - began;
    };
    await shows(2);
    const took: number[] = [];
    for (const step of [3, 4, 50]) {
      appendLine(path, stepLine(step));
      took.push(await shows(step));
      await page.locator(
        `.chart.main .plot[aria-label*="to ${step.toLocaleString("en-US")}."]`,
      ).waitFor();
    }
    // the page asks, so every step takes as long as the others: the quickest is the one that no other test held up
    assert.ok(Math.min(...took) < SHOWN_WITHIN, `${took} ms`);
    // resumed at step 2: the file is cut back and goes on
    Deno.writeTextFileSync(
      join(path, "metrics.jsonl"),
      [startLine(), stepLine(1), stepLine(2), startLine({ resumed_at: 2 })]
        .join(""),
    );
    appendLine(path, stepLine(3));
    await shows(3);
    await page.locator('.chart.main .plot[aria-label*="steps 1 to 3."]')
      .waitFor();
    assert.deepEqual(errors, []);
    // the server ends and comes back on its port
    await ui[Symbol.asyncDispose]();
    await page.getByText("not connected").waitFor();
    appendLine(path, stepLine(7));
    ui = await startUi({ folder: folder.path, port, token });
    await shows(7);
    await page.getByText("not connected").waitFor({ state: "hidden" });
    await ui[Symbol.asyncDispose]();
  },
});

Deno.test({
  name:
    "what is pressed in the list of runs while a run goes on is there when it is let go, and keeps the focus",
  ...IN_BROWSER,
  fn: async () => {
    using folder = testFolder();
    const path = writeRun(folder.path, "live", {
      lines: [startLine(), stepLine(1)],
      running: true,
    });
    writeRun(folder.path, "other", { lines: [startLine(), stepLine(1)] });
    await using browser = await openBrowser();
    await using ui = await startUi({ folder: folder.path, port: 0 });
    const { page, errors } = await openPage(
      browser,
      `http://127.0.0.1:${ui.port}/#/`,
    );
    const row = page.getByRole("row").filter({ hasText: "live" });
    for (const [i, name] of ["live", "other"].entries()) {
      const box = page.getByLabel(`compare ${name}`);
      await box.focus();
      await page.keyboard.down("Space");
      appendLine(path, stepLine(i + 2));
      await row.getByText(`${i + 2} of 20,000`).waitFor();
      await page.keyboard.up("Space");
      await page.locator(`input[aria-label="compare ${name}"]:checked:focus`)
        .waitFor();
    }
    await page.getByRole("button", { name: "Compare 2 runs" }).waitFor();
    assert.deepEqual(errors, []);
  },
});

Deno.test({
  name:
    "Stop and save ends a real run after its step with a checkpoint, and other prompts are answered while it trains",
  ...IN_BROWSER,
  fn: async () => {
    using folder = testFolder();
    await using browser = await openBrowser();
    await using ui = await startUi({ folder: folder.path, port: 0 });
    const training = runConfig({
      ...tinyRun(folder.at("run")),
      trackers: ["jsonl"],
      training: {
        epochs: 50_000,
        batch_size: 2,
        logging_steps: 1,
        eval_steps: null,
        save_steps: null,
      },
      generation: { max_new_tokens: 4, temperature: 0 },
      samples: { prompts: ["abc"], at: ["start"] },
    });
    const { page, errors } = await openPage(browser, viewOf(ui, "/run/run"));
    // the folder appears when training begins, and the page with it
    await page.getByRole("button", { name: "Stop and save" }).waitFor();
    errors.length = 0; // the browser logs the 404 of before
    // a batch is read when it is in view
    await page.locator("#batch").scrollIntoViewIfNeeded();
    const tokens = page.locator(".tokens").first();
    await tokens.waitFor();
    await page.getByText("Ask other prompts").click();
    await page.getByLabel("Prompts").fill(
      "first question\n\nsecond <b>one</b>",
    );
    await page.getByRole("button", { name: "Ask these" }).click();
    await page.getByRole("heading", { name: "second <b>one</b>" }).waitFor();
    await page.getByRole("button", { name: "Stop and save" }).click();
    const { result, of } = await training;
    assert.equal(result.status, "interrupted");
    assert.match(result.path, /checkpoint-\d+$/);
    assert.deepEqual(
      of("sample").map(({ prompt, at }) => `${at}: ${prompt}`),
      ["start: abc", "request: first question", "request: second <b>one</b>"],
    );
    await page.locator(".badge.state-stopped").waitFor();
    await page.getByRole("button", { name: "Resume" }).waitFor();
    assert.deepEqual(errors, []);
  },
});
