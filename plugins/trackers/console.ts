/**
 * What a person watches: on a terminal a moving line and the lines worth keeping, otherwise plain lines.
 * @module
 */
import { relative } from "node:path";
import {
  definePart,
  type EvalEvent,
  measure,
  oneLine,
  type Part,
  type ProgressEvent,
  type ResultEvent,
  type SampleEvent,
  showWhole,
  type StepEvent,
  tableLines,
  type Tracker,
  type TrackerContext,
  type TrackerEvent,
  visible,
} from "@denotune/denotune/core";
import { z } from "zod";
import { movingLine } from "./_bar.ts";
import { LineCurve } from "./_curve.ts";
import { duration, percent, rate, short } from "./_format.ts";
import { profileLines } from "./_profile_lines.ts";
import { startLines } from "./_start_lines.ts";
import { processStreams, type Streams, Terminal } from "./_terminal.ts";

/** Options of {@linkcode console}. */
export interface ConsoleOptions {
  readonly progress: "auto" | "bar" | "lines";
}

const options: z.ZodType<ConsoleOptions, Partial<ConsoleOptions>> = z
  .strictObject({
    progress: z.enum(["auto", "bar", "lines"]).default("auto").describe(
      "A moving bar, or a line for each logged step; auto: a bar on a terminal, else lines",
    ),
  });

/** The part `console`. */
export const console: Part<"tracker", Partial<ConsoleOptions>, ConsoleOptions> =
  definePart({
    kind: "tracker",
    name: "console",
    description: "Shows the run: a progress bar on a terminal, else lines",
    options,
    create: (o: ConsoleOptions): Tracker =>
      new ConsoleTracker(o, processStreams(), () => performance.now() / 1000),
  });

/** Least seconds between two pictures of the moving line. */
const REDRAW_SECONDS = 0.1;
/** Columns of a terminal in which the loss is drawn too, and columns of that curve. */
const WIDE = 110;
const CURVE_WIDTH = 16;

/** The tracker over any streams; `now` gives seconds. */
export class ConsoleTracker implements Tracker {
  readonly watched = true;
  readonly #terminal: Terminal;
  readonly #bar: boolean;
  readonly #now: () => number;
  readonly #losses = new LineCurve();
  readonly #before = new Map<string, string>(); // prompt -> answer at the start
  #totalSteps = 0;
  #outputDir = "";
  #drawnAt = -Infinity;

