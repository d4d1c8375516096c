/**
 * Numbers in tools and in the arguments of their calls, from the file to what the model is to write.
 * @module
 */
import assert from "node:assert/strict";
import { openRun } from "../core/data/_open_run.ts";
import { testFolder } from "../run_harness.ts";

const TEMPLATE =
  "{%- for t in tools or [] -%}{{- t | tojson -}}{%- endfor -%}" +
  "{%- for m in messages -%}{{- m.role + ':' + m.content -}}" +
  "{%- for c in m.tool_calls or [] -%}{{- c.function.arguments | tojson -}}{%- endfor -%}" +
  "{{- '</s>' -}}{%- endfor -%}";
const ARGUMENTS =
  '{"amount": 10.0, "id": 1234567890123456789, "e": 1e2, "small": 0.00001, "n": 7, "list": [1.0, 2.50]}';
/** As Python's json reads and writes them. */
const WRITTEN =
  '{"amount": 10.0, "id": 1234567890123456789, "e": 100.0, "small": 1e-05, "n": 7, "list": [1.0, 2.5]}';
const TOOLS = '[{"name": "pay", "limit": 100.0}]';

const row = (given: string, weight: string): string =>
  `{"messages": [{"role": "user", "content": "Pay"}, ` +
  `{"role": "assistant", "content": "", "weight": ${weight}, "tool_calls": [{"function": {"name": "pay", "arguments": ${given}}}]}], ` +
  `"tools": ${TOOLS}}`;
const turns = (given: string): string =>
  `{"conversations": [{"from": "human", "value": "Pay"}, ` +
  `{"from": "function_call", "value": ${
    JSON.stringify(`{"name": "pay", "arguments": ${given}}`)
  }}], "tools": ${JSON.stringify(TOOLS)}}`;

for (const streaming of [false, true]) {
  for (const workers of [1, 2]) {
    Deno.test(`numbers of tool calls are trained as they are written, ${streaming ? "streamed" : "indexed"}, ${workers} workers`, async () => {
      using folder = testFolder();
      const rows = {
        "a.jsonl": row(ARGUMENTS, "1.0"),
        "b.json": `[${row(JSON.stringify(ARGUMENTS), "1.0")},\n ${
          row(ARGUMENTS, "1")
        }]`,
        "c.jsonl": turns(ARGUMENTS),
      };
      for (const [name, text] of Object.entries(rows)) {
        Deno.writeTextFileSync(folder.at(name), text);
      }
      using opened = await openRun({
        train: ["a.jsonl", "b.json"].map((name) => ({
          path: folder.at(name),
          format: "messages",
        })).concat([{ path: folder.at("c.jsonl"), format: "sharegpt" }]),
        template: { use: "jinja", source: TEMPLATE },
        masker: "assistant-only",
        max_length: 1000,
        allow_unlearned_end: true,
        shuffle: false,
        cache: false,
        workers,
        streaming,
      }, {
        cacheDir: folder.at("cache"),
        run: streaming ? { training: { max_steps: 1 } } : {},
      });
      const { train } = opened.data;
      assert.equal(train.length, 4);
      for (let i = 0; i < train.length; i++) {
        const text = new TextDecoder().decode(
          Uint8Array.from(train.example(i).ids),
        );
        assert.ok(text.includes(`assistant:${WRITTEN}</s>`), text);
        assert.ok(text.startsWith('{"name": "pay", "limit": 100.0}'), text);
      }
    });
  }
}
