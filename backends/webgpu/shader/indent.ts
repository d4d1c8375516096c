/**
 * WGSL as people read it.
 * @module
 */

/** The source with lines indented by the braces around them, and without empty ones. */
export function indented(wgsl: string): string {
  let depth = 0;
  const lines: string[] = [];
  for (const line of wgsl.split("\n").map((text) => text.trim())) {
    if (line === "") continue;
    const code = line.replace(/\/\/.*/, "");
    const opened = code.split("{").length - 1;
    const closed = code.split("}").length - 1;
    const leading = /^}*/.exec(code)?.[0].length ?? 0;
    lines.push("  ".repeat(Math.max(0, depth - leading)) + line);
    depth += opened - closed;
  }
  return `${lines.join("\n")}\n`;
}
