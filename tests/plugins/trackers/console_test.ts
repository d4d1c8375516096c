import assert from "node:assert/strict";
import {
  showBytes,
  type StepEvent,
  type TrackerEvent,
} from "@denotune/denotune/core";
import { columnsOf } from "../../../core/cli/wrap_lines.ts";
import { movingLine } from "../../../plugins/trackers/_bar.ts";
import { oneLine, visible } from "../../../core/cli/table.ts";
import { duration, percent, short } from "../../../plugins/trackers/_format.ts";
import type { Sink } from "../../../plugins/trackers/_terminal.ts";
import { ConsoleTracker } from "../../../plugins/trackers/console.ts";
import { exampleEvents, testTracker } from "../../conformance/tracker.ts";

interface Captured {
  readonly out: string;
  readonly err: string;
}

/** Tells events to a tracker on streams of these widths (null: no terminal) and gives what it wrote. */
function show(
  events: readonly TrackerEvent[],
  options: {
    columns: number | null;
    outColumns?: number | null;
    progress?: "auto" | "bar" | "lines";
    plain?: boolean;
  },
): Captured {
  const written = { out: "", err: "" };
  const sink = (name: "out" | "err", columns: number | null): Sink => ({
    write: (text) => written[name] += text,
    columns: () => columns,
  });
  let now = 0;
  const tracker = new ConsoleTracker(
    { progress: options.progress ?? "auto" },
    {
      out: sink(
        "out",
        options.outColumns === undefined ? options.columns : options.outColumns,
      ),
      err: sink("err", options.columns),
      plain: options.plain ?? false,
    },
    () => now += 0.03,
  );
  tracker.start({
    outputDir: "outputs/capitals",
    totalSteps: 159,
    resumedAt: 0,
    settings: {},
  });
  for (const event of events) tracker.event(event);
  tracker.close();
  return written;
}

testTracker("console", () => {
  const quiet: Sink = { write: () => {}, columns: () => 80 };
  return new ConsoleTracker(
    { progress: "auto" },
    { out: quiet, err: quiet, plain: false },
    () => 0,
  );
});

Deno.test("without a terminal the console writes plain lines to stdout and nothing to stderr", () => {
  const { out, err } = show(exampleEvents(), { columns: null });
  assert.equal(err, "");
  // deno-lint-ignore no-control-regex -- escapes are what must not be there
  assert.ok(!/[\u001b\r]/.test(out));
  assert.deepEqual(out.trimEnd().split("\n"), [
    "denotune 0.1.0  outputs/capitals",
    "model    some/model · llama · 135 M parameters, lora",
    "trainable 4,884,480 of 134,515,008 (3.63%)",
    "data     999 rows -> 212 packs -> 53 steps an epoch · 45 k of 120 k tokens trained · 159 steps in all · 3 rows skipped · 50 rows to evaluate · alpaca, completion-only",
    "train    adamw, cosine · seed 42",
    "backend  cpu · a processor, 2 workers (no hardware GPU was found)",
    "memory   weights 538 MB · gradients 20 MB · optimizer 40 MB · activations 220 MB · inputs 1 kB · total 818 MB of 8 GB",
    "warning  3 rows have no trained token and are left out",
    "sample What is the capital of France?",
    "  now    The the·[2J the",
    "step 2/159  epoch 0.50  loss 2.5000  3m 20s left  400 trained tok/s  lr 5.00e-5  norm 1.25  padding 13 %",
    "step 4/159  epoch 1.00  loss -  lr 0  norm -  2 updates skipped",
    "epoch 1  loss 2.2500  800 trained tokens in 8s",
    "eval   loss 2.0000  perplexity 7.3890  token accuracy 50 %  (step 4)",
    "       exact_match 0.7500  geography 1.0000",
    "answers  failed: right is 0.5, below 0.9",
    "answers  2 rows in outputs/capitals/evaluations/answers-4.jsonl",
    "  prompt                                                                       answer  right  score",
    "  What is 1 + 1?                                                               2·[2J   true   1",
    "  Say hello. Say hello. Say hello. Say hello. Say hello. Say hello. Say hell…          -      0.5000",
    "saved  checkpoint outputs/capitals/checkpoint-4  (removed 1)",
    "sample What is the capital of France?",
    "  before The the·[2J the",
    "  after  Paris.",
    "saved  adapter outputs/capitals",
    "profile 1 steps: 250.00 ms of kernels a step; 125 dispatches, 2.5 submits",
    "   250.00 ms  100 %      2 calls  matmul",
    "done after 4 steps, 800 trained tokens, 10s: outputs/capitals",
    "  2 updates were left out: the gradient was not finite",
  ]);
});

