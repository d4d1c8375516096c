/**
 * Plots of several models: figures as bars side by side, and how the numbers of a column are distributed.
 * @module
 */
import { type Html, html } from "../pages/html.ts";

/** Styles of the plots; each model has a colour. */
export const PLOT_STYLE: string = `
:root { --m0: #2f6fd6; --m1: #d98c1f; --m2: #1a7f4b; --m3: #8a4fc4; --base: #8b95a1; }
@media (prefers-color-scheme: dark) {
  :root { --m0: #6ea2f5; --m1: #e0a044; --m2: #6fd19a; --m3: #c09cf0; --base: #7a848f; }
}
svg { display: block; width: 100%; height: auto; }
svg text { font: 11px system-ui, "DejaVu Sans", sans-serif; fill: var(--soft); }
svg .name, svg .value { fill: var(--ink); font-size: 12px; }
svg .track { fill: var(--line); opacity: .55; }
svg .axis { stroke: var(--soft); stroke-width: 1; }
.m0 { fill: var(--m0); } .m1 { fill: var(--m1); } .m2 { fill: var(--m2); } .m3 { fill: var(--m3); } .base { fill: var(--base); }
.legend { display: flex; flex-wrap: wrap; gap: .3rem 1.1rem; margin: .5rem 0; padding: 0; list-style: none; font-size: .875rem; }
.legend li { overflow-wrap: anywhere; }
.legend svg { display: inline-block; width: .8rem; height: .8rem; margin-right: .4rem; vertical-align: -.08rem; }
figure.plot { margin: 0; min-width: 0; }
.plots { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 24rem), 1fr)); gap: .9rem; margin: .9rem 0; }
`;

/** A model of a plot. */
export interface Series {
  readonly name: string;
  /** Class of its colour. */
  readonly color: string;
}

/** Which model has which colour. */
export function legend(series: readonly Series[]): Html {
  return html`
    <ul class="legend">${series.map(({ name, color }) =>
      html`
        <li><svg viewBox="0 0 10 10" aria-hidden="true"><rect class="${color}" width="10" height="10" rx="2" /></svg>${name}</li>
      `
    )}</ul>
  `;
}

const WIDTH = 480;
const BAR = 14;

/** Figures of one evaluator: a bar for each model. Shares are drawn against 1, others against the largest. */
export function figureBars(
  figures: readonly {
    readonly name: string;
    readonly values: readonly (number | null)[];
  }[],
  series: readonly Series[],
): Html {
  const block = 20 + series.length * (BAR + 3) + 8;
  const height = figures.length * block;
  const room = WIDTH - 90;
  return html`
    <svg viewBox="0 0 ${WIDTH} ${height}" role="img"
      aria-label="${figures.map(({ name, values }) =>
        `${name}: ${values.map(shown).join(", ")}`
      ).join("; ")}">${figures.map(({ name, values }, f) => {
        const known = values.filter((v) => v !== null);
        const most = Math.max(...known.map(Math.abs), 1e-12);
        const isShare = known.every((v) => v >= 0 && v <= 1);
        const whole = isShare ? 1 : most;
        const y = f * block;
        return html`
          <text class="name" x="0" y="${y + 13}">${name}</text>${values.map(
            (value, s) => {
              const top = y + 20 + s * (BAR + 3);
              const width = value === null ? 0 : room * Math.abs(value) / whole;
              return html`
                <rect class="track" x="0" y="${top}" width="${room}"
                  height="${BAR}" rx="2" />
                <rect class="${series[s]
                  .color}" x="0" y="${top}" width="${round(
                    width,
                  )}"
                  height="${BAR}" rx="2">
                  <title>${series[s]
                    .name}: ${shown(value)}</title>
                </rect>
                <text class="value" x="${WIDTH}" y="${top + 11}"
                  text-anchor="end">${shown(value)}</text>
              `;
            },
          )}
        `;
      })}</svg>
  `;
}

const BINS = 16;
const PLOT_HEIGHT = 150;
const BASE_LINE = 122;

/** How the numbers of a column are distributed, a bar for each model in each bin. */
export function distribution(
  values: readonly (readonly number[])[],
  series: readonly Series[],
  label: string,
): Html {
  const all = values.flat();
  const [low, high] = [Math.min(...all), Math.max(...all)];
  const span = high - low || 1;
  const counts = values.map((of) => {
    const bins = new Array<number>(BINS).fill(0);
    for (const v of of) {
      bins[Math.min(BINS - 1, Math.floor(BINS * (v - low) / span))]++;
    }
    return bins;
  });
  const most = Math.max(1, ...counts.flat());
  const slot = WIDTH / BINS;
  const wide = (slot - 3) / series.length;
  return html`
    <svg viewBox="0 0 ${WIDTH} ${PLOT_HEIGHT}" role="img"
      aria-label="${label}: from ${shown(low)} to ${shown(
        high,
      )}, by row">${counts.map((bins, s) =>
        bins.map((count, b) => {
          const height = (BASE_LINE - 12) * count / most;
          return html`
            <rect class="${series[s].color}" x="${round(
              b * slot + 1.5 + s * wide,
            )}" y="${round(BASE_LINE - height)}" width="${round(
              Math.max(1, wide - 0.5),
            )}"
              height="${round(height)}">
              <title>${series[s]
                .name}: ${count} rows from ${shown(
                  low + span * b / BINS,
                )}</title>
            </rect>
          `;
        })
      )}<line class="axis" x1="0" x2="${WIDTH}" y1="${BASE_LINE}" y2="${BASE_LINE}" />
      <text x="0" y="${BASE_LINE + 15}">${shown(low)}</text>
      <text x="${WIDTH / 2}" y="${BASE_LINE + 15}" text-anchor="middle">${shown(
        (low + high) / 2,
      )}</text>
      <text x="${WIDTH}" y="${BASE_LINE + 15}" text-anchor="end">${shown(
        high,
      )}</text></svg>
  `;
}

/** A figure in four digits. */
export function shown(value: number | null): string {
  if (value === null) return "–";
  if (Number.isInteger(value)) return value.toLocaleString("en-US");
  const size = Math.abs(value);
  return size >= 1000
    ? value.toLocaleString("en-US", { maximumFractionDigits: 0 })
    : size >= 0.0001
    ? String(Number(value.toPrecision(4)))
    : value.toExponential(2);
}

function round(n: number): number {
  return Math.round(100 * n) / 100;
}
