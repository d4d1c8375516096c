/**
 * `denotune inspect`
 * @module
 */
import { basename } from "node:path";
import { type Command, Option } from "commander";
import type { LoadedRun } from "../../config/load.ts";
import {
  STANDARD_INPUT,
  STANDARD_INPUT_NAME,
} from "../../config/standard_input.ts";
import {
  type InspectedToken,
  renderTable,
  renderText,
} from "../../data/inspect.ts";
import { ConfigError } from "../../contracts/errors.ts";
import { dataFile, isRunFile, refuseForRuns } from "../../library/analyze.ts";
import { inspectPrepared, inspectStep } from "../../library/inspect.ts";
import { prepareRun } from "../../library/prepare.ts";
import {
  FINDABLE,
  type Findable,
  findRows,
  lookAtRows,
  type LookRequest,
} from "../../quality/look_at_rows.ts";
import { rowsOf } from "../../quality/read_rows.ts";
import { openSubject } from "../../quality/open_subject.ts";
import { inspectPage } from "../../report/inspect_page.ts";
import { totalSteps } from "../../run/trainer.ts";
import {
  type CliContext,
  loadAskedRun,
  splitRunArguments,
} from "../context.ts";
import { showWhole } from "../../show_numbers.ts";
import { countOption } from "../options.ts";
import { harmless } from "../terminal.ts";
import { progressLine } from "../progress_line.ts";
import { writePage } from "../write_page.ts";

interface InspectFlags {
  readonly row?: number;
  readonly source?: number;
  readonly examples?: number;
  readonly step?: number;
  readonly find?: Findable;
  readonly html?: string;
  readonly format?: string;
  readonly tokenizer?: string;
  readonly table: boolean;
  readonly limit: number;
  readonly color: boolean;
}

/** Adds the command. */
export function addInspect(program: Command, context: CliContext): void {
  program.command("inspect")
    .summary("show what is trained, token by token")
    .description(
      "Shows training examples of a run, or of a data file alone, as the model sees them: what is trained on green (yellow where the weight is not 1), what is only read in grey. Without colours, what is trained stands in «marks».",
    )
    .argument(
      "[run...]",
      "a run file, or a data file (`-`: standard input); and settings laid over it, as `train` takes them",
    )
    .usage("[run or data file] [key=value ...] [options]")
    .option("--row <n>", "this row of the source, counted from 0", countOption)
    .option(
      "--source <n>",
      "this entry of data.train, counted from 0",
      countOption,
    )
    .option(
      "--examples <n>",
      "how many examples of each source (1); with --find and --html, of all (5 and 1000)",
      countOption,
    )
    .option(
      "--step <n>",
      "the batch of this optimizer step, counted from 1, padding included",
      countOption,
    )
    .addOption(
      new Option(
        "--find <what>",
        "only rows that train nothing, are cut, have a token over trained and untrained text; or the longest",
      ).choices(FINDABLE),
    )
    .option(
      "--html <file>",
      "write a page with every token instead, to be filtered in a browser",
    )
    .option(
      "--format <name>",
      "for a data file: its format; default: recognised",
    )
    .option(
      "--tokenizer <folder>",
      "for a data file: show the tokens of this tokenizer; default: bytes",
    )
    .option(
      "--table",
      "a line for every token: id, weight, role, segment",
      false,
    )
    .option(
      "--limit <n>",
      "at most so many tokens of each example",
      countOption,
      600,
    )
    .option("--no-color", "no colours")
    .addHelpText(
      "after",
      `
Examples:
  ${context.command} inspect run.yaml
  ${context.command} inspect run.yaml --row 36 --table
  ${context.command} inspect data.jsonl --tokenizer models/mine
  ${context.command} inspect run.yaml --find zero-loss --examples 3
  ${context.command} inspect run.yaml --html rows.html
  ${context.command} inspect run.yaml --step 1 data.collator=packed`,
    )
    .action((args: string[], flags: InspectFlags) =>
      runInspect(args, flags, context)
    );
}

/** Examples of a page, where nothing else is said. */
const ON_PAGE = 1000;
/** Examples that are found, where nothing else is said. */
const FOUND = 5;

async function runInspect(
  args: readonly string[],
  flags: InspectFlags,
  context: CliContext,
): Promise<void> {
  if (flags.find !== undefined) refuseWith("--find", flags);
  const { out, err } = context;
  const { file, overrides } = splitRunArguments(args);
  const isData = file !== null && !await isRunFile(file);
  if (isData && flags.step !== undefined) {
    throw new ConfigError(
      `A data file has no steps; for --step give a run file whose data.train names ${file}`,
    );
  }
  if (!isData) refuseForRuns(flags);
  const { run } = isData
    ? await dataFile(file, { ...flags, overrides })
    : await loadAskedRun(args, { out });
  const name = shownName(file ?? run.file);
  const onNotice = (message: string) =>
    err.line(`${err.style("warning", "note")} ${harmless(message)}`);
  if (
    isData ||
    flags.step === undefined &&
      (flags.find !== undefined || flags.html !== undefined)
  ) return await lookAt(run, flags, { ...context, name, onNotice });

  using prepared = await prepareRun(run, { onNotice });
  if (flags.step === undefined) {
    for (
      const { source, row, record, tokens } of inspectPrepared(prepared, flags)
    ) {
      show(`${source} row ${row}`, tokens, { flags, out, record });
    }
    return;
  }
  const steps = totalSteps(prepared.data.feed, run.config.training);
  if (flags.step < 1 || flags.step > steps) {
    throw new ConfigError(
      `There is no step ${flags.step}: the run has ${steps}, counted from 1`,
    );
  }
  const found = await inspectStep(prepared, flags.step);
  const rows = found.map(({ batch, row, tokens }) => ({
    title: `step ${flags.step}, micro-batch ${batch}, row ${row}`,
    tokens,
  }));
  if (flags.html === undefined) {
    for (const { title, tokens } of rows) show(title, tokens, { flags, out });
    return;
  }
  const page = inspectPage({
    title: `Step ${showWhole(flags.step)} of ${name}`,
    subtitle:
      `${rows.length} rows, exactly as the optimizer step ${flags.step} of ${steps} sees them, padding included.`,
    examples: rows.map((row) => ({
      ...row,
      flags: row.tokens.some((t) => t.weight > 0) ? [] : ["zero-loss"],
      note: null,
      straddling: [],
    })),
  });
  await writePage(flags.html, page);
  err.line(`Wrote ${flags.html}`);
}