Deno.test("on a terminal the bar moves on stderr and is gone before each line and at the end", () => {
  const { out, err } = show(exampleEvents(), { columns: 80 });
  assert.ok(!out.includes("step 2/159"), "steps are in the bar");
  assert.ok(err.includes("2/159  loss 2.5000  3m 20s left"));
  assert.ok(err.endsWith("\r\u001b[K"), "nothing is left behind");
  for (const picture of err.split("\r\u001b[K")) {
    assert.ok([...picture].length < 80, `too wide: ${picture}`);
  }
  assert.ok(out.includes("\u001b[1m"), "colours on a terminal");
});

Deno.test("lines on a terminal are broken between words, whatever its width", () => {
  for (const columns of [40, 80, 120]) {
    const { out } = show(exampleEvents(), { columns, plain: true });
    const whole = show(exampleEvents(), { columns: null }).out;
    const lines = out.split("\n");
    for (const line of lines) {
      const isOneWord = !line.trim().includes(" ");
      assert.ok(columnsOf(line) <= columns || isOneWord, line);
    }
    if (columns === 120) continue;
    assert.ok(lines.length > whole.split("\n").length);
    const words = new Set(whole.split(/\s+/));
    const cut = out.split(/\s+/).filter((word) => !words.has(word));
    // texts of the model, the moving line and tables are cut to the width on purpose
    assert.ok(
      cut.every((word) => word.includes("…") || word.length < 20),
      cut.join(" "),
    );
  }
});

Deno.test("NO_COLOR takes the colours and leaves the bar", () => {
  const { out, err } = show(exampleEvents(), { columns: 80, plain: true });
  assert.ok(!out.includes("\u001b["));
  assert.ok(err.includes("━"));
});

Deno.test("with stdout in a file the bar still moves and the file stays plain", () => {
  const { out, err } = show(exampleEvents(), { columns: 80, outColumns: null });
  assert.ok(err.includes("━"));
  assert.ok(!out.includes("\u001b["));
});

Deno.test("progress: lines writes lines on a terminal too", () => {
  const { out, err } = show(exampleEvents(), {
    columns: 80,
    progress: "lines",
  });
  assert.ok(out.includes("step 2/159"));
  assert.equal(err, "");
});

Deno.test("the moving line fits any width and drops the least important fields first", () => {
  const fields = ["loss 1.0", "3s left", "9 tok/s", "lr 1e-4"];
  for (let width = 1; width < 120; width++) {
    const line = movingLine({ share: 0.5, label: "5/10", fields, width });
    assert.ok([...line].length < Math.max(width, 2), `${width}: ${line}`);
  }
  assert.equal(
    movingLine({ share: 0.5, label: "5/10", fields, width: 30 }),
    "━━━─── 5/10  loss 1.0",
  );
});

Deno.test("progress is drawn at most ten times a second, and its end always", () => {
  const events: TrackerEvent[] = Array.from({ length: 100 }, (_, i) => ({
    event: "progress",
    step: 0,
    epoch: 0,
    time: 0,
    task: "tokenizing",
    done: i + 1,
    total: 100,
  }));
  const { err } = show(events, { columns: 80 });
  const pictures = err.split("\r\u001b[K").filter((p) => p !== "");
  assert.ok(pictures.length < 40, `${pictures.length}`); // 3 s of a clock of 30 ms
  assert.ok(pictures.at(-1)!.endsWith("tokenizing 100/100"));
});

Deno.test("an interrupted run says how to resume it, a failed one that it failed", () => {
  const end = exampleEvents().at(-1)!;
  const { out } = show(
    [{ ...end, status: "interrupted" } as TrackerEvent],
    { columns: null },
  );
  assert.match(
    out,
    /^interrupted after .*\n.*\n {2}the same command resumes it/,
  );
  const failed = show(
    [{ ...end, status: "failed", path: null } as TrackerEvent],
    { columns: null },
  );
  assert.match(failed.out, /^failed after 4 steps/);
});

Deno.test("a loss that is not a number is shown as none", () => {
  const step = exampleEvents().find((e) => e.event === "step") as StepEvent;
  const { out } = show([{ ...step, loss: NaN }], { columns: null });
  assert.match(out, /loss - /);
});

Deno.test("numbers are written for people", () => {
  assert.deepEqual([134_515_008, 12_345, 950, 1_234_567_890].map(short), [
    "135 M",
    "12.3 k",
    "950",
    "1.23 B",
  ]);
  assert.deepEqual([1, 2000, 5e6, 1.5e9].map(showBytes), [
    "1 B",
    "2 kB",
    "5 MB",
    "1.50 GB",
  ]);
  assert.deepEqual([0.4, 59.6, 200, 7500, 100_000].map(duration), [
    "0s",
    "1m 00s",
    "3m 20s",
    "2h 05m",
    "1d 3h",
  ]);
  assert.deepEqual([0, 0.004, 0.123].map(percent), ["0 %", "0.4 %", "12 %"]);
  assert.equal(oneLine("a\n b\u001b[2Jc", 6), "a b·[…");
  assert.equal(visible("tab\tline\n\u0007\u202e"), "tab\tline\n··");
});
