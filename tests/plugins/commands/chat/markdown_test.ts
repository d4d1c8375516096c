import assert from "node:assert/strict";
import {
  MarkdownWriter,
  type Screen,
} from "../../../../plugins/commands/chat/markdown.ts";

const CODES = { bold: 1, dim: 2, good: 32, warning: 33, bad: 31 };

/** What a screen shows of a text that came in pieces of some length. */
function shown(
  text: string,
  { width = 30, color = false, size = text.length } = {},
): string {
  let out = "";
  const screen: Screen = {
    width,
    color,
    style: (style, of) => color ? `\x1b[${CODES[style]}m${of}\x1b[0m` : of,
    write: (more) => void (out += more),
  };
  const writer = new MarkdownWriter(screen);
  for (let at = 0; at < text.length; at += Math.max(1, size)) {
    writer.push(text.slice(at, at + Math.max(1, size)));
  }
  writer.end();
  return out.replaceAll("\x1b[0m", "</>").replaceAll("\x1b[1m", "<1>")
    .replaceAll("\x1b[2m", "<2>").replaceAll("\x1b[32m", "<32>");
}

const SAMPLE = `# A title
Some **bold words** and \`code here\` in a line that is longer than the screen.

- one item that is longer than the screen is wide
  1. a nested item that is longer than the screen

\`\`\`ts
const a_long_line_of_code = "is not broken, because it is to be copied";
\`\`\`
> a quotation that is longer than the screen
the end`;

Deno.test("lines are broken between words and continue under their text", () => {
  assert.equal(
    shown(SAMPLE),
    `# A title
Some **bold words** and \`code
here\` in a line that is
longer than the screen.

- one item that is longer
  than the screen is wide
  1. a nested item that is
     longer than the screen

\`\`\`ts
const a_long_line_of_code = "is not broken, because it is to be copied";
\`\`\`
> a quotation that is longer
  than the screen
the end`,
  );
});

Deno.test("what is shown does not depend on the pieces that a text comes in", () => {
  for (const color of [false, true]) {
    const whole = shown(SAMPLE, { color });
    for (const size of [1, 2, 3, 5, 11]) {
      assert.equal(shown(SAMPLE, { color, size }), whole, `by ${size}`);
    }
  }
});

Deno.test("bold, code and headings have styles where there are colours", () => {
  assert.equal(
    shown("**a b** `c`", { color: true }),
    "<1>a</> <1>b</> <32>c</>",
  );
  assert.equal(shown("## T", { color: true }), "<1>##</> <1>T</>");
  assert.equal(
    shown("```\nx\n```", { color: true }),
    "<2>```</>\n<32>x</>\n<2>```</>",
  );
});

Deno.test("marks that a line leaves open change nothing behind it", () => {
  assert.equal(
    shown("a **b\nc `d\ne", { color: true }),
    "a <1>b</>\nc <32>d</>\ne",
  );
});

Deno.test("a word that is longer than the screen is not broken, and spaces within a line stay", () => {
  const long = "x".repeat(50);
  assert.equal(shown(`a ${long} b`), `a\n${long}\nb`);
  assert.equal(shown("a  b   c"), "a  b   c");
});

Deno.test("wide characters take two columns", () => {
  assert.equal(
    shown("日本語の文章 日本語の文章 日本"),
    "日本語の文章 日本語の文章\n日本",
  );
});
