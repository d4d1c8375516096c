/**
 * The moving line: a bar and as many fields as fit.
 * @module
 */

/** A bar of `width` places: `━━━━━╸────`. */
export function bar(share: number, width: number): string {
  const halves = Math.round(Math.min(1, Math.max(0, share)) * width * 2);
  const full = Math.floor(halves / 2);
  const half = halves % 2 === 1 ? "╸" : "";
  return "━".repeat(full) + half +
    "─".repeat(Math.max(0, width - full - half.length));
}

/**
 * One line of at most `width` places: the bar with its label, and fields in their order of importance, as
 * many as fit. The last column stays free: terminals wrap there.
 */
export function movingLine(
  options: {
    share: number | null;
    label: string;
    fields: readonly string[];
    width: number;
  },
): string {
  const room = options.width - 1;
  let line = options.share === null
    ? options.label
    : `${bar(options.share, barWidth(options.width))} ${options.label}`;
  for (const field of options.fields) {
    if ([...line].length + 2 + [...field].length > room) break;
    line += `  ${field}`;
  }
  return [...line].slice(0, room).join("");
}

function barWidth(width: number): number {
  return width >= 100 ? 24 : width >= 60 ? 12 : 6;
}