function refuseWith(option: string, flags: InspectFlags): void {
  for (const other of ["step", "row"] as const) {
    if (flags[other] === undefined) continue;
    throw new ConfigError(
      `${option} and --${other} cannot be given together; leave one out`,
    );
  }
}

interface LookContext extends CliContext {
  /** What is looked at, as people call it. */
  readonly name: string;
  readonly onNotice: (message: string) => void;
}

/** Rows as they are read, those that are skipped or dropped included, on the terminal or as a page. */
async function lookAt(
  run: LoadedRun,
  flags: InspectFlags,
  { out, err, name, onNotice }: LookContext,
): Promise<void> {
  using subject = await openSubject(run, { onNotice });
  const problems: string[] = [];
  const request: LookRequest = {
    ...subject,
    source: flags.source ?? (flags.row === undefined ? undefined : 0),
    record: flags.row,
    base: Deno.cwd(),
    onProblem: (problem) => void problems.push(problem),
  };
  checkPlace(request);
  const limit = flags.examples ??
    (flags.row !== undefined
      ? Infinity
      : flags.html !== undefined
      ? ON_PAGE
      : flags.find !== undefined
      ? FOUND
      : 1);
  const all = flags.find === undefined
    ? lookAtRows(request)
    : findRows(flags.find, { ...request, count: limit });
  let shown = 0;
  if (flags.html === undefined) {
    for (const { where, record, raw, note, tokens } of all) {
      if (shown++ === limit) break;
      show(
        `${where} (row ${record})${note === null ? "" : `, ${note}`}`,
        tokens,
        { flags, out, record: raw },
      );
    }
    if (shown === 0) out.line(`No row is found: ${flags.find ?? "readable"}`);
  } else {
    const progress = progressLine(err);
    const examples = function* () {
      for (const looked of all) {
        if (shown === limit) return;
        progress.show("writing examples", ++shown, limit);
        yield { ...looked, title: `${looked.where} (row ${looked.record})` };
      }
    };
    await writePage(
      flags.html,
      inspectPage({
        title: `Examples of ${name}`,
        subtitle: `${
          flags.find === undefined
            ? `At most ${showWhole(limit)} examples, in the order of the data`
            : `At most ${showWhole(limit)} examples: ${flags.find}`
        }; tokens as they are trained.`,
        examples: examples(),
      }),
    );
    progress.clear();
    err.line(`Wrote ${flags.html}: ${showWhole(shown)} examples`);
  }
  if (problems.length > 0) {
    onNotice(
      `${showWhole(problems.length)} rows cannot be read; the first: ${
        problems[0]
      }`,
    );
  }
}

function shownName(file: string | null): string {
  if (file === null) return "the quickstart";
  return file === STANDARD_INPUT ? STANDARD_INPUT_NAME : basename(file);
}

function checkPlace({ source, record, train }: LookRequest): void {
  if (source !== undefined && source >= train.length) {
    throw new ConfigError(
      `There is no source ${source}: data.train has ${train.length}, counted from 0`,
    );
  }
  const rows = rowsOf(train[source ?? 0]);
  if (record !== undefined && record >= rows) {
    throw new ConfigError(
      `There is no row ${record}: ${
        train[source ?? 0].name
      } has ${rows}, counted from 0`,
    );
  }
}

function show(
  title: string,
  tokens: readonly InspectedToken[],
  { flags, out, record }: {
    flags: InspectFlags;
    out: CliContext["out"];
    record?: unknown;
  },
): void {
  const view = { color: flags.color && out.color, limit: flags.limit };
  const style: typeof out.style = (name, text) =>
    view.color ? out.style(name, text) : text;
  const trained = tokens.filter((t) => t.weight > 0).length;
  const padding = tokens.filter((t) => t.segment === 0).length;
  out.line(
    style(
      "bold",
      `${title}: ${showWhole(tokens.length - padding)} tokens, ${
        showWhole(trained)
      } trained${padding > 0 ? `, ${showWhole(padding)} padding` : ""}`,
    ),
  );
  if (record !== undefined) {
    out.line(style("dim", harmless(recordText(record))));
  }
  const real = flags.table ? tokens : tokens.filter((t) => t.segment > 0);
  out.line(flags.table ? renderTable(real, view) : renderText(real, view));
  out.line();
}

/** Characters of a record that are shown. */
const RECORD = 400;

function recordText(record: unknown): string {
  const text = JSON.stringify(record);
  return text.length <= RECORD
    ? text
    : `${text.slice(0, RECORD)} ... (${
      showWhole(text.length - RECORD)
    } more characters)`;
}
