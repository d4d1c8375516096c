/**
 * A run in a few lines of Markdown, to paste into a message or an issue.
 * @module
 */
import { showBytes } from "@denotune/denotune/core";
import { duration, numberOf, type RunReport, textOf } from "./facts.ts";
import { short } from "./curve.ts";

/** A table of two columns. */
export function summaryRows(
  report: RunReport,
): readonly (readonly [string, string])[] {
  const { start, end, curves } = report;
  const loss = curves.loss ?? [];
  const adapter = textOf(start, "adapter");
  const trained = numberOf(start, "trained_parameters");
  const best = bestEvaluation(report);
  const memory = start.memory;
  const total =
    typeof memory === "object" && memory !== null && "total" in memory &&
      typeof memory.total === "number"
      ? memory.total
      : NaN;
  const rows: [string, string][] = [
    ["model", `${textOf(start, "model")} (${textOf(start, "model_type")})`],
    [
      "trained",
      `${trained.toLocaleString("en-US")} of ${
        numberOf(start, "parameters").toLocaleString("en-US")
      } numbers${adapter === "" ? "" : ` (${adapter})`}`,
    ],
    ["data", dataText(start)],
    [
      "steps",
      `${report.steps} of ${textOf(start, "total_steps")}, batch ${
        textOf(start, "batch_size")
      } x ${textOf(start, "gradient_accumulation_steps")}, ${
        textOf(start, "optimizer")
      }, ${textOf(start, "schedule")}`,
    ],
    [
      "loss",
      loss.length === 0
        ? ""
        : `${short(loss[0][1])} -> ${short(loss[loss.length - 1][1])}`,
    ],
    ["evaluation", best],
    [
      "time",
      [duration(numberOf(end, "seconds")), rate(report)].filter((t) => t !== "")
        .join(", "),
    ],
    ["memory", Number.isNaN(total) ? "" : `${showBytes(total)} planned`],
    ["device", `${textOf(start, "device")} (${textOf(start, "backend")})`],
    ["permissions", permissionsText(start)],
    [
      "state",
      report.reason === null
        ? report.state
        : `${report.state}: ${report.reason}`,
    ],
    ["denotune", `${textOf(start, "version")}, seed ${textOf(start, "seed")}`],
  ];
  return rows.filter(([, value]) => value !== "");
}

/** The table as Markdown. */
export function summaryMarkdown(report: RunReport): string {
  const cell = (text: string) =>
    text.replaceAll(/\s+/g, " ").replaceAll("|", "\\|");
  const rows = summaryRows(report);
  const width = Math.max(...rows.map(([name]) => name.length));
  const line = (name: string, value: string) =>
    `| ${name.padEnd(width)} | ${cell(value)} |`;
  return [
    line("run", report.folder),
    `| ${"-".repeat(width)} | --- |`,
    ...rows.map(([name, value]) => line(name, value)),
  ].join("\n");
}

function dataText(start: Readonly<Record<string, unknown>>): string {
  const rows = numberOf(start, "rows");
  if (Number.isNaN(rows)) return "streamed";
  const tokens = numberOf(start, "trained_tokens");
  return `${rows.toLocaleString("en-US")} rows${
    Number.isNaN(tokens)
      ? ""
      : `, ${tokens.toLocaleString("en-US")} trained tokens an epoch`
  }, template ${textOf(start, "template")}, mask ${textOf(start, "masker")}`;
}

/** `all`, or the kinds that Deno allowed; empty for runs from before these were recorded. */
function permissionsText({ permissions }: RunReport["start"]): string {
  if (!Array.isArray(permissions)) return "";
  const given = permissions.filter((one) => typeof one === "string");
  if (ALL_PERMISSIONS.every((name) => given.includes(name))) return "all";
  const kinds = [...new Set(given.map((one) => one.split(":", 1)[0]))];
  return kinds.map((name) => given.includes(name) ? name : `${name} (in part)`)
    .join(", ");
}

const ALL_PERMISSIONS = ["read", "write", "net", "env", "sys", "ffi", "run"];

function rate({ curves }: RunReport): string {
  const rates = (curves.trained_tokens_per_second ?? []).map(([, value]) =>
    value
  ).sort((a, b) => a - b);
  const middle = rates[rates.length >> 1];
  return middle === undefined
    ? ""
    : `${short(middle)} trained tokens/s (median)`;
}

function bestEvaluation({ evaluations }: RunReport): string {
  const last = evaluations.at(-1);
  if (last === undefined) return "";
  const figures = Object.entries(last.fields)
    .filter(([name, value]) =>
      name.startsWith("eval_") && typeof value === "number" &&
      name !== "eval_seconds" && !/_.*_.*_/.test(name)
    )
    .slice(0, 5)
    .map(([name, value]) =>
      `${name.slice("eval_".length).replaceAll("_", " ")} ${
        short(Number(value))
      }`
    );
  return figures.length === 0
    ? ""
    : `${figures.join(", ")} at step ${last.step}`;
}
