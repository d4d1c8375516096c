/**
 * `denotune inspect`
 * @module
 */
import {
  askedRegistry,
  type Command,
  type CommandContext,
  ConfigError,
  defineCommand,
  harmless,
  type InspectedToken,
  library,
  loadAskedRun,
  type LoadedRun,
  type Output,
  progressLine,
  renderTable,
  renderText,
  showCount,
  showWhole,
  splitRunArguments,
  STANDARD_INPUT,
  STANDARD_INPUT_NAME,
  writes,
} from "@denotune/denotune/core";
import { basename, dirname } from "node:path";
import { z } from "zod";
import {
  dataFile,
  isRunFile,
  refuseForRuns,
  subjectNeeds,
} from "../analyze/library.ts";
import {
  FINDABLE,
  findRows,
  lookAtRows,
  type LookRequest,
} from "./look_at_rows.ts";
import { rowsOf } from "../analyze/read_rows.ts";
import { openSubject } from "../analyze/open_subject.ts";
import { inspectPage } from "./inspect_page.ts";
import { writePage } from "../pages/write_page.ts";

const count = () => z.int().min(0).optional();
const options = z.strictObject({
  row: count().describe("this row of the source, counted from 0"),
  source: count().describe("this entry of data.train, counted from 0"),
  examples: count().describe(
    "how many examples of each source (1); with --find and --html, of all (5 and 1000)",
  ),
  step: count().describe(
    "the batch of this optimizer step, counted from 1, padding included",
  ),
  find: z.enum(FINDABLE).optional().meta({ placeholder: "what" }).describe(
    "only rows that train nothing, are cut, have a token over trained and untrained text; or the longest",
  ),
  html: z.string().optional().meta({ placeholder: "file" }).describe(
    "write a page with every token instead, to be filtered in a browser",
  ),
  format: z.string().optional().meta({ placeholder: "name" }).describe(
    "for a data file: its format; default: recognised",
  ),
  tokenizer: z.string().optional().meta({ placeholder: "folder" }).describe(
    "for a data file: show the tokens of this tokenizer; default: bytes",
  ),
  table: z.boolean().default(false).describe(
    "a line for every token: id, weight, role, segment",
  ),
  limit: z.int().min(0).default(600).describe(
    "at most so many tokens of each example",
  ),
  color: z.boolean().default(true).describe("no colours"),
});

type InspectFlags = z.output<typeof options>;

/** `denotune inspect` */
export const inspect: Command = defineCommand({
  details:
    "Shows training examples of a run, or of a data file alone, as the model sees them: what is trained on green (yellow where the weight is not 1), what is only read in grey. Without colours, what is trained is between « and ».",
  arguments: [{
    name: "run",
    description:
      "a run file, or a data file (`-`: standard input); and settings laid over it, as `train` takes them",
    repeated: true,
  }],
  usage: "[run or data file] [key=value ...] [options]",
  options,
  help: (start) =>
    `Examples:
  ${start} inspect run.yaml
  ${start} inspect run.yaml --row 36 --table
  ${start} inspect data.jsonl --tokenizer models/mine
  ${start} inspect run.yaml --find zero-loss --examples 3
  ${start} inspect run.yaml --html rows.html
  ${start} inspect run.yaml --step 1 data.collator=packed`,
  permissions: async (flags, context) => [
    ...await subjectNeeds(context, flags),
    ...(flags.html === undefined ? [] : writes(dirname(flags.html))),
  ],
  run: runInspect,
});

/** Examples of a page, where nothing else is said. */
const ON_PAGE = 1000;
/** Examples that are found, where nothing else is said. */
const FOUND = 5;

async function runInspect(
  flags: InspectFlags,
  context: CommandContext,
): Promise<void> {
  if (flags.find !== undefined) refuseWith("--find", flags);
  const { out, err, arguments: args } = context;
  const { files, overrides } = splitRunArguments(args);
  const [file = null] = files;
  const isData = file !== null && files.length === 1 && !await isRunFile(file);
  if (isData && flags.step !== undefined) {
    throw new ConfigError(
      `A data file has no steps; for --step give a run file whose data.train names ${file}`,
    );
  }
  if (!isData) refuseForRuns(flags);
  const { run } = isData
    ? await dataFile(await askedRegistry(context), file, {
      ...flags,
      overrides,
    })
    : await loadAskedRun(context);
  const name = shownName(file ?? run.file);
  const onNotice = (message: string) =>
    err.line(`${err.style("warning", "note")} ${harmless(message)}`);
  if (
    isData ||
    flags.step === undefined &&
      (flags.find !== undefined || flags.html !== undefined)
  ) return await lookAt(run, flags, { ...context, name, onNotice });

  if (flags.step === undefined) {
    const examples = await library.inspectRun(run, { ...flags, onNotice });
    for (const { source, row, record, tokens } of examples) {
      show(`${source} row ${row}`, tokens, { flags, out, record });
    }
    return;
  }
  const { steps, rows: found } = await library.inspectStep(run, flags.step, {
    onNotice,
  });
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
    subtitle: `${
      showCount(rows.length, "row")
    }, exactly as the optimizer step ${flags.step} of ${steps} sees them, padding included.`,
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

interface LookContext extends CommandContext {
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
        `${placed(where, record)}${note === null ? "" : `, ${note}`}`,
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
        yield { ...looked, title: placed(looked.where, looked.record) };
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
      `${showCount(problems.length, "row")} cannot be read; the first: ${
        problems[0]
      }`,
    );
  }
}

/** Where a row is, with its index unless that says the same: `rows.jsonl:37 (row 36)`, `row 0`. */
function placed(where: string, record: number): string {
  return where === `row ${record}` ? where : `${where} (row ${record})`;
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
    out: Output;
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
