/**
 * The quality report on a terminal: the worst first, in 80 columns.
 * @module
 */
import {
  cutColumns,
  harmless,
  type Output,
  showCount,
  showWhole,
  wrapText,
} from "@denotune/denotune/core";
import type { Distribution } from "./count/histogram.ts";
import { percent, short } from "./show_numbers.ts";
import { describeSize } from "./set_size.ts";
import type { Finding, Opening, QualityReport, Severity } from "./types.ts";

/** Openings that are shown. */
const OPENINGS = 5;
const LANGUAGES = 5;

/** Writes the report. */
export function showQuality(report: QualityReport, out: Output): void {
  const width = Math.min(out.width, 100);
  showSubject(report, out);
  showSize(report, out, width);
  showFindings(report, { out, width });
  heading(out, "Lengths");
  showLengths(report, out);
  heading(out, "Variety");
  showVariety(report, { out, width });
  heading(out, "Tokens and batches");
  showTokens(report, out);
}

function heading(out: Output, text: string): void {
  out.line();
  out.line(out.style("bold", text));
}

function showSubject({ subject, metrics }: QualityReport, out: Output): void {
  out.line(out.style("bold", `Quality of ${harmless(subject.name)}`));
  const rows = [showCount(metrics.rows ?? 0, "row")];
  if (subject.sources.some((s) => s.used_for === "evaluation")) {
    rows.push(showCount(metrics.eval_rows ?? 0, "evaluation row"));
  }
  const templates = new Set(subject.sources.map((s) => s.template));
  out.line(
    `${rows.join(", ")} · template ${[...templates].join(", ")} · max_length ${
      showWhole(subject.max_length)
    }`,
  );
  out.line(
    out.style(
      subject.approximate_tokens ? "warning" : "dim",
      `tokens: ${harmless(subject.tokenizer)}`,
    ),
  );
}

function showSize({ size }: QualityReport, out: Output, width: number): void {
  const name = out.style("dim", "size".padEnd(14));
  out.line(wrapText(`${name} ${describeSize(size)}`, width));
}

const STYLES = { bad: "bad", warning: "warning", note: "dim" } as const;

function showFindings(
  { findings }: QualityReport,
  { out, width }: { out: Output; width: number },
): void {
  heading(out, "Findings");
  if (findings.length === 0) out.line("none: nothing stands out");
  for (const [i, finding] of findings.entries()) {
    if (i > 0 && finding.severity !== "note") out.line();
    showFinding(finding, { out, width });
  }
}

function showFinding(
  finding: Finding,
  { out, width }: { out: Output; width: number },
): void {
  const { severity, name, title, count, of, unit, share } = finding;
  const style = STYLES[severity];
  out.line(
    `${out.style(style, severity.padEnd(7))} ${out.style("bold", name)}  ${
      showWhole(count)
    } of ${showWhole(of)} ${unit} (${percent(share)})`,
  );
  out.line(`        ${title}`);
  // of what is only good to know one row is enough
  const shown = finding.examples.slice(0, shownExamples(severity));
  for (const { where, text, note } of shown) {
    const place = where === ""
      ? ""
      : `${harmless(where)}${note === null ? "" : ` (${harmless(note)})`}`;
    if (place !== "") out.line(`        ${out.style("dim", place)}`);
    out.line(`          ${cutColumns(flat(text), width - 10)}`);
  }
  if (severity !== "note") {
    out.line(wrapText(`        ${finding.advice}`, width));
  }
}

function shownExamples(severity: Severity): number {
  return severity === "note" ? 1 : 3;
}