  constructor(o: ConsoleOptions, streams: Streams, now: () => number) {
    this.#terminal = new Terminal(streams);
    this.#bar = o.progress === "bar" ||
      (o.progress === "auto" && this.#terminal.movable);
    this.#now = now;
  }

  start(context: TrackerContext): void {
    this.#totalSteps = context.totalSteps;
    this.#outputDir = context.outputDir;
  }

  preparing(event: ProgressEvent): void {
    // nothing to count: what is waited for, said on a terminal and in a log
    if (event.total === 0) return this.#terminal.line(event.task);
    this.#progress(event.task, event.done, event.total);
  }

  event(event: TrackerEvent): void {
    switch (event.event) {
      case "start":
        return this.#lines(startLines(event, this.#terminal));
      case "step":
        return this.#step(event);
      case "progress":
        return this.#progress(event.task, event.done, event.total);
      case "epoch":
        return this.#terminal.line(
          `${this.#head(`epoch ${epochOf(event.epoch)}`)}  loss ${
            measure(event.epoch_loss)
          }  ${showWhole(event.trained_tokens)} trained tokens in ${
            duration(event.seconds)
          }`,
        );
      case "eval":
        return this.#eval(event);
      case "result":
        return this.#result(event);
      case "sample":
        return this.#sample(event);
      case "save": {
        const removed = event.removed.length === 0
          ? ""
          : this.#terminal.style("dim", `  (removed ${event.removed.length})`);
        return this.#terminal.line(
          `${this.#head("saved")}  ${event.kind} ${
            this.#shown(event.path)
          }${removed}`,
        );
      }
      case "notice": {
        const warning = event.level === "warning";
        return this.#terminal.line(
          `${
            this.#terminal.style(
              warning ? "warning" : "dim",
              warning ? "warning" : "note",
            )
          }  ${visible(event.message)}`,
        );
      }
      case "profile":
        return this.#lines(profileLines(event, this.#head("profile")));
      case "end":
        return this.#end(event);
    }
  }

  close(): void {
    this.#terminal.clear();
  }

  /** The loss on one line, then a line for each evaluator's numbers, folded where they are many. */
  #eval(event: EvalEvent): void {
    const [loss, ...own] = evalFields(event);
    this.#terminal.line(
      `${this.#head("eval")}   ${
        loss.join("  ") || own.shift()?.join("  ") || ""
      }  (step ${event.step})`,
    );
    for (const fields of own) {
      for (const line of folded(fields, this.#terminal.lineWidth - 7)) {
        this.#terminal.line(`       ${line}`);
      }
    }
  }

  /** An evaluator's verdict, and the first rows of its table. */
  #result({ evaluator, records, path, verdict }: ResultEvent): void {
    const head = this.#head(evaluator);
    if (verdict !== null) {
      const word = verdict.passed
        ? this.#terminal.style("good", "passed")
        : this.#terminal.style("bad", "failed");
      this.#terminal.line(`${head}  ${word}: ${visible(verdict.reason)}`);
    }
    if (path === null) return;
    this.#terminal.line(
      `${head}  ${showWhole(records.length)} rows in ${this.#shown(path)}`,
    );
    for (const line of tableLines(records, this.#terminal.lineWidth - 2)) {
      this.#terminal.line(`  ${line}`);
    }
  }

  #step(event: StepEvent): void {
    if (event.loss !== null) this.#losses.add(event.loss);
    const label = `${event.step}/${this.#totalSteps}`;
    if (this.#bar) {
      this.#draw(true, {
        share: this.#totalSteps === 0 ? 1 : event.step / this.#totalSteps,
        label,
        fields: stepFields(event, this.#curve()),
      });
      return;
    }
    this.#terminal.line(
      [`step ${label}`, `epoch ${event.epoch.toFixed(2)}`, ...stepFields(event)]
        .join("  "),
    );
  }

  /** The loss so far, where there is room for it. */
  #curve(): string {
    return this.#terminal.width < WIDE ? "" : this.#losses.text(CURVE_WIDTH);
  }

  #progress(task: string, done: number, total: number | null): void {
    const finished = total !== null && done >= total;
    this.#draw(finished, {
      share: total === null || total === 0 ? null : done / total,
      label: total === null
        ? `${task} ${showWhole(done)}`
        : `${task} ${showWhole(done)}/${showWhole(total)}`,
      fields: [],
    });
  }

  #draw(
    always: boolean,
    what: { share: number | null; label: string; fields: readonly string[] },
  ): void {
    const now = this.#now();
    if (!this.#bar || (!always && now - this.#drawnAt < REDRAW_SECONDS)) return;
    this.#drawnAt = now;
    this.#terminal.move(
      movingLine({ ...what, width: this.#terminal.width }),
    );
  }

  #sample(event: SampleEvent): void {
    const width = this.#terminal.lineWidth - 10;
    this.#terminal.line(
      `${this.#head("sample")} ${oneLine(event.prompt, width)}`,
    );
    const answer = (when: string, text: string) =>
      this.#terminal.line(
        `  ${this.#terminal.style("dim", when.padEnd(6))} ${
          oneLine(text, width) || this.#terminal.style("dim", "(nothing)")
        }`,
      );
    const before = this.#before.get(event.prompt);
    if (event.at === "start") this.#before.set(event.prompt, event.text);
    else if (before !== undefined) answer("before", before);
    answer(
      event.at === "start"
        ? "now"
        : event.at === "end"
        ? "after"
        : `${event.step}`,
      event.text,
    );
  }

  #end(event: Extract<TrackerEvent, { event: "end" }>): void {
    const head = {
      done: this.#terminal.style("good", "done"),
      interrupted: this.#terminal.style("warning", "interrupted"),
      failed: this.#terminal.style("bad", "failed"),
    }[event.status];
    const after = `after ${showWhole(event.step)} steps, ${
      showWhole(event.total_trained_tokens)
    } trained tokens, ${duration(event.seconds)}`;
    this.#terminal.line(
      `${head} ${after}${
        event.path === null ? "" : `: ${this.#shown(event.path)}`
      }`,
    );
    if (event.skipped_updates > 0) {
      this.#terminal.line(
        `  ${
          showWhole(event.skipped_updates)
        } updates were left out: the gradient was not finite`,
      );
    }
    if (event.status === "interrupted") {
      this.#terminal.line("  the same command resumes it");
    }
  }

  #head(text: string): string {
    return this.#terminal.style("bold", text);
  }

  /** A path as the user would write it: relative to the working directory where it is inside. */
  #shown(path: string): string {
    const inner = relative(Deno.cwd(), path);
    return inner === "" || inner.startsWith("..") ? path : inner;
  }

  #lines(lines: readonly string[]): void {
    for (const line of lines) this.#terminal.line(line);
  }
}

/** The fields of a step, most important first; `curve`: the loss so far, or empty. */
function stepFields(event: StepEvent, curve = ""): string[] {
  const speed = event.trained_tokens_per_second;
  return [
    `loss ${measure(event.loss)}${curve === "" ? "" : ` ${curve}`}`,
    ...(event.seconds_left === null
      ? []
      : [`${duration(event.seconds_left)} left`]),
    ...(speed === null ? [] : [`${short(speed)} trained tok/s`]),
    `lr ${rate(event.learning_rate)}`,
    `norm ${event.grad_norm === null ? "-" : event.grad_norm.toFixed(2)}`,
    ...Object.entries(event.metrics ?? {}).map(([name, value]) =>
      `${name} ${value === null ? "-" : measure(value)}`
    ),
    ...(event.padded_share > 0
      ? [`padding ${percent(event.padded_share)}`]
      : []),
    ...(event.skipped_updates > 0
      ? [`${event.skipped_updates} updates skipped`]
      : []),
  ];
}

/** The numbers of an evaluation: ours first, then a list for each evaluator, its own name first. */
function evalFields(event: EvalEvent): [string[], ...string[][]] {
  const loss = event.eval_loss === null ? [] : [
    `loss ${measure(event.eval_loss)}${
      event.eval_loss_error == null
        ? ""
        : ` ± ${measure(event.eval_loss_error)} (${event.eval_draws} draws)`
    }`,
    ...(event.eval_perplexity === null
      ? []
      : [`perplexity ${measure(event.eval_perplexity)}`]),
    ...(event.eval_token_accuracy === null
      ? []
      : [`token accuracy ${percent(event.eval_token_accuracy)}`]),
  ];
  const ours = [
    "eval_loss",
    "eval_loss_error",
    "eval_draws",
    "eval_perplexity",
    "eval_token_accuracy",
    "eval_seconds",
  ];
  const own: string[][] = [];
  let name = "";
  for (const [key, value] of Object.entries(event)) {
    if (!key.startsWith("eval_") || ours.includes(key)) continue;
    const shown = typeof value === "number" ? measure(value) : "-";
    const field = key.slice("eval_".length);
    if (name !== "" && field.startsWith(`${name}_`)) {
      own[own.length - 1].push(`${field.slice(name.length + 1)} ${shown}`);
    } else {
      name = field;
      own.push([`${field} ${shown}`]);
    }
  }
  return [loss, ...own];
}

/** Fields on as few lines as the width allows. */
function folded(fields: readonly string[], width: number): string[] {
  const lines: string[] = [];
  for (const field of fields) {
    const last = lines[lines.length - 1];
    if (last === undefined || last.length + 2 + field.length > width) {
      lines.push(field);
    } else lines[lines.length - 1] = `${last}  ${field}`;
  }
  return lines;
}

/** 1, or 0.5 for half of one. */
function epochOf(epoch: number): string {
  return Number.isInteger(epoch) ? String(epoch) : epoch.toFixed(2);
}
