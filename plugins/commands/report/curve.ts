/**
 * A curve over steps, drawn once: raw in the background, smoothed in front, evaluations as points.
 * @module
 */
import { type Html, html } from "../pages/html.ts";

/** A point: an optimizer step and a figure. */
export type Point = readonly [step: number, value: number];

/** What is drawn. */
export interface CurveContent {
  /** `Loss`. */
  readonly title: string;
  readonly raw: readonly Point[];
  readonly smooth?: readonly Point[];
  /** Figures of evaluations. */
  readonly points?: readonly Point[];
}

const WIDTH = 560;
const HEIGHT = 220;
const LEFT = 58;
const RIGHT = 12;
const TOP = 10;
const BOTTOM = 26;
const TICKS = 4;

/** Styles of curves. */
export const CURVE_STYLE: string = `
.curves { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 26rem), 1fr)); gap: .9rem; }
.curves figure { margin: 0; break-inside: avoid; }
.curves figcaption { font-weight: 600; font-size: .9375rem; }
.curves svg { display: block; width: 100%; height: auto; }
.curves text { font: 11px system-ui, "DejaVu Sans", sans-serif; fill: var(--soft); }
.curves .grid { stroke: var(--line); }
.curves .raw { fill: none; stroke: var(--accent-soft); stroke-width: 1.25; }
.curves .smooth { fill: none; stroke: var(--accent); stroke-width: 2; }
.curves .point { fill: var(--over); }
`;

/** The curve; null where there is less than a line to draw. */
export function curve(
  { title, raw, smooth = [], points = [] }: CurveContent,
): Html | null {
  const all = [...raw, ...smooth, ...points].filter(([, value]) =>
    Number.isFinite(value)
  );
  if (raw.length < 2) return null;
  const steps = extent(all.map(([step]) => step));
  const values = extent(all.map(([, value]) => value));
  const x = (step: number) =>
    LEFT +
    (WIDTH - LEFT - RIGHT) * (step - steps.low) / (steps.high - steps.low || 1);
  const y = (value: number) =>
    TOP +
    (HEIGHT - TOP - BOTTOM) * (values.high - value) /
      (values.high - values.low || 1);
  const path = (line: readonly Point[]) =>
    line.map(([step, value]) => `${x(step).toFixed(1)},${y(value).toFixed(1)}`)
      .join(" ");
  const ticks = Array.from(
    { length: TICKS + 1 },
    (_, i) => values.low + (values.high - values.low) * i / TICKS,
  );
  const last = raw[raw.length - 1];
  return html`
    <figure class="card">
      <figcaption>${title}</figcaption>
      <svg viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img"
        aria-label="${title}: ${short(raw[0][1])} at step ${raw[0][0]}, ${short(
          last[1],
        )} at step ${last[0]}">
        ${ticks.map((value) =>
          html`
            <line class="grid" x1="${LEFT}" x2="${WIDTH - RIGHT}" y1="${y(value)
              .toFixed(1)}"
              y2="${y(value).toFixed(1)}" />
            <text x="${LEFT - 6}" y="${(y(value) + 4).toFixed(
              1,
            )}" text-anchor="end">${short(value)}</text>
          `
        )}
        <text x="${LEFT}" y="${HEIGHT - 8}">step ${steps.low}</text>
        <text x="${WIDTH - RIGHT}" y="${HEIGHT - 8}" text-anchor="end">${steps
          .high}</text>
        <polyline class="${smooth.length > 0
          ? "raw"
          : "smooth"}" points="${path(raw)}" />
        ${smooth.length > 0
          ? html`<polyline class="smooth" points="${path(smooth)}" />`
          : null}
        ${points.filter(([, value]) => Number.isFinite(value)).map((
          [step, value],
        ) =>
          html`
            <circle class="point" r="3.5" cx="${x(step).toFixed(1)}" cy="${y(
              value,
            ).toFixed(1)}">
              <title>step ${step}: ${short(value)}</title>
            </circle>
          `
        )}
      </svg>
    </figure>
  `;
}

function extent(values: readonly number[]): { low: number; high: number } {
  let low = Infinity, high = -Infinity;
  for (const value of values) {
    low = Math.min(low, value);
    high = Math.max(high, value);
  }
  return { low, high };
}

/** A figure in few digits: `2.341`, `1.2e-5`, `48,210`. */
export function short(value: number): string {
  const size = Math.abs(value);
  if (value === 0) return "0";
  if (size < 1e-3) return value.toExponential(1);
  if (size >= 1000) return Math.round(value).toLocaleString("en-US");
  return String(Number(value.toPrecision(4)));
}
