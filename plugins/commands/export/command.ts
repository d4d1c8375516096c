/**
 * `denotune export`
 * @module
 */
import { dirname } from "node:path";
import {
  askedRegistry,
  type Command,
  type CommandContext,
  ConfigError,
  defineCommand,
  harmless,
  INTERRUPTED,
  isPlainObject,
  library,
  modelNeeds,
  nearest,
  onInterrupt,
  optionsJsonSchema,
  savedRunNeeds,
  splitRunArguments,
  writes,
} from "@denotune/denotune/core";
import { z } from "zod";
import { optionLines } from "../_option_lines.ts";
import { showExport } from "./show_export.ts";

const options = z.strictObject({
  to: z.string().optional().meta({ placeholder: "exporter" }).describe(
    "the layout: one of the exporters below",
  ),
  quantization: z.string().optional().meta({ short: "q", placeholder: "type" })
    .describe("how weights are stored, where the exporter has a choice"),
  output: z.string().optional().meta({ short: "o", placeholder: "folder" })
    .describe("where to write (default: FOLDER/EXPORTER-TYPE)"),
  force: z.boolean().default(false).describe("replace an older export"),
  check: z.string().optional().meta({ placeholder: "folder" }).describe(
    "write nothing: compare an export that is there with the model again",
  ),
  backend: z.string().default("auto").meta({ placeholder: "name" }).describe(
    "what computes the answers that are compared: auto, cpu, webgpu, reference",
  ),
  json: z.boolean().default(false).describe("the report as one JSON object"),
});

/** `denotune export` */
export const exportCommand: Command = defineCommand({
  details:
    "Writes a trained model for other tools. FOLDER is a finished run, a checkpoint, a best model, an adapter or a model in Hugging Face layout. What was written is read back and compared with what was trained: every weight, the tokenizer, the chat template, the stop tokens, and the answers to prompts of the training data. It is kept only where all of them agree; else the exit code is 1 and the fault is named.",
  arguments: [
    { name: "folder", description: "the trained model", required: true },
    {
      name: "key=value",
      description: "options of the exporter",
      repeated: true,
    },
  ],
  usage: "<folder> --to <exporter> [key=value ...] [options]",
  options,
  help: (start, partsOf) =>
    `Exporters:
${
      partsOf("exporter").map(({ name, description, optionsSchema }) =>
        [
          `  ${name}: ${harmless(description)}`,
          ...optionLines(optionsSchema).map((line) => `      ${line}`),
        ].join("\n")
      ).join("\n")
    }

Examples:
  ${start} export outputs/capitals --to huggingface
  ${start} export outputs/capitals --to huggingface -q bf16 -o models/capitals
  ${start} export outputs/capitals --to huggingface --check models/capitals`,
  permissions: async ({ output, check }, context) => {
    const [folder] = context.arguments;
    return [
      ...await modelNeeds(context, [folder, check]),
      ...await savedRunNeeds(folder, context),
      ...(check === undefined ? writes(output ? dirname(output) : folder) : []),
    ];
  },
  run: runExport,
});

async function runExport(
  flags: z.output<typeof options>,
  context: CommandContext,
): Promise<void> {
  const { out, err, exitWith, program, plugins } = context;
  const { files: [folder, ...rest], overrides } = splitRunArguments(
    context.arguments,
  );
  if (folder === undefined || rest.length > 0) {
    throw new ConfigError(
      folder === undefined
        ? "There is no model to export: name its folder"
        : `\`export\` takes one folder, found ${folder} and ${rest.join(", ")}`,
    );
  }
  const to = await chosenExporter(flags, { context, overrides });
  using interrupt = onInterrupt(err, "Stopped. Nothing was kept.");
  const note = (style: "warning" | "dim", label: string) => (text: string) =>
    err.line(`${err.style(style, label)} ${harmless(text)}`);
  try {
    const result = await library.exportModel(program.builtIn, folder, {
      to,
      output: flags.output,
      force: flags.force,
      check: flags.check,
      backend: flags.backend,
      plugins,
      signal: interrupt.signal,
      onNotice: note("warning", "note"),
      onProgress: err.color ? note("dim", "...") : undefined,
    });
    if (flags.json) out.line(JSON.stringify(result.report, null, 2));
    else showExport(result, { out, isCheck: flags.check !== undefined });
    if (result.passed) return;
    exitWith(1);
    for (const fault of result.report.faults) {
      err.line(`${err.style("bad", "fault")} ${harmless(fault)}`);
    }
    err.line(
      flags.check === undefined
        ? "Nothing was kept: the files would not be the model that was trained."
        : "The files are not the model that was trained.",
    );
  } catch (error) {
    if (!interrupt.signal.aborted) throw error;
    exitWith(INTERRUPTED);
  }
}

/** The exporter with its options. Throws `ConfigError` that lists what there is. */
async function chosenExporter(
  { to, quantization }: z.output<typeof options>,
  { context, overrides }: {
    readonly context: CommandContext;
    readonly overrides: readonly string[];
  },
): Promise<{ use: string; [option: string]: unknown }> {
  const registry = await askedRegistry(context);
  const names = registry.names("exporter");
  if (to === undefined) {
    throw new ConfigError(`--to is missing: name one of ${names.join(", ")}`);
  }
  const registered = registry.find("exporter", to);
  if (registered === undefined) {
    const near = nearest(to, names);
    throw new ConfigError(
      `There is no exporter \`${to}\`${
        near === null ? "" : `; did you mean \`${near}\`?`
      } Known: ${names.join(", ")}`,
    );
  }
  const { properties } = optionsJsonSchema(registered);
  const known = isPlainObject(properties) ? properties : {};
  if (quantization !== undefined && known.quantization === undefined) {
    throw new ConfigError(
      `The exporter ${to} has no choice of how weights are stored (--quantization)`,
    );
  }
  const given = overrides.map((word) => {
    const at = word.indexOf("=");
    const [key, text] = [word.slice(0, at), word.slice(at + 1)];
    const schema = known[key];
    if (schema === undefined) {
      throw new ConfigError(
        `The exporter ${to} has no option \`${key}\`; it has ${
          Object.keys(known).join(", ") || "none"
        }`,
      );
    }
    return [key, valueOf(text, schema)] as const;
  });
  return {
    ...Object.fromEntries(given),
    ...(quantization === undefined ? {} : { quantization }),
    use: to,
  };
}

/** What is written as text where the option is one, else as JSON. */
function valueOf(text: string, schema: unknown): unknown {
  if (isPlainObject(schema) && schema.type === "string") return text;
  try {
    const value: unknown = JSON.parse(text);
    return value;
  } catch {
    return text;
  }
}
