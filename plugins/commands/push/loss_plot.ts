/**
 * The losses of a run as an SVG that needs nothing else.
 * @module
 */
import type { Point, RunFacts } from "./run_facts.ts";

const [WIDTH, HEIGHT, LEFT, TOP, RIGHT, BOTTOM] = [640, 280, 52, 20, 16, 40];

/** The plot; null where there are fewer than two points. */
export function lossPlot(
  { losses, evalLosses }: Pick<RunFacts, "losses" | "evalLosses">,
): string | null {
  const all = [...losses, ...evalLosses];
  if (losses.length < 2 && evalLosses.length < 2) return null;
  const steps = all.map(({ step }) => step);
  const values = all.map(({ value }) => value);
  const [from, to] = [Math.min(...steps), Math.max(...steps)];
  const [low, high] = [Math.min(...values), Math.max(...values)];
  const x = (step: number) =>
    LEFT + (WIDTH - LEFT - RIGHT) * (step - from) / Math.max(1, to - from);
  const y = (value: number) =>
    TOP +
    (HEIGHT - TOP - BOTTOM) * (high - value) / Math.max(1e-9, high - low);
  const line = (points: readonly Point[], color: string) =>
    points.length < 2
      ? ""
      : `  <polyline fill="none" stroke="${color}" stroke-width="2" points="${
        points.map(({ step, value }) =>
          `${x(step).toFixed(1)},${y(value).toFixed(1)}`
        ).join(" ")
      }"/>\n`;
  const label = (x: number, y: number, text: string, anchor = "middle") =>
    `  <text x="${x}" y="${y}" text-anchor="${anchor}">${text}</text>\n`;
  const bottom = HEIGHT - BOTTOM;
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" font-family="sans-serif" font-size="12" fill="#444" role="img" aria-label="loss by step">
  <rect width="${WIDTH}" height="${HEIGHT}" fill="#fff"/>
  <path d="M${LEFT} ${TOP}V${bottom}H${
    WIDTH - RIGHT
  }" fill="none" stroke="#999"/>
${line(losses, "#2a6fdb")}${line(evalLosses, "#d9822b")}${
    label(LEFT - 6, y(high) + 4, high.toPrecision(3), "end")
  }${label(LEFT - 6, y(low) + 4, low.toPrecision(3), "end")}${
    label(x(from), bottom + 16, String(from))
  }${label(x(to), bottom + 16, String(to), "end")}${
    label(
      (LEFT + WIDTH - RIGHT) / 2,
      HEIGHT - 8,
      `step; training loss in blue${
        evalLosses.length > 1 ? ", evaluation loss in orange" : ""
      }`,
    )
  }</svg>
`;
}
