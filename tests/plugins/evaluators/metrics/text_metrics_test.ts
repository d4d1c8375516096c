/**
 * ROUGE, BLEU and chrF against `rouge_score` and `sacrebleu`, stems against NLTK: 500 pairs in four scripts, made by
 * tests/golden/make_text_metrics.py.
 */
import assert from "node:assert/strict";
import golden from "../../../golden/text_metrics.json" with { type: "json" };
import {
  bleu,
  bleuCounts,
  type BleuTokenizer,
  sumCounts,
} from "../../../../plugins/evaluators/metrics/bleu.ts";
import {
  chrf,
  chrfCounts,
  sumChrf,
} from "../../../../plugins/evaluators/metrics/chrf.ts";
import { stem } from "../../../../plugins/evaluators/metrics/porter_stemmer.ts";
import { rouge } from "../../../../plugins/evaluators/metrics/rouge.ts";

const TOLERANCE = 1e-9; // double precision on both sides

function near(found: number, expected: number, what: string): void {
  assert.ok(
    Math.abs(found - expected) <= TOLERANCE,
    `${what}: ${found}, expected ${expected}`,
  );
}

const isTokenizer = (name: unknown): name is BleuTokenizer =>
  typeof name === "string" &&
  ["13a", "zh", "char", "intl", "none"].includes(name);

const bleuOptions = golden.bleu_options.map(([tokenize, lowercase]) => {
  assert.ok(isTokenizer(tokenize));
  return { tokenize, lowercase: lowercase === true };
});
const chrfOptions = golden.chrf_options.map((
  [char_order, word_order, beta, lowercase],
) => ({
  char_order: Number(char_order),
  word_order: Number(word_order),
  beta: Number(beta),
  lowercase: lowercase === true,
}));

Deno.test("ROUGE is that of rouge_score on 500 pairs in four scripts, with and without stems", () => {
  assert.equal(golden.cases.length, 500);
  for (const { target, prediction, rouge: expected } of golden.cases) {
    for (const [s, stemmer] of [false, true].entries()) {
      const options = { tokenizer: "default", stemmer } as const;
      const found = Object.values(rouge(target, prediction, options));
      found.forEach(({ precision, recall, f1 }, t) => {
        const what = JSON.stringify([target, prediction, stemmer, t]);
        [precision, recall, f1].forEach((value, i) =>
          near(value, expected[s][t][i], what)
        );
      });
    }
  }
});

Deno.test("ROUGE of any script counts letters and digits of that script", () => {
  const of = (tokenizer: "default" | "unicode") =>
    rouge("Привет, мир 12", "привет мир", { tokenizer, stemmer: false });
  assert.equal(of("default").rouge1.f1, 0);
  near(of("unicode").rouge1.f1, 0.8, "two of three words");
});

Deno.test("BLEU is that of sacrebleu: each pair, and all pairs as one text", () => {
  bleuOptions.forEach((options, o) => {
    const counts = golden.cases.map(
      ({ target, prediction, bleu: expected }) => {
        const found = bleuCounts(target, prediction, options);
        near(
          bleu(found, { sentence: true }),
          expected[o],
          JSON.stringify([target, prediction, options]),
        );
        return found;
      },
    );
    near(
      bleu(sumCounts(counts), { sentence: false }),
      golden.corpus.bleu[o],
      `corpus, ${JSON.stringify(options)}`,
    );
  });
});

Deno.test("chrF is that of sacrebleu: each pair, and all pairs as one text", () => {
  chrfOptions.forEach((options, o) => {
    const counts = golden.cases.map(
      ({ target, prediction, chrf: expected }) => {
        const found = chrfCounts(target, prediction, options);
        near(
          chrf(found, options),
          expected[o],
          JSON.stringify([target, prediction, options]),
        );
        return found;
      },
    );
    near(
      chrf(sumChrf(counts), options),
      golden.corpus.chrf[o],
      `corpus, ${JSON.stringify(options)}`,
    );
  });
});

Deno.test("stems are those of NLTK's Porter stemmer", () => {
  assert.ok(golden.stems.length > 500);
  for (const [word, expected] of golden.stems) {
    assert.equal(stem(word), expected, word);
  }
});
