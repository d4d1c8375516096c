/**
 * The quality report as a page.
 * @module
 */
import { showWhole } from "@denotune/denotune/core";
import { describeSize } from "./set_size.ts";
import type { Distribution } from "./count/histogram.ts";
import { METRICS } from "./metrics.ts";
import { percent, short } from "./show_numbers.ts";
import type { Finding, Opening, QualityReport } from "./types.ts";
import { CHART_STYLE, histogram, shareBars } from "../pages/charts.ts";
import { type Html, html } from "../pages/html.ts";
import { page } from "../pages/page.ts";

const STYLE = `${CHART_STYLE}
details.finding { background: var(--card); border: 1px solid var(--line); border-radius: .6rem; margin: .6rem 0; }
details.finding > summary { cursor: pointer; padding: .7rem 1rem; display: flex; flex-wrap: wrap; gap: .35rem .8rem; align-items: baseline; list-style: none; }
details.finding > summary::-webkit-details-marker { display: none; }
details.finding > summary::after { content: "+"; margin-left: auto; color: var(--soft); font-weight: 650; }
details.finding[open] > summary::after { content: "\\2212"; }
details.finding > div { padding: 0 1rem .9rem; }
.title { font-weight: 600; }
.amount { font-variant-numeric: tabular-nums; }
.where { white-space: nowrap; max-width: 22rem; overflow: hidden; text-overflow: ellipsis; direction: rtl; text-align: left; }
.where bdi { unicode-bidi: isolate; }
.text { overflow-wrap: anywhere; }
.two { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 26rem), 1fr)); gap: .9rem; }
.openings, .plots + .card { margin-top: .9rem; }
.opening { white-space: pre-wrap; overflow-wrap: anywhere; }
.said { max-width: 16rem; overflow-wrap: anywhere; }
@media (max-width: 44rem) {
  .stack thead { display: none; }
  .stack tr, .stack td { display: block; max-width: 100%; }
  .stack .where, .stack td { white-space: normal; overflow-wrap: anywhere; }
  .stack .where { overflow: visible; max-width: 100%; direction: ltr; }
  .stack tr { padding: .5rem 0; border-bottom: 1px solid var(--line); }
  .stack td, .stack td.n { border: 0; padding: .1rem 0; text-align: left; }
  .stack td.n::after { content: " times"; color: var(--soft); }
}
`;

/** Openings in a table. */
const OPENINGS = 25;

/** The page, in parts. */
export function qualityPage(report: QualityReport): Generator<string> {
  return page({
    title: `Quality of ${report.subject.name}`,
    style: STYLE,
    body: bodyOf(report),
  });
}

function* bodyOf(report: QualityReport): Generator<Html> {
  const { subject } = report;
  yield html`
    <header>
      <h1>Quality of ${subject.name}</h1>
      <p
        class="soft">Written by denotune analyze. max_length ${showWhole(
          subject.max_length,
        )}, truncation ${subject.truncation}, batch size ${subject
          .batch_size}.</p>
      <p class="${subject.approximate_tokens
        ? "small warning badge"
        : "small soft"}">Tokens: ${subject.tokenizer}.</p>
      <p class="small soft">Size: ${describeSize(report.size)}.</p>
    </header>
    <main>
  `;
  yield tiles(report);
  yield html`
    <section aria-labelledby="findings"><h2 id="findings">Findings</h2>
    ${report.findings.length === 0
      ? html`<p class="card">None: nothing stands out.</p>`
      : report.findings.map(finding)}</section>
  `;
  yield lengths(report);
  yield variety(report);
  yield batches(report);
  yield sources(report);
  yield metrics(report);
  yield html`
    </main>
  `;
}

function tiles({ metrics, tokens, findings }: QualityReport): Html {
  const bad = findings.filter((f) => f.severity === "bad").length;
  const all: [string, string][] = [
    ["rows", showWhole(metrics.rows ?? 0)],
    ...(metrics.eval_rows === 0 ? [] : [
      ["evaluation rows", showWhole(metrics.eval_rows ?? 0)] satisfies [
        string,
        string,
      ],
    ]),
    ["tokens", showWhole(tokens.total)],
    [
      "of them trained",
      percent(tokens.total === 0 ? 0 : tokens.trained / tokens.total),
    ],
    [
      "instructions differ",
      metrics.diversity === null ? "–" : percent(metrics.diversity),
    ],
    [bad === 0 ? "findings" : `findings, ${bad} bad`, String(findings.length)],
  ];
  return html`
    <div class="tiles">${all.map(([name, value]) =>
      html`<div class="tile"><b>${value}</b><span>${name}</span></div>`
    )}</div>
  `;
}

