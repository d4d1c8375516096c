/**
 * The evaluation of saved models as a page: figures side by side, plots, and the answers row by row.
 * @module
 */
import { type Json, showWhole } from "@denotune/denotune/core";
import { type Html, html } from "../pages/html.ts";
import { page } from "../pages/page.ts";
import {
  distribution,
  figureBars,
  legend,
  PLOT_STYLE,
  type Series,
  shown,
} from "./plots.ts";
import { type EvaluationReport, type FigureRow, figuresOf } from "./report.ts";
import { columnNames } from "./report_text.ts";
import {
  type JoinedColumn,
  type JoinedTable,
  joinTables,
  numbersOf,
} from "./side_by_side.ts";

const STYLE = `${PLOT_STYLE}
.evaluator { margin-top: 2.25rem; }
.verdict { margin: .3rem 0; }
.verdict .badge { margin-right: .5rem; }
.good.badge { color: var(--trained-ink); background: var(--trained); }
.up { color: var(--good); } .down { color: var(--bad); }
details.rows { background: var(--card); border: 1px solid var(--line); border-radius: .6rem; margin: .9rem 0; }
details.rows > summary { cursor: pointer; padding: .6rem 1rem; font-weight: 600; }
details.rows > div { padding: 0 1rem .6rem; }
.answers td { white-space: pre-wrap; overflow-wrap: anywhere; min-width: 8rem; }
.answers td.n { white-space: nowrap; min-width: 0; }
.answers th small { display: block; font-weight: 400; }
.figures td:first-child { overflow-wrap: anywhere; }
@media (max-width: 44rem) {
  .figures td, .figures td.n { font-size: .8125rem; white-space: normal; }
  .figures td.n span { display: block; }
  .answers thead { display: none; }
  .answers, .answers tbody, .answers tr, .answers td { display: block; width: 100%; }
  .answers tr { padding: .6rem 0; border-bottom: 1px solid var(--line); }
  .answers td, .answers td.n { border: 0; padding: .15rem 0; text-align: left; white-space: pre-wrap; }
  .answers td::before { content: attr(data-name); display: block; color: var(--soft); font-size: .8125rem; }
}
`;

/** Rows of a table that the page shows; the file has all. */
const ROWS = 100;
/** Rows up to which a table is open at first. */
const OPEN = 12;
/** Rows from which on a column is drawn. */
const ENOUGH = 8;
const COLORS = ["m0", "m1", "m2", "m3"];

/** The page, in parts. */
export function reportPage(report: EvaluationReport): Generator<string> {
  return page({
    title: `Evaluation of ${
      report.models.filter((m) => !m.is_base).map((m) => m.name).join(", ")
    }`,
    style: STYLE,
    body: bodyOf(report),
  });
}

function* bodyOf(report: EvaluationReport): Generator<Html> {
  const { models } = report;
  const names = columnNames(models);
  let colored = 0;
  const series = models.map(({ is_base }, i): Series => ({
    name: names[i],
    color: is_base ? "base" : COLORS[colored++ % COLORS.length],
  }));
  const figures = figuresOf(report);
  const tuned = models.filter((m) => !m.is_base).map((m) => m.name);
  yield html`
    <header>
      <h1>Evaluation of ${tuned.join(", ")}</h1>
      <p class="soft">Written by denotune evaluate. ${showWhole(
        report.rows,
      )} rows, seed ${report.seed}.</p>
      ${legend(series)}
    </header>
    <main>
  `;
  yield html`
    ${report.failed.map(({ condition, model, found }) =>
      html`
        <p
          class="verdict"><span class="badge bad">failed</span>${condition}: ${model} has ${shown(
            found,
          )}</p>
      `
    )}
  `;
  yield overview(report, figures, series);
  for (const [i, { evaluator }] of (models[0]?.evaluators ?? []).entries()) {
    yield section(report, { evaluator, i, figures, series });
  }
  yield html`
    </main>
  `;
}

function overview(
  { models }: EvaluationReport,
  figures: readonly FigureRow[],
  series: readonly Series[],
): Html {
  const base = models.findIndex((m) => m.is_base);
  if (figures.length === 0) return html``;
  return html`
    <section aria-labelledby="figures">
      <h2 id="figures">Figures</h2>
      <div class="card table figures">
        <table>
          <thead>
            <tr><th>figure</th>${series.map(({ name }) =>
              html`<th class="n">${name}</th>`
            )}</tr>
          </thead>
          <tbody>${figures.map(({ name, values }) =>
            html`<tr><td>${name}</td>${
              values.map((value, i) =>
                html`<td class="n">${shown(value)}${
                  change(value, base < 0 || base === i ? null : values[base])
                }</td>`
              )
            }</tr>`
          )}</tbody>
        </table>
      </div>
    </section>
  `;
}

