/**
 * `denotune plugins`
 * @module
 */
import type { Command } from "commander";
import { loadRun } from "../../config/load.ts";
import { optionsJsonSchema } from "../../config/schema/options_schema.ts";
import { isPlainObject } from "../../config/parse/tree.ts";
import { ConfigError } from "../../contracts/errors.ts";
import { openRegistry } from "../../config/parts/open_registry.ts";
import {
  type Kind,
  KINDS,
  type Registered,
  type Registry,
} from "../../contracts/plugin.ts";
import type { CliContext } from "../context.ts";
import { listOption } from "../options.ts";
import { harmless, type Output } from "../terminal.ts";

interface PluginsFlags {
  readonly kind?: string;
  readonly options: boolean;
  readonly plugin: readonly string[];
}

/** Adds the command. */
export function addPlugins(program: Command, context: CliContext): void {
  program.command("plugins")
    .summary("list the parts that can be chosen, and their options")
    .description(
      "Lists every part that a run file can choose, by kind: what it does, its options and their defaults, and which plugin brought it. With a run file, the parts of its plugins too.",
    )
    .argument("[run file]", "a run file whose plugins are loaded")
    .option("--kind <kind>", "only parts of this kind")
    .option("--no-options", "names and descriptions only")
    .option(
      "--plugin <module>",
      "a plugin to load; may be given several times",
      listOption,
      [],
    )
    .addHelpText(
      "after",
      `
Examples:
  ${context.command} plugins --no-options
  ${context.command} plugins --kind optimizer
  ${context.command} plugins run.yaml`,
    )
    .action((file: string | undefined, flags: PluginsFlags) =>
      runPlugins(file, flags, context.out)
    );
}

async function runPlugins(
  file: string | undefined,
  flags: PluginsFlags,
  out: Output,
): Promise<void> {
  let registry = await openRegistry({ plugins: flags.plugin });
  if (file !== undefined) {
    ({ registry } = await loadRun({ file, registry, files: "ignore" }));
  }
  const kinds = KINDS.filter((kind) =>
    flags.kind === undefined || flags.kind === kind
  );
  if (kinds.length === 0) {
    throw new ConfigError(
      `There is no kind \`${flags.kind}\`; known: ${KINDS.join(", ")}`,
    );
  }
  showPlugins(registry, out);
  for (const kind of kinds) showKind(kind, registry, out, flags.options);
}

function showPlugins(registry: Registry, out: Output): void {
  for (const { plugin, module } of registry.plugins()) {
    const permissions = plugin.permissions ?? [];
    out.line(
      `plugin ${out.style("bold", harmless(plugin.name))}${
        plugin.version === undefined ? "" : ` ${harmless(plugin.version)}`
      }, ${plugin.parts.length} parts, from ${module}${
        permissions.length === 0
          ? ""
          : `; asks for ${harmless(permissions.join(", "))}`
      }`,
    );
  }
}

function showKind(
  kind: Kind,
  registry: Registry,
  out: Output,
  withOptions: boolean,
): void {
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
    for (const option of optionLines(registered)) {
      out.line(`  ${" ".repeat(width)}    ${out.style("dim", option)}`);
    }
  }
}

/** `learning_rate = 0.00005: Step size.` */
function optionLines(registered: Registered): string[] {
  const { properties } = optionsJsonSchema(registered);
  if (!isPlainObject(properties)) return [];
  return Object.entries(properties).map(([name, schema]) => {
    if (!isPlainObject(schema)) return name;
    const value = schema.default === undefined
      ? " (required)"
      : ` = ${JSON.stringify(schema.default)}`;
    const description = typeof schema.description === "string"
      ? `: ${schema.description}`
      : "";
    return harmless(`${name}${value}${description}`);
  });
}
