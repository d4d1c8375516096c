/**
 * `denotune report`
 * @module
 */
import { dirname, join } from "node:path";
import {
  type Command,
  ConfigError,
  defineCommand,
  reads,
  writes,
} from "@denotune/denotune/core";
import { z } from "zod";
import { writePage } from "../pages/write_page.ts";
import { readReport } from "./facts.ts";
import { reportPage } from "./page.ts";
import { summaryMarkdown } from "./summary.ts";
import { REPORT_FILE } from "./write_report.ts";

/** `denotune report` */
export const report: Command = defineCommand({
  details:
    "Prints a summary of a run as a Markdown table, to paste, and writes report.html into its folder: settings, data, curves, evaluation, samples before and after, memory, what was saved. `train` writes it when a run ends; this command does it for a run that was copied or is still under way.",
  arguments: [{
    name: "folder",
    description: "the folder of a run (its output_dir)",
    required: true,
  }],
  options: z.strictObject({
    html: z.string().nullable().default(null).meta({ placeholder: "file" })
      .describe("where the page is written instead"),
  }),
  help: (start) => `Example:\n  ${start} report outputs/quickstart`,
  permissions: ({ html }, { arguments: [folder] }) => [
    ...reads(folder),
    ...writes(html === null ? folder : dirname(html)),
  ],
  async run({ html }, { out, err, arguments: [folder] }) {
    if (folder === undefined) throw new ConfigError("Name the folder of a run");
    const found = await readReport(folder);
    const path = html ?? join(folder, REPORT_FILE);
    await writePage(path, reportPage(found));
    out.line(summaryMarkdown(found));
    err.line(`written to ${path}`);
  },
});