/** The difference to the base, in words of sign only: whether more is better is the figure's own matter. */
function change(value: number | null, base: number | null): Html | null {
  if (value === null || base === null || value === base) return null;
  return html`
    <span class="soft small">(${value >= base ? "+" : "−"}${shown(
      Math.abs(value - base),
    )})</span>
  `;
}

function section(
  { models }: EvaluationReport,
  { evaluator, i, figures, series }: {
    readonly evaluator: string;
    readonly i: number;
    readonly figures: readonly FigureRow[];
    readonly series: readonly Series[];
  },
): Html {
  const own = figures.filter((f) => f.evaluator === evaluator);
  const results = models.map((model, m) => ({
    model: series[m].name,
    ...model.evaluators[i],
  }));
  const joined = joinTables(results);
  const tables = joined !== null
    ? [{ title: "Rows", table: joined }]
    : results.flatMap((result) => {
      const table = joinTables([result]);
      return table === null
        ? []
        : [{ title: `Rows of ${result.model}`, table }];
    });
  const id = `evaluator-${i}`;
  return html`
    <section class="evaluator" aria-labelledby="${id}">
      <h2 id="${id}">${evaluator}</h2>
      ${results.map(({ model, verdict }) =>
        verdict === null ? null : html`
          <p
            class="verdict"><span class="badge ${verdict.passed
              ? "good"
              : "bad"}">${verdict.passed
              ? "passed"
              : "failed"}</span>${model}: ${verdict
              .reason}</p>
        `
      )}
      <div class="plots">${own.length === 0 ? null : html`
        <figure class="card plot">${figureBars(own, series)}</figure>
      `}${columnPlots(results, series)}</div>
      ${tables.map(({ title, table }) => rowsTable(title, table))}
    </section>
  `;
}

/** How the numeric columns of a table are distributed. */
function columnPlots(
  results: readonly {
    readonly records: EvaluationReport["models"][0]["evaluators"][0]["records"];
  }[],
  series: readonly Series[],
): Html[] {
  const [first] = results;
  if (first === undefined || first.records.length < ENOUGH) return [];
  return Object.keys(first.records[0]).flatMap((name) => {
    const values = results.map(({ records }) => numbersOf(records, name));
    const known = values.filter((v) => v !== null);
    if (known.length !== values.length) return [];
    if (new Set(known.flat()).size < 3) return [];
    const isShared = known.length > 1 &&
      known.every((of) => of.every((v, i) => v === known[0][i]));
    if (isShared) return []; // of the rows, not of the models
    return [html`
      <figure
        class="card plot"><figcaption><h3>${name}, by row</h3></figcaption>${distribution(
          known,
          series,
          name,
        )}</figure>
    `];
  });
}

function rowsTable(title: string, { columns, rows }: JoinedTable): Html {
  const more = rows.length - ROWS;
  return html`
    <details class="rows" ${{ html: rows.length > OPEN ? "" : "open" }}>
      <summary>${title} (${showWhole(rows.length)})</summary>
      <div class="table">
        <table class="answers">
          <thead><tr>${columns.map(({ name, model }) =>
            html`<th>${name}${
              model === null ? null : html`<small>${model}</small>`
            }</th>`
          )}</tr></thead>
          <tbody>${rows.slice(0, ROWS).map((row) =>
            html`<tr>${row.map((value, c) => cell(value, columns[c]))}</tr>`
          )}</tbody>
        </table>
        ${more > 0
          ? html`<p class="soft small">and ${showWhole(more)} more</p>`
          : null}
      </div>
    </details>
  `;
}

function cell(value: Json, { name, model }: JoinedColumn): Html {
  const label = model === null ? name : `${name} · ${model}`;
  const isNumber = typeof value === "number";
  const text = value === null
    ? "–"
    : isNumber
    ? shown(value)
    : typeof value === "string"
    ? value
    : JSON.stringify(value);
  return html`<td class="${
    isNumber ? "n" : ""
  }" data-name="${label}">${text}</td>`;
}
