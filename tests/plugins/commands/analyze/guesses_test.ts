import assert from "node:assert/strict";
import {
  emptinessOf,
  refusalOf,
} from "../../../../plugins/commands/analyze/answers.ts";
import { languageOf } from "../../../../plugins/commands/analyze/count/language.ts";
import {
  openingOf,
  wordsOf,
} from "../../../../plugins/commands/analyze/count/turns.ts";

Deno.test("languages are guessed from script and stop words", () => {
  const cases: [string, string][] = [
    ["The cat sat on the mat and it was happy to be there.", "English"],
    ["Der Hund ist nicht mit der Katze auf dem Sofa.", "German"],
    ["Le chat est sur la table et il ne veut pas partir.", "French"],
    ["El perro está en la casa y no quiere salir con los niños.", "Spanish"],
    [
      "O cachorro não está na casa e a menina foi para a rua com os pais.",
      "Portuguese",
    ],
    [
      "Il gatto è sulla tavola e non vuole andare via con gli altri della casa.",
      "Italian",
    ],
    ["今天天气很好，我们去公园散步。", "Chinese"],
    ["今日は天気がいいので公園へ行きます。", "Japanese"],
    ["오늘은 날씨가 좋아서 공원에 갑니다.", "Korean"],
    ["Сегодня мы были в парке.", "Russian"],
    ["Сьогодні ми їли їжу.", "Ukrainian"],
    ["اليوم الطقس جميل", "Arabic"],
    ["Tokyo, Paris, Berlin", "Latin script, undecided"],
    ["12 + 30 = 42", "no letters"],
    ["用 Python 写一个函数 print", "Chinese"],
  ];
  for (const [text, language] of cases) {
    assert.equal(languageOf(text), language, text);
  }
});

Deno.test("answers that only look like refusals or nothing are left alone", () => {
  for (
    const text of [
      "Sorry seems to be the hardest word.",
      "I can help with that!",
      "Unfortunately, the ship sank in 1912.",
      "The AI assistant was built in 2020.",
      "I cannot believe how fast it was, she said.",
    ]
  ) assert.equal(refusalOf(text), null, text);
  for (
    const text of [
      "I'm sorry, but I can't assist with that request.",
      "I am unable to provide medical advice.",
      "As an AI, I do not have feelings.",
      "Unfortunately, I am not able to browse the internet.",
      "Please provide the text that should be summarised.",
    ]
  ) assert.notEqual(refusalOf(text), null, text);
  for (const text of ["No", "0", "None", "a"]) {
    assert.equal(emptinessOf(text), null, text);
  }
  for (const text of ["", " ", "N/A", "...", "nan"]) {
    assert.notEqual(emptinessOf(text), null, text);
  }
});

Deno.test("openings are whole characters, words stand between blanks", () => {
  assert.equal(openingOf("😀😀😀 abc", 2), "😀😀");
  assert.equal(openingOf("abc", 20), "abc");
  assert.deepEqual(wordsOf("  a\tb\n\nc "), ["a", "b", "c"]);
  assert.deepEqual(wordsOf(" \n"), []);
});