function finding(f: Finding): Html {
  return html`
    <details class="finding" ${{ html: f.severity === "note" ? "" : " open" }}>
      <summary><span class="badge ${f.severity}">${f
        .severity}</span> <span class="title">${f
        .title}</span> <span class="soft small amount">${showWhole(
          f.count,
        )} of ${showWhole(f.of)} ${f.unit} (${percent(
          f.share,
        )})</span> <code class="soft">${f.name}</code></summary>
      <div><p>${f.advice}</p>${f.examples.length === 0 ? null : html`
        <div class="table">
          <table class="stack">
            <thead>
              <tr>
                <th>row</th>
                <th>it says</th>
                <th>what</th>
              </tr>
            </thead>
            <tbody>${f.examples.map(({ where, text, note }) =>
              html`
                <tr>
                  <td class="mono where" title="${where}"><bdi>${where}</bdi></td>
                  <td class="text">${text}</td>
                  <td class="small soft said">${note}</td>
                </tr>
              `
            )}</tbody>
          </table>
        </div>
      `}</div>
    </details>
  `;
}

function lengths({ lengths: l, subject }: QualityReport): Html {
  const unit = subject.token_unit;
  const rows: [string, Distribution | null][] = [
    ["words of an instruction", l.instruction_words],
    ["words of an answer", l.response_words],
    [`${unit} of an instruction, with its input`, l.instruction_tokens],
    [`${unit} of an answer`, l.response_tokens],
    [`${unit} of a whole example, uncut`, l.example_tokens],
  ];
  const known = rows.flatMap(([name, d]) => d === null ? [] : [{ name, d }]);
  return html`
    <section aria-labelledby="lengths">
      <h2 id="lengths">Lengths</h2>
      <div class="plots">${known.map(({ name, d }) =>
        html`
          <figure
            class="card plot"><figcaption><h3>${name}</h3></figcaption>${histogram(
              d,
              {
                label: name,
                ...(d === l.example_tokens
                  ? { limit: { value: subject.max_length, name: "max_length" } }
                  : {}),
              },
            )}</figure>
        `
      )}</div>
      <div class="card table">
        <table>
          <thead>
            <tr><th>length</th>${["mean", "median", "p90", "p99", "max"].map((
              h,
            ) => html`<th class="n">${h}</th>`)}</tr>
          </thead>
          <tbody>${known.map(({ name, d }) =>
            html`<tr><td>${name}</td>${
              [d.mean, d.median, d.p90, d.p99, d.max].map((n) =>
                html`<td class="n">${short(n)}</td>`
              )
            }</tr>`
          )}</tbody>
        </table>
      </div>
    </section>
  `;
}

function variety(
  { distinct, languages, openings, settings, metrics }: QualityReport,
): Html {
  const grams: [string, typeof distinct.distinct_1][] = [
    ["words", distinct.distinct_1],
    ["pairs of words", distinct.distinct_2],
    ["triples of words", distinct.distinct_3],
  ];
  const shares = grams.filter(([, g]) => g.total > 0).map(([name, g]) => ({
    name: `${name} of answers that differ`,
    share: g.share,
    text: `${percent(g.share)}${g.estimated ? " (estimate)" : ""}`,
  }));
  return html`
    <section aria-labelledby="variety">
      <h2 id="variety">Variety</h2>
      <div class="two">
        <div
          class="card"><h3>How much differs</h3>${shareBars([
            ...(metrics.diversity === null ? [] : [{
              name: "instructions that differ",
              share: metrics.diversity,
              text: percent(metrics.diversity),
            }]),
            ...shares,
          ])}<p class="small soft">Shares of words fall as a set grows: compare sets of a size.</p></div>
        <div
          class="card"><h3>Languages</h3>${shareBars(
            languages.slice(0, 12).map(({ language, share }) => ({
              name: language,
              share,
              text: percent(share),
            })),
          )}<p class="small soft">A guess from script and stop words: short texts, lists and code stay undecided.</p></div>
      </div>
      <div class="two openings">${openingTable(
        "Openings of instructions",
        openings.instructions,
      )}${openingTable("Openings of answers", openings.responses)}</div>
      <p
        class="small soft">Openings are the first ${settings
          .opening_length} characters, listed where seen more than ${settings
          .opening_repeats} times.</p>
    </section>
  `;
}

