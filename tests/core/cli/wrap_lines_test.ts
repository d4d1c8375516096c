import assert from "node:assert/strict";
import { randomFrom } from "@denotune/denotune/core";
import {
  columnsOf,
  cutColumns,
  wrapText,
} from "../../../core/cli/wrap_lines.ts";

Deno.test("a long line is broken between words, under the text after its name", () => {
  assert.equal(
    wrapText(
      "model    HuggingFaceTB/SmolLM2-135M · llama · 134.5 M parameters, lora with r=16",
      60,
    ),
    "model    HuggingFaceTB/SmolLM2-135M · llama · 134.5 M\n" +
      "         parameters, lora with r=16",
  );
  assert.equal(
    wrapText("  two spaces in front of a line that is too long for it", 30),
    "  two spaces in front of a\n  line that is too long for it",
  );
  assert.equal(wrapText("short\n\nlines", 80), "short\n\nlines");
});

Deno.test("a command is broken as a shell reads it, and what explains it is not part of it", () => {
  assert.equal(
    wrapText(
      "  deno run -A mod.ts generate outputs/capitals -p 'Say hello' -t 0.8 --num-return-sequences 3",
      60,
    ),
    "  deno run -A mod.ts generate outputs/capitals -p \\\n" +
      "    'Say hello' -t 0.8 --num-return-sequences 3",
  );
  assert.equal(
    wrapText(
      "To train: deno run -A mod.ts train runs/a.yaml     that is all there is to it",
      50,
    ),
    "To train: deno run -A mod.ts train runs/a.yaml\nthat is all there is to it",
  );
});

Deno.test("lines fit, words stay whole and nothing is lost, whatever the text and the width", () => {
  const random = randomFrom(5, 1);
  const words = [
    "a",
    "word",
    "日本語",
    "é́",
    "\u001b[1mbold\u001b[0m",
    "path/to/a/file.yaml",
    "·",
    "👋🏽",
    "deno",
    "run",
  ];
  for (let i = 0; i < 500; i++) {
    const line = " ".repeat(random.below(4)) +
      Array.from(
        { length: 1 + random.below(40) },
        () =>
          words[random.below(words.length)] + " ".repeat(1 + random.below(2)),
      ).join("").trimEnd();
    const columns = 24 + random.below(80);
    const wrapped = wrapText(line, columns);
    for (const one of wrapped.split("\n")) {
      assert.ok(columnsOf(one) <= columns, `${columns}: ${one}`);
    }
    const bare = (text: string) => text.split(/[\s\\]+/).filter((w) => w);
    assert.deepEqual(bare(wrapped), bare(line));
  }
});

Deno.test("columns count wide characters twice and colours not at all", () => {
  assert.equal(columnsOf("日本 \u001b[1mab\u001b[0m"), 7);
  assert.equal(cutColumns("日本語です", 6), "日本…");
});
