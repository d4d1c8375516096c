/**
 * `denotune init`
 * @module
 */
import { basename, relative, resolve } from "node:path";
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
  isDenotuneError,
  isPlainObject,
  kindAt,
  quoted,
  showCount,
  sourceFor,
} from "@denotune/denotune/core";
import { z } from "zod";
import { runFileText } from "./run_file_text.ts";

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
    "Looks at a data file (JSON, JSON Lines, CSV, text or Parquet, packed or not), recognises what its columns mean, and writes a run file with a comment on every line worth changing.",
  arguments: [{ name: "file", description: "the data", required: true }],
  options,
  help: (start) =>
    `Examples:
  ${start} init data.jsonl
  ${start} init data.json --model models/my-llama --out run.yaml`,
  run: runInit,
});

async function runInit(
  flags: z.output<typeof options>,
  context: CommandContext,
): Promise<void> {
  const { out, invocation, plugins, arguments: [file] } = context;
  const data = resolve(file);
  const kind = await kindAt(data);
  if (kind !== "file") {
    throw new DataError(
      kind === null
        ? `There is no file ${file}`
        : `${file} is a folder; name one of its files`,
    );
  }
  const runFile = resolve(
    flags.out ?? basename(data).replace(
          /(\.(jsonl?|csv|tsv|txt|parquet))?(\.(gz|zst))?$/i,
          "",
        ) + ".yaml",
  );
  const shown = relative(Deno.cwd(), runFile);
  if (!flags.force && await kindAt(runFile) !== null) {
    throw new ConfigError(
      `${shown} is already there; give another name with --out, or --force to write over it`,
    );
  }
  const found = await recognise(data, context);
  const text = runFileText({
    data: relativeTo(runFile, data),
    model: await kindAt(resolve(flags.model)) === null
      ? flags.model
      : relativeTo(runFile, resolve(flags.model)),
    plugins,
    name: basename(runFile).replace(/\.ya?ml$/i, ""),
    ...found,
  });
  await Deno.writeTextFile(runFile, text);
  out.line(
    `${file}: ${
      showCount(found.rows, "row")
    }, format ${found.format}: ${found.reason}`,
  );
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

/** What is known of a data file. */
interface Recognised {
  readonly rows: number;
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
  const name = (column: string) =>
    /^[A-Za-z_]\w*$/.test(column) ? column : JSON.stringify(column);
  return {
    format: `{ use: custom, instruction_field: ${
      name(first)
    }, response_field: ${name(last)} }`,
    reason: `no format knows the columns ${
      Object.keys(row).join(", ")
    }: CHECK that these two are prompt and answer`,
  };
}

/** Rows of a file, the format that reads them, and why. Throws `DataError` where the rows have no two columns. */
async function recognise(
  path: string,
  context: CommandContext,
): Promise<Recognised> {
  const registry = await askedRegistry(context);
  const creating = creatingWith(registry);
  const source = await sourceFor(path, creating);
  using store = await source.open({ path, cacheDir: cacheFolder() });
  const builtIn = registry.names("format").filter((name) => name !== "auto");
  const auto = await createPart(
    "format",
    context.plugins.length === 0 ? "auto" : { use: "auto", among: builtIn },
    creating,
  );
  try {
    const { choice } = detectFormat(auto, store);
    return {
      rows: store.length,
      format: choice?.name ?? "auto",
      reason: choice?.reason ?? "",
      isGuess: false,
    };
  } catch (error) {
    const guess = guessColumns(store.at(0).value);
    if (!isDenotuneError(error) || guess === null) throw error;
    return { rows: store.length, ...guess, isGuess: true };
  }
}

/** A path as the run file writes it: relative to its own folder, where that is shorter to read. */
function relativeTo(runFile: string, path: string): string {
  const inner = relative(resolve(runFile, ".."), path);
  return inner.startsWith("../../..") ? path : inner;
}
