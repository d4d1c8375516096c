/**
 * `denotune push`
 * @module
 */
import {
  type Command,
  type CommandContext,
  ConfigError,
  defineCommand,
  harmless,
  hubNeeds,
  INTERRUPTED,
  isHubId,
  library,
  onInterrupt,
  readJsonObject,
  reads,
  showBytes,
  showCount,
} from "@denotune/denotune/core";
import { join } from "node:path";
import { z } from "zod";
import { isCardOf, modelCard } from "./card.ts";
import { filesToPush, type PushedFolder } from "./files.ts";
import { lossPlot } from "./loss_plot.ts";
import { readRunFacts } from "./run_facts.ts";

const options = z.strictObject({
  private: z.boolean().default(false).describe(
    "make the repository private; one that is there must be",
  ),
  dry_run: z.boolean().default(false).describe(
    "send nothing: list the files and show the model card",
  ),
  license: z.string().optional().meta({ placeholder: "id" }).describe(
    "license of the model, for its card: apache-2.0, llama3.2, ...",
  ),
  force: z.boolean().default(false).describe(
    "write over a repository that holds something else",
  ),
  message: z.string().optional().meta({ short: "m", placeholder: "text" })
    .describe("message of the commit"),
});

/** `denotune push` */
export const push: Command = defineCommand({
  details:
    "Sends a trained model, an adapter or an export to the Hub, with a model card made from the run: data, settings, figures, a plot. Files that are there already are not sent again. The token comes from HF_TOKEN, or from `hf auth login`. Checkpoints, metrics and settings of the run stay here.",
  arguments: [
    {
      name: "folder",
      description: "a finished run, a checkpoint, a saved model or an export",
      required: true,
    },
    { name: "owner/name", description: "the repository", required: true },
  ],
  options,
  help: (start) =>
    `Examples:
  ${start} push outputs/capitals me/capitals --dry-run
  ${start} push outputs/capitals me/capitals --private --license apache-2.0
  ${start} push outputs/capitals/huggingface-bf16 me/capitals`,
  permissions: (_, { arguments: [folder] }) => [
    ...reads(folder),
    ...hubNeeds(),
  ],
  run: runPush,
});

async function runPush(
  flags: z.output<typeof options>,
  { out, err, exitWith, arguments: [folder, id] }: CommandContext,
): Promise<void> {
  if (!isHubId(id) || !id.includes("/")) {
    throw new ConfigError(
      `${
        JSON.stringify(id)
      } is no name of a repository; write owner/name: your account or organisation, and the name of the model`,
    );
  }
  const pushed = await filesToPush(folder);
  const note = (text: string) =>
    err.line(`${err.style("warning", "note")} ${harmless(text)}`);
  const facts = pushed.run === null ? null : await readRunFacts(pushed.run);
  if (facts === null) {
    note(
      "No run is known of this folder: the card says nothing of its training",
    );
  }
  if (flags.license === undefined) {
    note("The card names no license: give one with --license");
  }
  noteLocalBase(pushed, note);
  const plot = facts === null ? null : lossPlot(facts);
  const card = modelCard(pushed, facts, {
    id,
    license: flags.license ?? null,
    plot: plot === null ? null : "loss.svg",
  });
  const written = [
    { path: "README.md", content: { text: card } },
    ...(plot === null ? [] : [{ path: "loss.svg", content: { text: plot } }]),
  ];
  const files = [
    ...pushed.files.filter((name) => written.every(({ path }) => path !== name))
      .map((path) => ({ path, content: { file: join(pushed.path, path) } })),
    ...written,
  ];
  if (flags.dry_run) {
    for (const { path, content } of files) {
      const bytes = "text" in content
        ? new TextEncoder().encode(content.text).length
        : Deno.statSync(content.file).size;
      out.line(`${showBytes(bytes).padStart(9)}  ${harmless(path)}`);
    }
    out.line();
    out.write(card);
    err.line(`Nothing was sent. To send it: leave out --dry-run`);
    return;
  }
  using interrupt = onInterrupt(
    err,
    "Stopped. What arrived is kept: the same command sends the rest.",
  );
  try {
    const result = await library.push({
      id,
      files,
      isPrivate: flags.private,
      title: flags.message ?? `Upload ${id.split("/")[1]} with denotune`,
      isOwn: flags.force ? null : (found) => isCardOf(found, pushed),
      onProgress: (task) => {
        if (err.color) err.line(err.style("dim", `... ${harmless(task)}`));
      },
    }, { signal: interrupt.signal });
    out.line(
      `${out.style("dim", "sent   ")} ${showCount(result.sent.length, "file")}${
        result.present.length === 0
          ? ""
          : `; ${showCount(result.present.length, "file")} there already`
      }`,
    );
    out.line(`${out.style("dim", "at     ")} ${result.url}`);
  } catch (error) {
    if (!interrupt.signal.aborted) throw error;
    exitWith(INTERRUPTED);
  }
}

/** An adapter whose base only this machine has is of no use to others. */
function noteLocalBase(
  { path, isAdapter }: PushedFolder,
  note: (text: string) => void,
): void {
  if (!isAdapter) return;
  const base = readJsonObject(join(path, "adapter_config.json"))
    ?.base_model_name_or_path;
  if (typeof base === "string" && isHubId(base)) return;
  note(
    "The adapter's base is a folder of this machine: nobody else can load it; push `export --to huggingface` instead, which has the base in it",
  );
}
