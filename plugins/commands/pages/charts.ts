/**
 * Plots as inline SVG: no script, readable by screen readers through their labels and titles.
 * @module
 */
import type { Distribution } from "../analyze/count/histogram.ts";
import { type Html, html } from "./html.ts";

/** How a histogram is labelled. */
export interface HistogramOptions {
  /** What is counted: `words of an answer`. */
  readonly label: string;
  /** A line at this value, as `max_length`. */
  readonly limit?: { readonly value: number; readonly name: string };
}

const WIDTH = 480;
const HEIGHT = 200;
const LEFT = 44;
const RIGHT = 12;
const TOP = 26;
const BOTTOM = 40;

/** A distribution as bars; the last bar, in another colour, counts all above the others. */
export function histogram(
  distribution: Distribution,
  { label, limit }: HistogramOptions,
): Html {
  const { bins } = distribution;
  const most = Math.max(1, ...bins.map((b) => b.count));
  const slot = (WIDTH - LEFT - RIGHT) / bins.length;
  const height = HEIGHT - TOP - BOTTOM;
  const top = (count: number) => TOP + height * (1 - count / most);
  const width = bins[0].to - bins[0].from + 1;
  const over = bins.length > 1 && isOverflow(bins[bins.length - 1], width);
  const regular = over ? bins.length - 1 : bins.length;
  const start = bins[0].from;
  const x = (value: number) => LEFT + slot * (value - start) / width;
  const bars = bins.map(({ from, to, count }, i) => {
    const y = top(count);
    const range = from === to ? group(from) : `${group(from)} to ${group(to)}`;
    return html`
      <rect class="${over && i === bins.length - 1
        ? "bar over"
        : "bar"}" x="${round(LEFT + i * slot + 0.5)}" y="${round(
          y,
        )}" width="${round(Math.max(1, slot - 1))}"
        height="${round(TOP + height - y)}">
        <title>${range}: ${group(count)}</title>
      </rect>
    `;
  });
  const end = start + regular * width;
  const ticks = ticksOf(start, end).map((value) =>
    html`
      <text class="tick" x="${round(x(value))}" y="${HEIGHT - BOTTOM + 14}"
        text-anchor="middle">${group(value)}</text>
    `
  );
  const grid = [most / 2, most].map((count) =>
    html`
      <line class="grid" x1="${LEFT}" x2="${WIDTH - RIGHT}" y1="${round(
        top(count),
      )}"
        y2="${round(top(count))}" />
      <text class="tick" x="${LEFT - 5}" y="${round(top(count) + 4)}"
        text-anchor="end">${shortCount(count)}</text>
    `
  );
  const marks = [
    { value: distribution.median, name: "median" },
    { value: distribution.p90, name: "p90" },
    ...(limit === undefined ? [] : [limit]),
  ].filter(({ value }) => value >= start && value < end);
  return html`
    <svg viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img"
      aria-label="${label}: median ${number(
        distribution.median,
      )}, 90% below ${number(distribution.p90)}, longest ${group(
        distribution.max,
      )}">${grid}${bars}${marks.map(({ value, name }, i) =>
        mark(x(value + 0.5), name, i)
      )}<line class="axis" x1="${LEFT}" x2="${WIDTH - RIGHT}" y1="${TOP +
        height}" y2="${TOP + height}"/>${ticks}${over
        ? html`
          <text class="tick" x="${WIDTH - RIGHT}" y="${HEIGHT - 5}"
            text-anchor="end">last bar: up to ${group(distribution.max)}</text>
        `
        : null}</svg>
  `;
}

function mark(x: number, name: string, i: number): Html {
  const isLeft = x > WIDTH * 0.75;
  const y = 9 + 8 * (i % 2) + (i > 1 ? 16 : 0);
  return html`
    <line class="mark" x1="${round(x)}" x2="${round(x)}" y1="${y - 4}"
      y2="${HEIGHT - BOTTOM}" />
    <text class="label" x="${round(isLeft ? x - 3 : x + 3)}" y="${y + 3}"
      text-anchor="${isLeft ? "end" : "start"}">${name}</text>
  `;
}

function isOverflow(
  bin: { from: number; to: number },
  width: number,
): boolean {
  return bin.to - bin.from + 1 !== width;
}

/** 3 to 6 round values. */
function ticksOf(from: number, to: number): number[] {
  const rough = (to - from) / 4;
  const power = 10 ** Math.floor(Math.log10(Math.max(1, rough)));
  const step = [1, 2, 5, 10].map((s) => s * power).find((s) => s >= rough) ??
    power;
  const ticks: number[] = [];
  for (let t = Math.ceil(from / step) * step; t < to; t += step) ticks.push(t);
  return ticks;
}

/** Shares as bars with their names. */
export function shareBars(
  items: readonly {
    readonly name: string;
    readonly share: number;
    readonly text: string;
  }[],
): Html {
  return html`
    <div class="table">
      <table>${items.map(({ name, share, text }) =>
        html`
          <tr>
            <td>${name}</td>
            <td class="bars">
              <svg class="share" viewBox="0 0 100 10" preserveAspectRatio="none"
                aria-hidden="true">
                <rect class="back" width="100" height="10" />
                <rect class="bar" width="${round(100 * share)}" height="10" />
              </svg>
            </td>
            <td class="n">${text}</td>
          </tr>
        `
      )}</table>
    </div>
  `;
}

/** Styles of plots. */
export const CHART_STYLE: string = `
svg { display: block; width: 100%; height: auto; }
svg text { font: 11px system-ui, "DejaVu Sans", sans-serif; fill: var(--soft); }
svg .label { font-size: 10px; fill: var(--ink); }
svg .bar { fill: var(--accent); }
svg .over { fill: var(--over); }
svg .back { fill: var(--line); }
svg .grid { stroke: var(--line); stroke-width: 1; }
svg .axis { stroke: var(--soft); stroke-width: 1; }
svg .mark { stroke: var(--ink); stroke-width: 1; stroke-dasharray: 3 3; opacity: .7; }
svg rect.bar:hover { opacity: .75; }
svg.share { height: .7rem; border-radius: .2rem; }
td.bars { width: 50%; min-width: 6rem; vertical-align: middle; }
figure.plot { margin: 0; }
.plots { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 26rem), 1fr)); gap: .9rem; }
`;

function round(n: number): number {
  return Math.round(100 * n) / 100;
}

function group(n: number): string {
  return Math.round(n).toLocaleString("en-US");
}

function number(n: number): string {
  return n >= 100 ? group(n) : String(Number(n.toFixed(1)));
}

function shortCount(n: number): string {
  return n >= 10_000
    ? `${Number((n / 1000).toPrecision(3))}k`
    : String(Number(n.toPrecision(3)));
}
