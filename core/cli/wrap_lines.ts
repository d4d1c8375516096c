/**
 * Lines that fit a terminal, broken between words. A command to copy is broken with a backslash, as a shell reads
 * it.
 *
 * ```text
 * model    HuggingFaceTB/SmolLM2-135M · llama · 134.5 M parameters, lora
 *          r=16                          <- under the text after a name
 *   deno run -A mod.ts generate outputs/run -p 'Say hello' \
 *     -t 0.8 --num-return-sequences 3
 * ```
 * @module
 */

// deno-lint-ignore no-control-regex -- escape sequences of colours take no column
const COLOURS = /\u001b\[[0-9;]*m/g;
const WIDE =
  /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Hangul}\uff01-\uff60\u3000-\u303f]|\p{Emoji_Presentation}/u;
/** A name before a text, at most so wide, says where the following lines begin. */
const NAME_COLUMNS = 24;

/** A word and the spaces before it. */
const WORD = /( *)([^ ]+)/y;
/** The same in a command: quotes hold words together. */
const ARGUMENT = /( *)((?:'[^']*'|"[^"]*"|[^ ])+)/y;

/** Columns of a text on a terminal; wide characters take two, colours none. */
export function columnsOf(text: string): number {
  let columns = 0;
  for (const c of text.replace(COLOURS, "")) {
    columns += WIDE.test(c) ? 2 : /\p{M}/u.test(c) ? 0 : 1;
  }
  return columns;
}

/** The text in so many columns, with … where it goes on. */
export function cutColumns(text: string, columns: number): string {
  let used = 0;
  let out = "";
  for (const c of text) {
    used += columnsOf(c);
    if (used > columns - 1) return `${out}…`;
    out += c;
  }
  return out;
}

/** Each line of a text in lines of at most so many columns; a word that is longer stays whole. */
export function wrapText(text: string, columns: number): string {
  return text.split("\n").flatMap((line) => wrapLine(line, columns)).join("\n");
}

function wrapLine(line: string, columns: number): string[] {
  if (columnsOf(line) <= columns || columns < 20) return [line];
  const bare = line.replace(COLOURS, "");
  const [head, spaces] = /^( *)(?:\S+ {2,})?/.exec(bare) ?? ["", ""];
  const isNamed = columnsOf(head) <= NAME_COLUMNS && head !== bare;
  const indent = isNamed ? columnsOf(head) : spaces.length;
  const lines: string[] = [];
  let current = "";
  let used = 0;
  let isCommand = false;
  for (let at = 0; at < line.length;) {
    const next = isCommand ? ARGUMENT : WORD;
    next.lastIndex = at;
    const [all, gap, word] = next.exec(line) ?? [line.slice(at), "", ""];
    at += all.length;
    if (word === "") break; // spaces at the end
    if (word === "deno") isCommand = true;
    else if (gap.length > 1) isCommand = false; // what stands apart explains it
    const width = columnsOf(word);
    const room = isCommand ? columns - 2 : columns; // for the backslash
    const isFirst = current === "";
    if (!isFirst && used + gap.length + width > room) {
      const continues = isCommand && word !== "deno";
      lines.push(continues ? `${current} \\` : current);
      const wanted = indent + (continues ? 2 : 0);
      const deeper = Math.max(0, Math.min(wanted, room - width));
      current = " ".repeat(deeper) + word;
      used = deeper + width;
    } else {
      current += gap + word;
      used += gap.length + width;
    }
  }
  return [...lines, current];
}