function showLengths({ lengths, subject }: QualityReport, out: Output): void {
  const head = ["mean", "median", "p90", "p99", "max"];
  const longest = Math.max(
    ...Object.values(lengths).map((d) => short(d?.max ?? 0).length),
  );
  const width = Math.max(9, longest + 2);
  out.line(
    out.style(
      "dim",
      `${"".padEnd(20)}${head.map((h) => h.padStart(width)).join("")}`,
    ),
  );
  const unit = subject.token_unit;
  const line = (name: string, d: Distribution | null) => {
    if (d === null) return;
    const cells = [d.mean, d.median, d.p90, d.p99, d.max].map((n) =>
      short(n).padStart(width)
    );
    out.line(`${name.padEnd(20)}${cells.join("")}`);
  };
  line("instructions, words", lengths.instruction_words);
  line("responses, words", lengths.response_words);
  line(`instructions, ${unit}`, lengths.instruction_tokens);
  line(`responses, ${unit}`, lengths.response_tokens);
  line(`examples, ${unit}`, lengths.example_tokens);
  const d = lengths.example_tokens;
  if (d !== null && d.bins.length > 2) {
    const last = d.bins[d.bins.length - 1];
    out.line(
      `${"".padEnd(20)}   ${out.style("dim", `${d.bins[0].from} `)}${
        sparkline(d.bins.map((b) => b.count))
      }${out.style("dim", ` ${showWhole(last.to)}`)}`,
    );
  }
}

const BARS = "▁▂▃▄▅▆▇█";

/** A bar for each number; a place with a point where there is none. */
function sparkline(counts: readonly number[]): string {
  const most = Math.max(...counts);
  return counts.map((n) =>
    n === 0 ? "·" : BARS[Math.ceil(n / most * BARS.length) - 1]
  ).join("");
}

function showVariety(
  { metrics, languages, openings, settings }: QualityReport,
  { out, width }: { out: Output; width: number },
): void {
  const entry = (name: string, text: string) =>
    out.line(`${out.style("dim", name.padEnd(14))} ${text}`);
  if (metrics.diversity !== null) {
    entry("diversity", `${percent(metrics.diversity)} of instructions differ`);
  }
  const distinct = [metrics.distinct_1, metrics.distinct_2, metrics.distinct_3]
    .map((share) => share === null ? "-" : percent(share));
  entry(
    "distinct-1/2/3",
    `${distinct.join(" / ")} of words, pairs, triples in answers`,
  );
  const others = languages.length - LANGUAGES;
  const shown = languages.slice(0, LANGUAGES).map(({ language, share }) =>
    `${language} ${percent(share)}`
  ).join(", ");
  const name = out.style("dim", "languages".padEnd(14));
  out.line(wrapText(
    `${name} ${shown}${
      others > 0 ? `, ${others} more` : ""
    } (a guess by script and stop words)`,
    width,
  ));
  const list = (name: string, all: readonly Opening[]) => {
    for (const [i, { opening, count }] of all.slice(0, OPENINGS).entries()) {
      entry(
        i === 0 ? name : "",
        `${`${showWhole(count)} x`.padStart(8)}  ${
          JSON.stringify(flat(opening)).slice(0, width - 28)
        }`,
      );
    }
  };
  if (openings.instructions.length + openings.responses.length > 0) {
    out.line(
      out.style(
        "dim",
        `openings of ${settings.opening_length} characters seen more than ${settings.opening_repeats} times`,
      ),
    );
  }
  list("  instructions", openings.instructions);
  list("  responses", openings.responses);
}

function showTokens(
  { tokens, packing, subject }: QualityReport,
  out: Output,
): void {
  const entry = (name: string, text: string) =>
    out.line(`${out.style("dim", name.padEnd(14))} ${text}`);
  entry(
    "tokens",
    `${showWhole(tokens.total)}, ${showWhole(tokens.trained)} trained (${
      percent(tokens.total === 0 ? 0 : tokens.trained / tokens.total)
    })${
      tokens.trained_lost > 0
        ? `, ${showWhole(tokens.trained_lost)} cut away`
        : ""
    }`,
  );
  for (const kind of ["padded", "packed"] as const) {
    const found = packing[kind];
    if (found === null) continue;
    entry(
      kind,
      `${percent(found.padded_share)} padding, ${showWhole(found.rows)} rows, ${
        showWhole(found.steps)
      } steps an epoch (batch ${subject.batch_size})`,
    );
  }
}

function flat(text: string): string {
  return harmless(text.replace(/\s+/g, " "));
}
