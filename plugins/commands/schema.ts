/**
 * `denotune schema`
 * @module
 */
import {
  askedRegistry,
  type Command,
  defineCommand,
  library,
  runJsonSchema,
  runNeeds,
} from "@denotune/denotune/core";
import { z } from "zod";

/** `denotune schema` */
export const schema: Command = defineCommand({
  details:
    "Prints the JSON Schema (draft 2020-12) of the run file: every key and every option of every part, with defaults. Editors complete and check run files with it.",
  arguments: [{
    name: "run file",
    description: "a run file whose plugins' parts are in it too",
  }],
  options: z.strictObject({}),
  help: (start) =>
    `Example:
  ${start} schema > denotune.schema.json

and as the first line of a run file, for editors with the YAML language server:
  # yaml-language-server: $schema=denotune.schema.json`,
  permissions: (_, context) =>
    context.arguments.length === 0 ? [] : runNeeds(context, { trains: false }),
  async run(_, context) {
    const [file] = context.arguments;
    let registry = await askedRegistry(context);
    if (file !== undefined) {
      ({ registry } = await library.loadRun({
        file,
        registry,
        files: "ignore",
      }));
    }
    context.out.line(JSON.stringify(runJsonSchema(registry), null, 2));
  },
});
