/**
 * Our ids and masks beside those of the standard recipe, which tokenises prompt and response apart:
 * prompt ids + response ids + EOS, with the prompt's labels at -100.
 * @module
 */
import { tokenizeExample } from "../../../core/data/examples/tokenize_example.ts";
import assert from "node:assert/strict";
import type {
  Example,
  ParsedExample,
  Template,
  Tokenizer,
  WeightedText,
} from "@denotune/denotune/core";
import { DATA_DEFAULTS } from "../../../core/data/types.ts";
import { alpaca as alpacaFormat } from "../../../formats/mod.ts";
import { assistantOnly } from "../../../plugins/maskers/mod.ts";
import { json } from "../../../plugins/sources/mod.ts";
import { alpaca as alpacaTemplate } from "../../../plugins/templates/alpaca.ts";
import { chatml } from "../../../plugins/templates/chatml.ts";
import { plain } from "../../../plugins/templates/plain.ts";
import { loadTokenizer } from "../../../plugins/tokenizers/huggingface.ts";
import { testData } from "../../test_data.ts";
import { make } from "./_support.ts";
import { testHost } from "../../conformance/host.ts";

const UNTRAINED = -100;

interface Labelled {
  readonly ids: readonly number[];
  readonly labels: readonly number[];
}

async function templateFor(
  tokenizer: Tokenizer,
  part: typeof alpacaTemplate | typeof chatml | typeof plain,
): Promise<Template> {
  return await make("template", part, {}, testHost({ tokenizer }));
}

async function ours(
  example: ParsedExample,
  { tokenizer, template }: { tokenizer: Tokenizer; template: Template },
): Promise<WeightedText> {
  return tokenizeExample(example, {
    tokenizer,
    template,
    masker: await make("masker", assistantOnly),
    options: DATA_DEFAULTS,
  });
}

function labelled({ encoding, weights }: WeightedText): Labelled {
  return {
    ids: [...encoding.ids],
    labels: [...encoding.ids].map((id, t) => weights[t] > 0 ? id : UNTRAINED),
  };
}

const gpt2 = testData("tokenizers/gpt2");
const rows = testData("instruct/alpaca_999.json");

/** What the standard recipe makes of an example whose last message is the response. */
function standardRecipe(
  example: ParsedExample,
  { tokenizer, template }: { tokenizer: Tokenizer; template: Template },
): Labelled {
  assert.ok("messages" in example);
  const encode = (
    text: string,
  ): number[] => [...tokenizer.encode(text, { addBos: false }).ids];
  const prompt = encode(
    template.prompt({ messages: example.messages.slice(0, -1) }).text,
  );
  const response = [
    ...encode(example.messages[example.messages.length - 1].content),
    tokenizer.specialIds.eos ?? -1,
  ];
  return {
    ids: [...prompt, ...response],
    labels: [...prompt.map(() => UNTRAINED), ...response],
  };
}

Deno.test({
  name: "200 rows of alpaca have the ids and masks of the standard recipe",
  ignore: gpt2 === null || rows === null,
  fn: async () => {
    if (gpt2 === null || rows === null) return;
    const tokenizer = await loadTokenizer(gpt2);
    const template = await templateFor(tokenizer, alpacaTemplate);
    const format = await make("format", alpacaFormat);
    using store = await (await make("source", json)).open({
      path: rows,
      cacheDir: "unused",
    });
    for (let i = 0; i < 200; i++) {
      const example = format.parse(store.at(i));
      const text = await ours(example, { tokenizer, template });
      assert.deepEqual(
        labelled(text),
        standardRecipe(example, { tokenizer, template }),
        `row ${i}`,
      );
    }
  },
});

Deno.test({
  name:
    "a response that starts with blank lines shows where the standard recipe differs",
  ignore: gpt2 === null,
  fn: async () => {
    if (gpt2 === null) return;
    const tokenizer = await loadTokenizer(gpt2);
    const template = await templateFor(tokenizer, alpacaTemplate);
    const example: Example = {
      messages: [{ role: "user", content: "Capital of France?" }, {
        role: "assistant",
        content: "\n\nParis",
      }],
    };
    const text = await ours(example, { tokenizer, template });
    const standard = standardRecipe(example, { tokenizer, template });
    const trained = ({ labels }: Labelled) =>
      tokenizer.decode(labels.filter((label) => label !== UNTRAINED));
    // the recipe feeds each newline apart; inference would feed what the whole text gives
    assert.notDeepEqual(text.encoding.ids, Int32Array.from(standard.ids));
    assert.equal(text.straddled, 1);
    assert.equal(trained(labelled(text)), "\nParis<|endoftext|>");
    assert.equal(trained(standard), "\n\nParis<|endoftext|>");
  },
});

interface Witness {
  readonly row: number;
  readonly standard: Labelled;
  readonly trl: Labelled;
  readonly trl_assistant_only?: Labelled;
}

async function golden<T>(name: string): Promise<T[]> {
  const text = await Deno.readTextFile(
    new URL(`../../golden/masks/${name}`, import.meta.url),
  );
  return text.trim().split("\n").map((line): T => JSON.parse(line));
}

for (const name of ["gpt2", "minimind", "stories260k"]) {
  const folder = testData(
    name === "stories260k" ? `models/${name}` : `tokenizers/${name}`,
  );
  Deno.test({
    name:
      `prompts and completions in tokens of ${name} are masked as the recipes mask them, or better for a reason`,
    ignore: folder === null,
    fn: async () => {
      if (folder === null) return;
      const tokenizer = await loadTokenizer(folder);
      const template = await templateFor(tokenizer, plain);
      const examples = await golden<Example>("rows.jsonl");
      for (const { row, trl } of await golden<Witness>(`${name}.jsonl`)) {
        const example = examples[row];
        if (!("prompt" in example)) continue;
        const text = await ours(example, { tokenizer, template });
        const found = labelled(text);
        // one tokenisation: the ids are those of the whole text, as TRL has them
        assert.deepEqual(found.ids, trl.ids, `row ${row}`);
        for (const [t, label] of trl.labels.entries()) {
          if (label === found.labels[t]) continue;
          // TRL trains from where prompt ids and whole ids part, so also tokens of the prompt alone
          assert.equal(found.labels[t], UNTRAINED, `row ${row}, token ${t}`);
          const border = text.spans.find((span) => span.generated)?.start ?? 0;
          assert.ok(
            text.encoding.starts[t] < border,
            `row ${row}, token ${t} is of the completion, and not trained`,
          );
        }
      }
    },
  });

  Deno.test({
    name:
      `chats in tokens of ${name} are masked as TRL's assistant_only_loss masks them`,
    ignore: folder === null,
    fn: async () => {
      if (folder === null) return;
      const tokenizer = await loadTokenizer(folder);
      const template = await templateFor(tokenizer, chatml);
      const examples = await golden<Example>("rows.jsonl");
      for (const witness of await golden<Witness>(`${name}.jsonl`)) {
        const expected = witness.trl_assistant_only;
        if (expected === undefined) continue;
        const text = await ours(examples[witness.row], { tokenizer, template });
        const found = labelled(text);
        const bos = found.ids.length - expected.ids.length; // an added BOS is ours alone
        assert.ok(
          bos === 0 || (bos === 1 && text.addedBos),
          `row ${witness.row}`,
        );
        assert.deepEqual(
          found.ids.slice(bos),
          expected.ids,
          `row ${witness.row}`,
        );
        assert.deepEqual(
          found.labels.slice(bos),
          expected.labels,
          `row ${witness.row}`,
        );
      }
    },
  });
}