function openingTable(title: string, list: readonly Opening[]): Html {
  return html`<div class="card"><h3>${title}</h3>${
    list.length === 0 ? html`<p class="soft">None repeats.</p>` : html`
      <div class="table">
        <table class="stack">
          <thead>
            <tr>
              <th class="n">times</th>
              <th>opening</th>
              <th>first at</th>
            </tr>
          </thead>
          <tbody>${list.slice(0, OPENINGS).map(({ opening, count, where }) =>
            html`
              <tr>
                <td class="n">${showWhole(count)}</td>
                <td class="mono opening">${opening.trim() === ""
                  ? "(empty)"
                  : opening}</td>
                <td class="mono where" title="${where}"><bdi>${where}</bdi></td>
              </tr>
            `
          )}</tbody>
        </table>
      </div>${list.length > OPENINGS
        ? html`<p class="small soft">and ${list.length - OPENINGS} more</p>`
        : null}
    `
  }</div>`;
}

function batches({ packing, tokens }: QualityReport): Html {
  const rows = [
    { name: "padded", found: packing.padded },
    { name: "packed", found: packing.packed },
  ];
  return html`
    <section aria-labelledby="batches">
      <h2 id="batches">Tokens and batches</h2>
      <div class="card">
        <p>${showWhole(tokens.total)} tokens after truncation, ${showWhole(
          tokens.trained,
        )} trained; ${showWhole(
          tokens.trained_lost,
        )} trained tokens cut away; ${showWhole(
          tokens.straddled,
        )} tokens over trained and untrained text.</p>
        <div class="table">
          <table>
            <thead>
              <tr>
                <th>collator</th>
                <th class="n">rows</th>
                <th class="n">steps an epoch</th>
                <th class="n">places</th>
                <th class="n">padding</th>
              </tr>
            </thead>
            <tbody>${rows.map(({ name, found }) =>
              found === null ? null : html`
                <tr>
                  <td>${name}</td>
                  <td class="n">${showWhole(found.rows)}</td>
                  <td class="n">${showWhole(found.steps)}</td>
                  <td class="n">${showWhole(found.places)}</td>
                  <td class="n">${percent(found.padded_share)}</td>
                </tr>
              `
            )}</tbody>
          </table>
        </div>
      </div>
    </section>
  `;
}

function sources({ subject }: QualityReport): Html {
  return html`
    <section aria-labelledby="sources">
      <h2 id="sources">Sources</h2>
      <div class="card table">
        <table>
          <thead>
            <tr>
              <th>source</th>
              <th>for</th>
              <th class="n">rows</th>
              <th>template</th>
              <th>masker</th>
            </tr>
          </thead>
          <tbody>${subject.sources.map((s) =>
            html`
              <tr>
                <td class="mono text">${s.name}</td>
                <td>${s.used_for}</td>
                <td class="n">${showWhole(s.rows)}</td>
                <td>${s.template}</td>
                <td>${s.masker}</td>
              </tr>
            `
          )}</tbody>
        </table>
      </div>
    </section>
  `;
}

function metrics({ metrics }: QualityReport): Html {
  const values = new Map(Object.entries(metrics));
  return html`
    <section aria-labelledby="metrics">
      <h2 id="metrics">All figures</h2>
      <details class="card">
        <summary>Names as <code>--fail-on</code> takes them</summary>
        <div class="table">
          <table>
            <thead>
              <tr>
                <th>metric</th>
                <th>what</th>
                <th class="n">count</th>
                <th class="n">share</th>
              </tr>
            </thead>
            <tbody>${METRICS.map(({ name, kind, title }) => {
              const value = values.get(name) ?? null;
              const [count, share] = value === null
                ? ["–", ""]
                : typeof value === "number"
                ? kind === "share" ? ["", percent(value)] : [short(value), ""]
                : [
                  `${showWhole(value.count)} of ${showWhole(value.of)}`,
                  percent(value.share),
                ];
              return html`
                <tr>
                  <td><code>${name}</code></td>
                  <td>${title}</td>
                  <td class="n">${count}</td>
                  <td class="n">${share}</td>
                </tr>
              `;
            })}</tbody>
          </table>
        </div>
      </details>
    </section>
  `;
}
