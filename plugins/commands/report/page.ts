/**
 * `report.html`: a run on one page that needs nothing else, for the screen and for paper.
 * @module
 */
import { type LogEntry, showBytes } from "@denotune/denotune/core";
import { type Html, html } from "../pages/html.ts";
import { page } from "../pages/page.ts";
import { curve, CURVE_STYLE, type Point, short } from "./curve.ts";
import { numberOf, type RunReport, textOf } from "./facts.ts";
import { summaryRows } from "./summary.ts";

const STYLE = `${CURVE_STYLE}
pre { white-space: pre-wrap; overflow-wrap: anywhere; margin: .25rem 0; font: .8125rem/1.45 ui-monospace, "SF Mono", Menlo, Consolas, "DejaVu Sans Mono", monospace; }
.samples { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 18rem), 1fr)); gap: .75rem; margin-top: .5rem; }
.sample { margin-bottom: .75rem; }
tr:last-child th { border-bottom: 0; }
@media print {
  body { padding: 0; font-size: 11pt; background: none; }
  .card { border-color: #bbb; break-inside: avoid; }
  h2 { break-after: avoid; }
}
`;

/** The page, in parts. */
export function reportPage(report: RunReport): Iterable<string> {
  const name =
    report.folder.split(/[\\/]/).filter((part) => part !== "").at(-1) ??
      report.folder;
  return page({
    title: `${name}: report of a run`,
    style: STYLE,
    body: body(report, name),
  });
}

function* body(report: RunReport, name: string): Generator<Html> {
  yield html`
    <main>
      <h1>${name}</h1>
      <p class="soft">${report.state}${report.reason === null
        ? ""
        : `: ${report.reason}`}</p>
  `;
  yield html`
    <div class="table">
      <table>${summaryRows(report).map(([key, value]) =>
        html`
          <tr>
            <th scope="row">${key}</th>
            <td>${value}</td>
          </tr>
        `
      )}</table>
    </div>
  `;
  yield curves(report);
  yield evaluations(report.evaluations);
  yield samples(report.samples);
  yield memory(report.start.memory);
  yield list(
    "Saved",
    report.saves.map(({ step, fields }) =>
      `${textOf(fields, "kind")} at step ${step}: ${textOf(fields, "path")}`
    ),
  );
  yield list(
    "Notices",
    report.notices.map(({ step, fields }) =>
      `step ${step}: ${textOf(fields, "message")}`
    ),
  );
  yield report.settings === null ? html`` : html`
    <h2>Settings</h2>
    <p
      class="soft small">Every default is filled in: train with this file does it again.</p>
    <div class="card">
      <pre>${report.settings}</pre>
    </div>
  `;
  yield html`</main>`;
}

function curves({ curves, smoothLoss, evaluations }: RunReport): Html {
  const evalLosses: Point[] = evaluations.map((
    { step, fields },
  ): Point => [step, numberOf(fields, "eval_loss")])
    .filter(([, value]) => Number.isFinite(value));
  const drawn = [
    curve({
      title: `Loss${smoothLoss.length > 0 ? ", smoothed" : ""}${
        evalLosses.length > 0 ? "; evaluations as points" : ""
      }`,
      raw: curves.loss ?? [],
      smooth: smoothLoss,
      points: evalLosses,
    }),
    curve({ title: "Learning rate", raw: curves.learning_rate ?? [] }),
    curve({ title: "Gradient norm", raw: curves.grad_norm ?? [] }),
    curve({
      title: "Trained tokens a second",
      raw: curves.trained_tokens_per_second ?? [],
    }),
  ].filter((one) => one !== null);
  return drawn.length === 0 ? html`` : html`
    <h2>Curves</h2>
    <div class="curves">${drawn}</div>
  `;
}

/** A row an evaluation, a column a figure. */
function evaluations(entries: readonly LogEntry[]): Html {
  if (entries.length === 0) return html``;
  const names = [
    ...new Set(entries.flatMap(({ fields }) => Object.keys(fields))),
  ]
    .filter((name) => name.startsWith("eval_") && name !== "eval_seconds");
  const shown = entries.length <= 40
    ? entries
    : [entries[0], ...entries.slice(-39)];
  return html`
    <h2>Evaluation</h2>
    <div class="table card">
      <table>
        <tr><th>figure</th>${shown.map(({ step }) =>
          html`<th class="n">step ${step}</th>`
        )}</tr>
        ${names.map((name) =>
          html`<tr><th scope="row">${
            name.slice("eval_".length).replaceAll("_", " ")
          }</th>${
            shown.map(({ fields }) => {
              const value = numberOf(fields, name);
              return html`<td class="n">${
                Number.isNaN(value) ? "" : short(value)
              }</td>`;
            })
          }</tr>`
        )}
      </table>
    </div>
  `;
}

/** The first and the last answer to each prompt. */
function samples(entries: readonly LogEntry[]): Html {
  const byPrompt = new Map<number, LogEntry[]>();
  for (const entry of entries) {
    const index = numberOf(entry.fields, "index");
    byPrompt.set(index, [...byPrompt.get(index) ?? [], entry]);
  }
  if (byPrompt.size === 0) return html``;
  const answer = ({ step, fields }: LogEntry) =>
    html`
      <div>
        <p class="soft small">step ${step}</p>
        <pre>${textOf(fields, "text") || "(nothing)"}</pre>
      </div>
    `;
  return html`<h2>Samples</h2>${
    [...byPrompt.values()].map((answers) => {
      const [first] = answers;
      const last = answers[answers.length - 1];
      return html`
        <div class="card sample">
          <pre><b>${textOf(first.fields, "prompt")}</b></pre>
          <div class="samples">${answer(first)}${first === last
            ? null
            : answer(last)}</div>
        </div>
      `;
    })
  }`;
}

/** Figures of a memory plan that follow its parts. */
const SUMS: readonly string[] = ["total", "available"];

function memory(fields: unknown): Html {
  if (typeof fields !== "object" || fields === null) return html``;
  const parts = Object.entries(fields)
    .filter((entry): entry is [string, number] =>
      typeof entry[1] === "number" && entry[1] > 0
    )
    .sort(([a], [b]) => SUMS.indexOf(a) - SUMS.indexOf(b));
  return html`
    <h2>Memory, as planned</h2>
    <div class="table card">
      <table>${parts.map(([name, value]) =>
        html`
          <tr>
            <th scope="row">${name}</th>
            <td class="n">${showBytes(value)}</td>
          </tr>
        `
      )}</table>
    </div>
  `;
}

function list(title: string, lines: readonly string[]): Html {
  return lines.length === 0 ? html`` : html`
    <h2>${title}</h2>
    <ul>${lines.slice(-200).map((line) => html`<li>${line}</li>`)}</ul>
  `;
}
