/**
 * `denotune plugins`
 * @module
 */
import {
  askedRegistry,
  type Command,
  type CommandContext,
  ConfigError,
  defineCommand,
  harmless,
  type Kind,
  kindAt,
  KINDS,
  library,
  type ModelFamily,
  nearest,
  optionsJsonSchema,
  type Output,
  type Registry,
  runNeeds,
  showCount,
} from "@denotune/denotune/core";
import { z } from "zod";
import { familiesOf, shortName } from "./_known_models.ts";
import { optionLines } from "./_option_lines.ts";
import { showNamed } from "./_part_page.ts";

const options = z.strictObject({
  kind: z.string().optional().meta({ placeholder: "kind" }).describe(
    "only parts of this kind",
  ),
  list: z.boolean().default(false).describe(
    "name the run file's plugins, where they come from and whether they are trusted, without running them",
  ),
  options: z.boolean().default(true).describe("names and descriptions only"),
});

/** `denotune plugins` */
export const plugins: Command = defineCommand({
  details:
    "Lists every part that can be chosen, by kind: what it does, its options and their defaults, and which plugin brought it. With the name of a part or of a plugin, shows that one whole: options, an example for the run file, where it comes from, its hash, and why its code may run. With a run file, the parts of its plugins too, which runs their code; --list only says which they are, where they come from and whether they are trusted.",
  arguments: [{
    name: "what",
    description:
      "a part (adamw, optimizer/adamw), a plugin, or a run file whose plugins are loaded",
    repeated: true,
  }],
  usage: "[name] [run file]",
  options,
  help: (start) =>
    `Examples:
  ${start} plugins --no-options
  ${start} plugins --kind optimizer
  ${start} plugins adamw
  ${start} plugins decayed run.yaml
  ${start} plugins run.yaml
  ${start} plugins --list run.yaml`,
  permissions: (_, context) =>
    context.arguments.length === 0 ? [] : runNeeds(context, { trains: false }),
  run: runPlugins,
});

async function runPlugins(
  flags: z.output<typeof options>,
  context: CommandContext,
): Promise<void> {
  const { out, invocation, arguments: words } = context;
  const isFile = await Promise.all(words.map(isRunFile));
  const file = words.find((_, i) => isFile[i]);
  const names = words.filter((_, i) => !isFile[i]);
  if (flags.list) return await listPlugins(file ?? names.at(0), out);
  let registry = await askedRegistry(context);
  if (file !== undefined) {
    ({ registry } = await library.loadRun({ file, registry, files: "ignore" }));
  }
  if (names.length > 0) {
    for (const name of names) showNamed(name, { registry, invocation, out });
    return;
  }
  const kinds = KINDS.filter((kind) =>
    flags.kind === undefined || flags.kind === kind
  );
  if (kinds.length === 0) {
    const near = nearest(flags.kind ?? "", KINDS);
    throw new ConfigError(
      `There is no kind \`${flags.kind}\`${
        near === null ? "." : `; did you mean \`${near}\`?`
      } Known: ${KINDS.join(", ")}`,
    );
  }
  showPlugins(registry, out);
  for (const kind of kinds) await showKind(kind, registry, out, flags.options);
}

/** Whether a word names a run file: parts have no ending and no slash that leads to a file. */
async function isRunFile(word: string): Promise<boolean> {
  return /\.(ya?ml|json|m?[jt]s)$/.test(word) || await kindAt(word) === "file";
}

async function listPlugins(
  file: string | undefined,
  out: Output,
): Promise<void> {
  if (file === undefined) {
    throw new ConfigError("--list takes a run file: plugins --list run.yaml");
  }
  const listed = await library.listPlugins(file);
  if (listed.length === 0) out.line(`${harmless(file)} names no plugins`);
  for (const { specifier, place, host, trust } of listed) {
    out.line(
      `${place}: ${harmless(specifier)}${
        host === null ? "" : `, from ${harmless(host)}`
      }`,
    );
    out.line(out.style("dim", `  ${harmless(trust)}`));
  }
}

function showPlugins(registry: Registry, out: Output): void {
  for (const { plugin, module } of registry.plugins()) {
    const permissions = plugin.permissions ?? [];
    out.line(
      `plugin ${out.style("bold", harmless(plugin.name))}${
        plugin.version === undefined ? "" : ` ${harmless(plugin.version)}`
      }, ${showCount(plugin.parts.length, "part")}, from ${module}${
        permissions.length === 0
          ? ""
          : `; asks for ${harmless(permissions.join(", "))}`
      }`,
    );
  }
}

async function showKind(
  kind: Kind,
  registry: Registry,
  out: Output,
  withOptions: boolean,
): Promise<void> {
  const parts = registry.list(kind);
  if (parts.length === 0) return;
  out.line();
  out.line(out.style("bold", kind));
  const width = Math.max(...parts.map(({ part }) => part.name.length));
  for (const registered of parts) {
    const { part, plugin, module } = registered;
    const from = module === "built-in" ? "" : ` (plugin ${plugin})`;
    out.line(
      `  ${part.name.padEnd(width)}  ${harmless(part.description)}${from}`,
    );
    if (!withOptions) continue;
    const details = [
      ...optionLines(optionsJsonSchema(registered)),
      ...kind === "model"
        ? (await familiesOf(part.name, registry)).flatMap(familyLines)
        : [],
    ];
    for (const detail of details) {
      out.line(`  ${" ".repeat(width)}    ${out.style("dim", detail)}`);
    }
  }
}

/** `gemma3_text (270M, 1B): norms of each head, ...`, and the models that are known by name. */
function familyLines(
  { modelType, sizes, special, popular }: ModelFamily,
): string[] {
  const lines = [`${modelType} (${sizes}): ${special}`];
  if (popular.length > 0) lines.push(`  ${popular.map(shortName).join(", ")}`);
  return lines.map(harmless);
}
