/**
 * The report on a terminal: figures side by side, then the first rows of each table.
 * @module
 */
import {
  harmless,
  measure,
  oneLine,
  type Output,
  showCount,
  tableLines,
} from "@denotune/denotune/core";
import {
  type EvaluationReport,
  figuresOf,
  type ModelReport,
} from "./report.ts";

/** Writes the report. */
export function showReport(report: EvaluationReport, out: Output): void {
  const { models } = report;
  out.line(
    `${out.style("dim", "rows  ")} ${
      showCount(report.rows, "row")
    } · seed ${report.seed}`,
  );
  for (const { name, model_type, is_base } of models) {
    out.line(
      `${out.style("dim", is_base ? "base  " : "model ")} ${
        harmless(name)
      } · ${model_type}`,
    );
  }
  showFigures(report, out);
  const [first] = models;
  for (const i of first?.evaluators.keys() ?? []) {
    for (const model of models) showResult(model, i, { out, models });
  }
}

function showFigures(report: EvaluationReport, out: Output): void {
  const { models } = report;
  const figures = figuresOf(report);
  if (figures.length === 0) return;
  const base = models.findIndex((m) => m.is_base);
  const change = base >= 0 && models.length === 2 ? 1 - base : -1;
  const names = columnNames(models);
  const widths = names.map((name) => Math.max(8, name.length));
  const width = Math.max(...figures.map(({ name }) => name.length));
  out.line();
  out.line(
    out.style(
      "bold",
      ["".padEnd(width), ...names.map((n, i) => n.padStart(widths[i]))]
        .join("  ") + (change < 0 ? "" : "    change"),
    ),
  );
  for (const { name, values } of figures) {
    const cells = values.map((v, i) => measure(v).padStart(widths[i]));
    const [was, is] = [values[base], values[change]];
    const changed = change < 0 || was == null || is == null
      ? ""
      : `  ${(is < was ? "" : "+") + measure(is - was)}`.padStart(10);
    out.line([name.padEnd(width), ...cells].join("  ") + changed);
  }
}

/** Names that fit side by side: the ends of paths, where they differ. */
export function columnNames(models: readonly ModelReport[]): string[] {
  const ends = models.map(({ name }) =>
    harmless(name).replace(/\/+$/, "").split("/").slice(-1)[0]
  );
  return ends.map((end, i) =>
    ends.indexOf(end) === ends.lastIndexOf(end)
      ? oneLine(end, 24)
      : `${oneLine(end, 20)} (${i + 1})`
  );
}

function showResult(
  { name, evaluators }: ModelReport,
  i: number,
  { out, models }: {
    readonly out: Output;
    readonly models: readonly ModelReport[];
  },
): void {
  const { evaluator, records, verdict } = evaluators[i];
  if (records.length === 0 && verdict === null) return;
  out.line();
  const of = models.length === 1 ? "" : ` of ${harmless(name)}`;
  const word = verdict === null
    ? ""
    : verdict.passed
    ? `: ${out.style("good", "passed")}: ${harmless(verdict.reason)}`
    : `: ${out.style("bad", "failed")}: ${harmless(verdict.reason)}`;
  out.line(`${out.style("bold", evaluator)}${of}${word}`);
  for (const line of tableLines(records, Math.min(out.width, 120) - 2)) {
    out.line(`  ${line}`);
  }
}
