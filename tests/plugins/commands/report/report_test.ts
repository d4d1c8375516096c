import assert from "node:assert/strict";
import { exampleEvents } from "../../../conformance/tracker.ts";
import { run } from "../../../core/cli/_run.ts";
import { readReport } from "../../../../plugins/commands/report/facts.ts";
import { reportPage } from "../../../../plugins/commands/report/page.ts";
import { summaryMarkdown } from "../../../../plugins/commands/report/summary.ts";
import { writeReport } from "../../../../plugins/commands/report/write_report.ts";
import { inFolder, steps } from "../../trackers/_run.ts";

const HOSTILE = "<img src=x onerror=alert(1)>|\u202e\u0007";

/** A run's folder as a run leaves it. */
function writeRun(folder: string): void {
  const events = exampleEvents().filter(({ event }) => event !== "progress");
  const start = events.findIndex(({ event }) => event === "step");
  const all = [
    ...events.slice(0, start),
    ...steps(1, 120),
    ...events.slice(start).filter(({ event }) => event !== "step")
      .map((event) => ({ ...event, step: 120 })),
  ].map((event) =>
    event.event === "sample"
      ? { ...event, prompt: HOSTILE }
      : event.event === "start"
      ? { ...event, memory: { ...event.memory, runtime: 352_000 } }
      : event
  );
  Deno.writeTextFileSync(
    `${folder}/metrics.jsonl`,
    all.map((e) => `${JSON.stringify(e)}\n`).join(""),
  );
  Deno.writeTextFileSync(
    `${folder}/config.resolved.yaml`,
    `seed: 42 # ${HOSTILE}\n`,
  );
  Deno.writeTextFileSync(`${folder}/summary.json`, "{}\n");
}

Deno.test("a run is a table to paste, with the figures of its log", () =>
  inFolder(async (folder) => {
    writeRun(folder);
    const text = summaryMarkdown(await readReport(folder));
    assert.match(text, /^\| model +\| some\/model \(llama\) \|$/m);
    assert.match(
      text,
      /^\| trained +\| 4,884,480 of 134,515,008 numbers \(lora\) \|$/m,
    );
    assert.match(text, /^\| loss +\| 3\.636 -> 0\.3077 \|$/m);
    assert.match(
      text,
      /^\| evaluation +\| loss 2, perplexity 7\.389, token accuracy 0\.5, exact match 0\.75 at step 120 \|$/m,
    );
    assert.match(text, /^\| memory +\| 818 MB planned \|$/m);
    assert.ok(text.split("\n").every((line) => /^\|.*\|$/.test(line)));
  }));

Deno.test("its page has curves, evaluations, samples before and after, memory and settings, and shows text as text", () =>
  inFolder(async (folder) => {
    writeRun(folder);
    const page = [...reportPage(await readReport(folder))].join("");
    for (
      const heading of [
        "Curves",
        "Evaluation",
        "Samples",
        "Memory, as planned",
        "Saved",
        "Notices",
        "Settings",
      ]
    ) {
      assert.ok(page.includes(`<h2>${heading}</h2>`), heading);
    }
    assert.equal(
      page.match(/<polyline/g)?.length,
      5,
      "four curves, and the loss smoothed",
    );
    assert.equal(page.match(/<circle class="point"/g)?.length, 1);
    const rows = [
      ...page.matchAll(
        /<th scope="row">(\w+)<\/th>\s*<td class="n">([\d.]+ [kMG]?B)</g,
      ),
    ];
    const names = rows.map(([, name]) => name);
    assert.deepEqual(
      names.slice(-2),
      ["total", "available"],
      "sums follow their parts",
    );
    assert.ok(
      rows.some(([, name, size]) => name === "runtime" && size === "352 kB"),
    );
    assert.ok(page.includes("Paris."));
    assert.ok(
      !page.includes("<img") && !page.includes("\u202e") &&
        !page.includes("\u0007"),
    );
    assert.ok(!/<script|https?:\/\//.test(page), "it needs nothing else");
    assert.ok(page.length < 100_000);
  }));

Deno.test("a folder without a run is refused by the command, and no report is no failure of a run", () =>
  inFolder(async (folder) => {
    const { code, err } = await run("report", folder);
    assert.equal(code, 2);
    assert.match(err, /There is no run to report on/);
    const said: string[] = [];
    const output = {
      write: () => {},
      line: (text = "") => void said.push(text),
      style: (_: unknown, text: string) => text,
      color: false,
      width: 80,
    };
    assert.equal(await writeReport(folder, output), null);
    assert.match(said[0], /^There is no report: .*`jsonl` among `trackers`$/);
  }));

Deno.test("the command prints the table and writes the page", () =>
  inFolder(async (folder) => {
    writeRun(folder);
    const { code, out, err } = await run("report", folder);
    assert.equal(code, 0);
    assert.match(out, /^\| run/);
    assert.match(err, /report\.html/);
    assert.ok(Deno.statSync(`${folder}/report.html`).size > 5000);
  }));

Deno.test("a run that only began, and one with half a line, have a report", () =>
  inFolder(async (folder) => {
    const [start] = exampleEvents().filter(({ event }) => event === "start");
    Deno.writeTextFileSync(
      `${folder}/metrics.jsonl`,
      `${JSON.stringify(start)}\n{"event":"st`,
    );
    const found = await readReport(folder);
    assert.equal(found.state, "stopped");
    assert.match(summaryMarkdown(found), /^\| state +\| stopped/m);
    assert.ok([...reportPage(found)].join("").length > 1000);
  }));
