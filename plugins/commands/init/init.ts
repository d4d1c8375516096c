/**
 * `denotune init`
 * @module
 */
import { basename, dirname, relative, resolve } from "node:path";
import {
  askedRegistry,
  cacheFolder,
  type Command,
  type CommandContext,
  ConfigError,
  createPart,
  creatingWith,
  DataError,
  defineCommand,
  detectFormat,
  harmless,
  isDenotuneError,
  isPlainObject,
  kindAt,
  openDataPath,
  quoted,
  showCount,
} from "@denotune/denotune/core";
import { z } from "zod";
import { positionLimit } from "./position_limit.ts";
import { runNameOf } from "./run_name.ts";
import { maxLengthFor, runFileText, text } from "./run_file_text.ts";

const options = z.strictObject({
  model: z.string().default("HuggingFaceTB/SmolLM2-135M")
    .meta({ placeholder: "path" }).describe("folder or Hub id of the model"),
  out: z.string().optional().meta({ short: "o", placeholder: "file" }).describe(
    "the run file; default: the data file's name with .yaml",
  ),
  force: z.boolean().default(false).describe(
    "write over a run file that is there",
  ),
});

/** `denotune init` */
export const init: Command = defineCommand({
  details:
    "Looks at a data file (JSON, JSON Lines, CSV, text or Parquet, packed or not) or a folder of them, recognises what the columns mean, and writes a run file with a comment on every line worth changing.",
  arguments: [{
    name: "data",
    description: "a file or a folder",
    required: true,
  }],
  options,
  help: (start) =>
    `Examples:
  ${start} init data.jsonl
  ${start} init data/
  ${start} init data.json --model models/my-llama --out run.yaml`,
  run: runInit,
});

async function runInit(
  flags: z.output<typeof options>,
  context: CommandContext,
): Promise<void> {
  const { out, err, invocation, plugins, arguments: [given] } = context;
  const data = resolve(given);
  if (await kindAt(data) === null && !/[*?[{]/.test(given)) {
    throw new DataError(`There is no file or folder ${given}`);
  }
  const name = flags.out === undefined
    ? runNameOf(data)
    : basename(flags.out).replace(/\.ya?ml$/i, "");
  const runFile = resolve(flags.out ?? `${name}.yaml`);
  const shown = relative(Deno.cwd(), runFile);
  if (!flags.force && await kindAt(runFile) !== null) {
    throw new ConfigError(
      `${shown} is already there; give another name with --out, or --force to write over it`,
    );
  }
  if (await kindAt(dirname(runFile)) !== "folder") {
    throw new ConfigError(
      `Cannot write ${shown}: there is no folder ${
        dirname(shown)
      }; make it, or give another name with --out`,
    );
  }
  const found = await recognise(data, context);
  const positions = await positionLimit(flags.model);
  const written = runFileText({
    data: relativeTo(runFile, data),
    model: await kindAt(resolve(flags.model)) === null
      ? flags.model
      : relativeTo(runFile, resolve(flags.model)),
    plugins,
    name,
    positions,
    ...found,
  });
  await Deno.writeTextFile(runFile, written);
  const files = found.files === 1
    ? ""
    : ` of ${showCount(found.files, "file")}`;
  out.line(
    `${given}: ${
      showCount(found.rows, "row")
    }${files}, format ${found.format}: ${found.reason}`,
  );
  for (const notice of found.notices) err.line(harmless(notice));
  const most = maxLengthFor(positions);
  if (positions === most) {
    out.line(
      `${flags.model} has ${
        showCount(positions, "position")
      }: max_length is ${most}`,
    );
  }
  out.line(`Wrote ${shown}`);
  out.line();
  const next = (command: string) => `${invocation} ${command} ${quoted(shown)}`;
  if (found.isGuess) {
    out.line(`Correct the columns in \`format\`, if they are others.`);
  }
  out.line(`See what is trained:   ${next("inspect")}`);
  out.line(`See whether it fits:   ${next("check")}`);
  out.line(`Then:                  ${next("train")}`);
}

/** What is known of the data. */
interface Recognised {
  readonly rows: number;
  /** How many files they are in. */
  readonly files: number;
  /** Whether these are text files: what a row is, is a choice. */
  readonly isTextFile: boolean;
  readonly notices: readonly string[];
  /** As the run file writes it. */
  readonly format: string;
  readonly reason: string;
  /** Whether no format reads the columns, and two of them were taken for prompt and answer. */
  readonly isGuess: boolean;
}

/** The first and the last column that hold text, as prompt and answer; null where there are not two. */
function guessColumns(
  row: unknown,
): { readonly format: string; readonly reason: string } | null {
  if (!isPlainObject(row)) return null;
  const columns = Object.keys(row).filter((name) =>
    typeof row[name] === "string"
  );
  const [first, last] = [columns[0], columns.at(-1)];
  if (last === undefined || first === last) return null;
  return {
    format: `{ use: custom, instruction_field: ${
      text(first)
    }, response_field: ${text(last)} }`,
    reason: `no format knows the columns ${
      Object.keys(row).join(", ")
    }: CHECK that these two are prompt and answer`,
  };
}

/** Rows of a path, the format that reads them, and why. Throws `DataError` where the rows have no two columns. */
async function recognise(
  path: string,
  context: CommandContext,
): Promise<Recognised> {
  const registry = await askedRegistry(context);
  const creating = creatingWith(registry);
  const opened = await openDataPath(path, creating, {
    cacheDir: cacheFolder(),
  });
  using store = opened.store;
  const builtIn = registry.names("format").filter((name) => name !== "auto");
  const auto = await createPart(
    "format",
    context.plugins.length === 0 ? "auto" : { use: "auto", among: builtIn },
    creating,
  );
  const isTextFile = opened.files.every((file) =>
    /\.te?xt(\.(gz|zst|zstd))?$/i.test(file)
  );
  const known = {
    rows: store.length,
    files: opened.files.length,
    notices: opened.notices,
    isTextFile,
  };
  try {
    const { choice } = detectFormat(auto, store);
    const format = choice?.name ?? "auto";
    return {
      ...known,
      format: isTextFile && format === "text"
        ? "{ use: text, sample_by: line }"
        : format,
      reason: choice?.reason ?? "",
      isGuess: false,
    };
  } catch (error) {
    const guess = guessColumns(store.at(0).value);
    if (!isDenotuneError(error) || guess === null) throw error;
    return { ...known, ...guess, isGuess: true };
  }
}

/** A path as the run file writes it: relative to its own folder, where that is shorter to read. */
function relativeTo(runFile: string, path: string): string {
  const inner = relative(resolve(runFile, ".."), path);
  return inner.startsWith("../../..") ? path : inner;
}
