/**
 * What we train in real rows beside what TRL trains in them (golden/make_data_masks.py): the same ids, and the
 * same tokens but for differences that are told here.
 * @module
 */
import { tokenizeExample } from "../../../core/data/examples/tokenize_example.ts";
import assert from "node:assert/strict";
import type { AnyPart, WeightedText } from "@denotune/denotune/core";
import { DATA_DEFAULTS } from "../../../core/data/types.ts";
import {
  alpaca,
  messages,
  promptCompletion,
  sharegpt,
} from "../../../formats/mod.ts";
import { assistantOnly } from "../../../plugins/maskers/mod.ts";
import { json, jsonl } from "../../../plugins/sources/mod.ts";
import { alpaca as alpacaTemplate } from "../../../plugins/templates/alpaca.ts";
import { chatml } from "../../../plugins/templates/chatml.ts";
import { jinja } from "../../../plugins/templates/jinja.ts";
import { plain } from "../../../plugins/templates/plain.ts";
import { loadTokenizer } from "../../../plugins/tokenizers/huggingface.ts";
import { testData } from "../../test_data.ts";
import { make } from "./_support.ts";
import { testHost } from "../../conformance/host.ts";

/** Tokens of a row, hash of their ids, the stretches [from, to) that TRL trains. */
type Witness = readonly [
  number,
  number,
  readonly (readonly [number, number])[],
];

const FILES: Readonly<Record<string, readonly [string, AnyPart]>> = {
  alpaca: ["instruct/alpaca_999.json", alpaca],
  prompts: ["instruct/prompt_completion_200.jsonl", promptCompletion],
  sharegpt: ["instruct/sharegpt_500.json", sharegpt],
  tools: ["instruct/sharegpt_tools_300.json", sharegpt],
  parts: ["instruct/messages_parts_500.jsonl", messages],
  openai: ["instruct/messages_5.jsonl", messages],
  dialogues: ["parquet/dialogues_525.jsonl", messages],
};
const QWEN = testData("chat_templates/Qwen-Qwen2.5-7B-Instruct.jinja");

const CASES: readonly {
  readonly name: string;
  readonly tokenizer: string;
  readonly template: AnyPart;
  readonly options?: Record<string, unknown>;
  /**
   * Whether TRL, with its own copy of the template, trains the line breaks around each answer, too. The first
   * is the prompt's; the second comes after the marker at which the model stops.
   */
  readonly trainsBreaks?: boolean;
}[] = [
  {
    name: "alpaca_gpt2",
    tokenizer: "tokenizers/gpt2",
    template: alpacaTemplate,
  },
  { name: "prompts_gpt2", tokenizer: "tokenizers/gpt2", template: plain },
  {
    name: "prompts_minimind",
    tokenizer: "tokenizers/minimind",
    template: plain,
  },
  {
    name: "prompts_stories260k",
    tokenizer: "models/stories260k",
    template: plain,
  },
  ...["sharegpt", "parts", "openai", "dialogues"].map((rows) => ({
    name: `${rows}_minimind`,
    tokenizer: "tokenizers/minimind",
    template: chatml,
  })),
  ...["sharegpt", "dialogues"].map((rows) => ({
    name: `${rows}_gpt2`,
    tokenizer: "tokenizers/gpt2",
    template: chatml,
  })),
  ...["sharegpt", "parts", "dialogues", "tools"].map((rows) => ({
    name: `${rows}_qwen`,
    tokenizer: "tokenizers/minimind",
    template: jinja,
    options: { path: QWEN },
    trainsBreaks: true,
  })),
];

for (const one of CASES) {
  const [path, format] = FILES[one.name.split("_")[0]];
  const [file, folder] = [testData(path), testData(one.tokenizer)];
  Deno.test({
    name: `${one.name}: ids and trained tokens are TRL's, row by row`,
    ignore: file === null || folder === null || QWEN === null,
    fn: async () => {
      assert.ok(file !== null && folder !== null);
      const tokenizer = await loadTokenizer(folder);
      const pipeline = {
        tokenizer,
        template: await make(
          "template",
          one.template,
          one.options,
          testHost({ tokenizer }),
        ),
        masker: await make("masker", assistantOnly),
        options: DATA_DEFAULTS,
      };
      const reader = await make("format", format);
      const source = await make("source", file.endsWith("l") ? jsonl : json);
      using store = await source.open({ path: file, cacheDir: "unused" });
      for (const [row, witness] of (await golden(one.name)).entries()) {
        if (witness === null) continue; // tables, which TRL reads, cannot hold the row as it stands
        const text = tokenizeExample(reader.parse(store.at(row)), pipeline);
        const { ids } = text.encoding;
        const [length, hash] = witness;
        const place = `${one.name} row ${row}`;
        assert.equal(ids.length, length, place);
        assert.equal(hashOf(ids), hash, place);
        assert.deepEqual(
          stretchesOf(text, one.trainsBreaks === true),
          witness[2],
          place,
        );
      }
    },
  });
}

/** Stretches of trained tokens, each with the line breaks around it where that is asked for. */
function stretchesOf(
  { text, encoding, weights }: WeightedText,
  withBreaks: boolean,
): [number, number][] {
  const found: [number, number][] = [];
  for (const [t, weight] of weights.entries()) {
    if (weight === 0) continue;
    const last = found.at(-1);
    if (last !== undefined && last[1] === t) last[1]++;
    else found.push([t, t + 1]);
  }
  if (!withBreaks) return found;
  const isBreak = (t: number) =>
    text.slice(encoding.starts[t], encoding.ends[t]) === "\n";
  return found.map(([from, to]) => {
    assert.ok(isBreak(from - 1) && isBreak(to));
    return [from - 1, to + 1];
  });
}

async function golden(name: string): Promise<readonly (Witness | null)[]> {
  const url = new URL(`../../golden/masks/data/${name}.json`, import.meta.url);
  const { rows }: { rows: (Witness | null)[] } = JSON.parse(
    await Deno.readTextFile(url),
  );
  return rows;
}

/** FNV-1a over the ids, 32 bits. */
function hashOf(ids: Int32Array): number {
  let value = 0x811c9dc5;
  for (const id of ids) value = Math.imul(value ^ id, 0x01000193);
  return value >>> 0;
}
