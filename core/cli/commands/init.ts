/**
 * `denotune init`
 * @module
 */
import { basename, relative, resolve } from "node:path";
import type { Command } from "commander";
import { createHost, createPart } from "../../config/parts/create_part.ts";
import { kindAt } from "../../config/paths.ts";
import { settleFormat } from "../../data/examples/detect_format.ts";
import { ConfigError, DataError } from "../../contracts/errors.ts";
import { cacheFolder } from "../../io/cache_folder.ts";
import { openRegistry } from "../../config/parts/open_registry.ts";
import { sourceFor } from "../../data/source_for.ts";
import type { CliContext } from "../context.ts";
import { quoted } from "../invocation.ts";
import { showWhole } from "../../show_numbers.ts";
import { listOption } from "../options.ts";
import { runFileText } from "../run_file_text.ts";

interface InitFlags {
  readonly model: string;
  readonly out?: string;
  readonly force: boolean;
  readonly plugin: readonly string[];
}

/** Adds the command. */
export function addInit(program: Command, context: CliContext): void {
  program.command("init")
    .summary("write a run file for a data file")
    .description(
      "Looks at a data file (JSON, JSON Lines, CSV, text or Parquet, packed or not), recognises what its columns mean, and writes a run file with a comment on every line worth changing.",
    )
    .argument("<file>", "the data")
    .option(
      "--model <path>",
      "folder or Hub id of the model",
      "HuggingFaceTB/SmolLM2-135M",
    )
    .option(
      "-o, --out <file>",
      "the run file; default: the data file's name with .yaml",
    )
    .option("--force", "write over a run file that is there", false)
    .option(
      "--plugin <module>",
      "a plugin whose formats are tried too",
      listOption,
      [],
    )
    .addHelpText(
      "after",
      `
Examples:
  ${context.command} init data.jsonl
  ${context.command} init data.json --model models/my-llama --out run.yaml`,
    )
    .action((file: string, flags: InitFlags) => runInit(file, flags, context));
}

async function runInit(
  file: string,
  flags: InitFlags,
  { out, command }: CliContext,
): Promise<void> {
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
    flags.out ?? basename(data).replace(/(\.jsonl?)?(\.gz)?$/i, "") + ".yaml",
  );
  const shown = relative(Deno.cwd(), runFile);
  if (!flags.force && await kindAt(runFile) !== null) {
    throw new ConfigError(
      `${shown} is already there; give another name with --out, or --force to write over it`,
    );
  }
  const found = await recognise(data, flags.plugin);
  const text = runFileText({
    data: relativeTo(runFile, data),
    model: await kindAt(resolve(flags.model)) === null
      ? flags.model
      : relativeTo(runFile, resolve(flags.model)),
    plugins: flags.plugin,
    name: basename(runFile).replace(/\.ya?ml$/i, ""),
    ...found,
  });
  await Deno.writeTextFile(runFile, text);
  out.line(
    `${file}: ${
      showWhole(found.rows)
    } rows, format ${found.format}: ${found.reason}`,
  );
  out.line(`Wrote ${shown}`);
  out.line();
  out.line(`Look at it, then: ${command} train ${quoted(shown)}`);
}

/** Rows of a file, the format that reads them, and why. Throws `DataError` where none does. */
async function recognise(
  path: string,
  plugins: readonly string[],
): Promise<{ rows: number; format: string; reason: string }> {
  const registry = await openRegistry({ plugins });
  const host = createHost({
    registry,
    modelDir: null,
    seed: 0,
    base: Deno.cwd(),
    notice: () => {},
  });
  const creating = { registry, host };
  const source = await sourceFor(path, creating);
  using store = await source.open({ path, cacheDir: cacheFolder() });
  const builtIn = registry.names("format").filter((name) => name !== "auto");
  const auto = await createPart(
    "format",
    plugins.length === 0 ? "auto" : { use: "auto", among: builtIn },
    creating,
  );
  const { choice } = settleFormat(auto, store);
  return {
    rows: store.length,
    format: choice?.name ?? "auto",
    reason: choice?.reason ?? "",
  };
}

/** A path as the run file writes it: relative to its own folder, where that is shorter to read. */
function relativeTo(runFile: string, path: string): string {
  const inner = relative(resolve(runFile, ".."), path);
  return inner.startsWith("../../..") ? path : inner;
}
