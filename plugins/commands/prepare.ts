/**
 * `denotune prepare`
 * @module
 */
import { dirname, relative } from "node:path";
import {
  type Command,
  type CommandContext,
  defineCommand,
  harmless,
  library,
  loadAskedRun,
  runNeeds,
  showWhole,
  writes,
} from "@denotune/denotune/core";
import { z } from "zod";

const options = z.strictObject({
  to: z.string().default("prepared.jsonl").meta({ placeholder: "file" })
    .describe(
      "where to write: a name that ends in .jsonl or .parquet; rows to evaluate on go to NAME.eval.jsonl",
    ),
});

/** `denotune prepare` */
export const prepare: Command = defineCommand({
  details:
    "Writes the rows of a run as training gets them: token ids, and labels that are -100 where nothing is trained. The format `pretokenized` reads them again, and a run on them trains the same bits; the tools of Hugging Face and TRL read them too.",
  arguments: [{
    name: "run",
    description: "run files, groups and settings, as `train` takes them",
    repeated: true,
  }],
  usage: "[run file ...] [group=name ...] [key=value ...]",
  options,
  permissions: async ({ to }, context) => [
    ...await runNeeds(context, { trains: false }),
    ...writes(dirname(to)),
  ],
  help: (start) =>
    `Examples:
  ${start} prepare run.yaml --to rows.jsonl
  ${start} prepare run.yaml --to rows.parquet
  ${start} train run.yaml 'data.train=[{path: rows.jsonl, format: pretokenized}]'`,
  run: runPrepare,
});

async function runPrepare(
  { to }: z.output<typeof options>,
  context: CommandContext,
): Promise<void> {
  const { out, err } = context;
  const { run } = await loadAskedRun(context);
  const files = await library.writeRows(run, {
    to,
    onNotice: (message) =>
      err.line(`${err.style("warning", "note")} ${harmless(message)}`),
  });
  const { max_length } = run.config.data;
  const shown = (path: string) => JSON.stringify(relative(Deno.cwd(), path));
  for (const { path, rows, side } of files) {
    out.line(
      `${showWhole(rows)} rows to ${
        side === "train" ? "train" : "evaluate"
      } on in ${relative(Deno.cwd(), path)}`,
    );
  }
  out.line();
  out.line("To train on them, in the run file:");
  out.line(`data:`);
  for (const side of ["train", "eval"] as const) {
    const entries = files.filter((file) => file.side === side);
    if (entries.length === 0) continue;
    out.line(`  ${side}:`);
    for (const { path, weight, epochs } of entries) {
      const own = [
        ...weight === null ? [] : [`, weight: ${weight}`],
        ...epochs === null ? [] : [`, epochs: ${epochs}`],
      ].join("");
      out.line(`    - { path: ${shown(path)}, format: pretokenized${own} }`);
    }
  }
  out.line(`  max_length: ${max_length}`);
}
