/**
 * `denotune schema`
 * @module
 */
import type { Command } from "commander";
import { runJsonSchema } from "../../config/schema/json_schema.ts";
import { openRegistry } from "../../config/parts/open_registry.ts";
import type { CliContext } from "../context.ts";
import { listOption } from "../options.ts";

/** Adds the command. */
export function addSchema(program: Command, context: CliContext): void {
  program.command("schema")
    .summary("print the JSON Schema of the run file")
    .description(
      "Prints the JSON Schema (draft 2020-12) of the run file: every key and every option of every part, with defaults. Editors complete and check run files with it.",
    )
    .option(
      "--plugin <module>",
      "a plugin whose parts are in it too; may be given several times",
      listOption,
      [],
    )
    .addHelpText(
      "after",
      `
Example:
  ${context.command} schema > denotune.schema.json

and as the first line of a run file, for editors with the YAML language server:
  # yaml-language-server: $schema=denotune.schema.json`,
    )
    .action(async ({ plugin }: { plugin: string[] }) => {
      const registry = await openRegistry({ plugins: plugin });
      context.out.line(JSON.stringify(runJsonSchema(registry), null, 2));
    });
}
