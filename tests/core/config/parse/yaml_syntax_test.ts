import assert from "node:assert/strict";
import { parseYaml } from "../../../../core/config/parse/yaml.ts";

/** What is said of a text that is no YAML. */
function problemOf(text: string): string {
  try {
    parseYaml(text, { place: "run.yaml", base: "/run", lines: true });
  } catch (error) {
    assert.ok(error instanceof Error);
    return error.message;
  }
  return "none";
}

const BROKEN = [
  [
    "a colon that is missing",
    "training:\n  epochs 3\n  batch_size: 1\n",
    "run.yaml:2:3: `epochs 3` has no colon; write `key: value`",
  ],
  [
    "a colon without a space",
    "training:\n  epochs:3\n  batch_size: 1\n",
    "run.yaml:2:3: `epochs:3` needs a space behind the colon: `epochs: 3`",
  ],
  [
    "a comma that is missing within braces",
    "adapter: { r: 16 lora_alpha: 32 }\n",
    "run.yaml:1:15: within { } and [ ] a comma is missing before or in `16 lora_alpha: 32 }`",
  ],
  [
    "a brace that is not closed",
    "adapter: { r: 16\nseed: 1\n",
    "run.yaml:2:1: a { above is not closed; add }",
  ],
  [
    "a bracket that is not closed",
    "samples:\n  prompts: [a\nseed: 1\n",
    "run.yaml:3:1: a [ above is not closed; add ]",
  ],
  [
    "one line that is indented too far, although every line behind it breaks too",
    "training:\n   epochs: 1\n  batch_size: 2\n  logging_steps: 3\n",
    "run.yaml:3:1: is indented unlike the lines above; keys of one map, and items of one list, begin at the same column",
  ],
  [
    "a list whose items are not below each other",
    "train:\n  - a\n - b\n",
    "run.yaml:3:1: what follows `- b` is indented unlike the lines above, so that it is part of it",
  ],
  [
    "a second colon in a line",
    "template: use: plain\n",
    "run.yaml:1:11: `use: plain` has a second colon in one line; put the value in quotes, or its keys on lines of their own",
  ],
  [
    "a key below a value",
    "seed: 1\n  epochs: 2\n",
    "run.yaml:1:7: what follows `1` is indented unlike the lines above, so that it is part of it",
  ],
  [
    "a tab",
    "model:\n\tpath: x\n",
    "run.yaml:2:1: is indented by a tab; use spaces",
  ],
  [
    "a character of YAML's own",
    "path: @scope/x\n",
    "run.yaml:1:7: `@scope/x` begins with a character that YAML keeps for itself; put the value in quotes",
  ],
  [
    "a quote within quotes",
    "prompt: 'it's so'\n",
    "run.yaml:1:13: `s so'` is behind the end of a value; put the whole value in quotes, or see how the line is indented",
  ],
  [
    "a second document",
    "seed: 1\n---\nseed: 2\n",
    "run.yaml:2:1: begins a second document; a run file is one: remove the line ---",
  ],
] as const;

for (const [title, text, said] of BROKEN) {
  Deno.test(`${title} is one problem, and the message says what to change`, () => {
    assert.equal(problemOf(text), said);
  });
}
