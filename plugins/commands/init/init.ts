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
  pathNeeds,
  quoted,
  reads,
  showCount,
  writes,
} from "@denotune/denotune/core";
import { z } from "zod";
import {
  findKnown,
  type KnownModel,
  knownModels,
  nearestKnown,
  unknownModel,
} from "../_known_models.ts";
import { modelFolder, positionLimit } from "./position_limit.ts";
import { writePlugin } from "./plugin/write_plugin.ts";
import { runNameOf } from "./run_name.ts";
import { maxLengthFor, runFileText, text } from "./run_file_text.ts";

const options = z.strictObject({
  model: z.string().default("HuggingFaceTB/SmolLM2-135M")
    .meta({ placeholder: "path" }).describe(
      "folder, Hub id or short name of the model: `plugins --kind model` lists the names",
    ),
  out: z.string().optional().meta({ short: "o", placeholder: "file" }).describe(
    "the run file; default: the data file's name with .yaml. With --plugin: the folder",
  ),
  force: z.boolean().default(false).describe(
    "write over a run file that is there",
  ),
  plugin: z.string().optional().meta({ placeholder: "name" }).describe(
    "write a plugin of this name instead, as a package with tests; --kind says what it brings (a path such as ./mine.ts is a plugin to load)",
  ),
  kind: z.string().optional().meta({ placeholder: "kind" }).describe(
    "kind of the plugin's part: masker, objective, model, ...",
  ),
});

/** `denotune init` */
export const init: Command = defineCommand({
  details:
    "Looks at a data file (JSON, JSON Lines, CSV, text or Parquet, packed or not) or a folder of them, recognises what the columns mean, and writes a run file with a comment on every line worth changing. With --plugin, writes a plugin to start from: a package with a part, its tests, a run that uses it and a README.",
  arguments: [{
    name: "data",
    description: "a file or a folder",
  }],
  options,
  help: (start) =>
    `Examples:
  ${start} init data.jsonl
  ${start} init data/
  ${start} init data.jsonl --model gemma-3-270m-it
  ${start} init data.json --model models/my-llama --out run.yaml
  ${start} init --plugin my-masker --kind masker`,
  permissions: async ({ out, model }, { arguments: [data] }) => [
    ...reads(data),
    ...await pathNeeds(model),
    ...writes(out === undefined ? "." : dirname(out)),
  ],
  run: runInit,
});

async function runInit(
  flags: z.output<typeof options>,
  context: CommandContext,
): Promise<void> {
  const { out, err, invocation, plugins, arguments: [given] } = context;
  const { plugin, kind } = flags;
  if (plugin !== undefined) {
    if (given !== undefined) {
      throw new ConfigError(
        `init writes a run file for ${
          harmless(given)
        } or the plugin ${plugin}, not both; to load a module, write --plugin ./${plugin}`,
      );
    }
    return await writePlugin({ plugin, kind, out: flags.out }, context);
  }
  if (kind !== undefined) {
    throw new ConfigError("--kind is of a plugin: add --plugin NAME");
  }
  if (given === undefined) {
    throw new ConfigError(
      `init needs data to look at: name a file or a folder (${invocation} init data.jsonl), or write a plugin with --plugin NAME --kind KIND`,
    );
  }
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
  const model = await nameModel(flags.model, context);
  const positions = await positionLimit(model.path);
  const written = runFileText({
    data: relativeTo(runFile, data),
    model: model.isFolder
      ? relativeTo(runFile, resolve(model.path))
      : model.path,
    known: model.known,
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
      `${model.path} has ${
        showCount(positions, "position")
      }: max_length is ${most}`,
    );
  }
  if (model.known !== null && model.path !== flags.model) {
    out.line(`${flags.model} is ${model.path} on the Hub`);
  }
  if (model.known?.model.gated === true) {
    out.line(
      `${model.path} asks for a login: accept its licence on the Hub, and set HF_TOKEN`,
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

/** The model that is meant. */
interface NamedModel {
  /** A folder, or a Hub id. */
  readonly path: string;
  readonly isFolder: boolean;
  readonly known: KnownModel | null;
}

/** Looks a model up by its name. Throws `ConfigError` for a bare name that is neither there nor known. */
async function nameModel(
  name: string,
  context: CommandContext,
): Promise<NamedModel> {
  if (await kindAt(resolve(name)) !== null) {
    return { path: name, isFolder: true, known: null };
  }
  const all = await knownModels(await askedRegistry(context));
  const known = findKnown(name, all);
  if (known !== null) return { path: known.model.id, isFolder: false, known };
  if (!name.includes("/") && await modelFolder(name) === null) {
    throw unknownModel(name, all);
  }
  const near = nearestKnown(name, all);
  if (near !== null) {
    context.err.line(
      `${
        harmless(name)
      } is not among the models known by name; the nearest is ${near}`,
    );
  }
  return { path: name, isFolder: false, known: null };
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
