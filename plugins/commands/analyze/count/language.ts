/**
 * Which language a text is in: a guess from its script, and for Latin and Cyrillic letters from stop words
 * and letters of a few large languages. It is _not_ language identification: short texts, lists, code and
 * languages that are not listed come out as their script alone.
 * @module
 */

/** Characters of a text that are looked at. */
const LOOKED_AT = 2000;

const STOP_WORDS: Readonly<Record<string, string>> = {
  English:
    "the and is of to in that it for was on are with as be this have from or by not but what they you which were can there their will would your how about into than when who its these",
  French:
    "le la les des et est une un dans que qui pour pas sur avec par plus ce sont au aux vous nous il elle du mais ou cette être ses leur comme",
  German:
    "der die das und ist nicht ein eine zu den mit von sich auf für dem im auch es wird sind oder einer als werden kann wie bei aus nach dass sie wir ihre",
  Spanish:
    "el la los las de y que en un una es por con para no se del al lo como más su sus pero este esta son entre cuando muy también ser puede",
  Portuguese:
    "o os as de e que em um uma é por com para não se do da no na ao como mais seu sua mas este esta são entre quando muito também ser pode dos das você",
  Italian:
    "il lo gli di e che in un una è per con non si del della al come più suo sua ma questo questa sono tra quando molto anche essere può dei delle nel alla",
  Dutch:
    "de het een en van is dat niet op te zijn met voor in er aan ook als maar om bij naar uit door wordt kan deze dit of hun worden heeft",
  Swedish:
    "och att det som en är på för av med den till inte har om ett men var sig så från kan eller när vi du jag ska även",
  Polish:
    "i w na z do nie się jest że to jak o po za od są dla co tak ale czy przez być może tym oraz jego który która",
  Turkish:
    "ve bir bu için ile de da çok olarak daha ne var ama gibi olan kadar sonra değil mi ben sen o en her nasıl iyi evet",
  Indonesian:
    "yang dan di untuk dengan ini dari tidak adalah pada dalam itu akan ke saya anda atau dapat juga oleh ada sebagai lebih bisa mereka karena",
  Vietnamese:
    "và là của có không được cho một trong các với này để người những khi đã tôi bạn như từ ra cũng nhiều đến về",
};

const WORDS: ReadonlyMap<string, readonly string[]> = wordIndex();

function wordIndex(): Map<string, string[]> {
  const index = new Map<string, string[]>();
  for (const [language, words] of Object.entries(STOP_WORDS)) {
    for (const word of words.split(" ")) {
      index.set(word, [...(index.get(word) ?? []), language]);
    }
  }
  return index;
}

const SCRIPTS: readonly (readonly [name: string, letters: RegExp])[] = [
  ["Latin", /\p{Script=Latin}/gu],
  ["Han", /\p{Script=Han}/gu],
  ["Kana", /[\p{Script=Hiragana}\p{Script=Katakana}]/gu],
  ["Hangul", /\p{Script=Hangul}/gu],
  ["Cyrillic", /\p{Script=Cyrillic}/gu],
  ["Arabic", /\p{Script=Arabic}/gu],
  ["Devanagari", /\p{Script=Devanagari}/gu],
  ["Greek", /\p{Script=Greek}/gu],
  ["Hebrew", /\p{Script=Hebrew}/gu],
  ["Thai", /\p{Script=Thai}/gu],
  ["another", /\p{L}/gu],
];

/** Name of a language, `a script` in words, or `no letters`. */
export function languageOf(text: string): string {
  const head = text.slice(0, LOOKED_AT);
  const script = scriptOf(head);
  switch (script) {
    case null:
      return "no letters";
    case "Latin":
      return latinLanguage(head) ?? "Latin script, undecided";
    case "Han":
      return "Chinese";
    case "Kana":
      return "Japanese";
    case "Hangul":
      return "Korean";
    case "Cyrillic":
      return /[іїєґ]/i.test(head)
        ? "Ukrainian"
        : /[ыэё]/i.test(head)
        ? "Russian"
        : "Cyrillic script, undecided";
    case "Arabic":
      return /[پچژگ]/.test(head) ? "Persian or Urdu" : "Arabic";
    case "another":
      return "another script";
    case "Greek":
    case "Hebrew":
    case "Thai":
      return script;
    default:
      return `${script} script`;
  }
}

/** The script of most letters. A Han character says as much as several letters: some are enough. */
function scriptOf(text: string): string | null {
  // deno-lint-ignore no-control-regex -- nearly every text: one test in place of eleven
  if (/^[\x00-\x7f]*$/.test(text)) return /[a-z]/i.test(text) ? "Latin" : null;
  const counts = new Map<string, number>();
  let known = 0;
  for (const [name, letters] of SCRIPTS) {
    const all = text.match(letters)?.length ?? 0;
    const count = name === "another" ? all - known : all;
    known += count;
    counts.set(name, name === "Latin" ? count / 3 : count);
  }
  const kana = counts.get("Kana") ?? 0;
  if (kana > 0 && kana * 10 >= (counts.get("Han") ?? 0)) {
    counts.set("Kana", kana + (counts.get("Han") ?? 0));
  }
  let best: string | null = null;
  for (const [name, count] of counts) {
    if (count > (best === null ? 0 : counts.get(best) ?? 0)) best = name;
  }
  return best;
}

/** The language with the most stop words: at least 2, and a tenth of all words. */
function latinLanguage(text: string): string | null {
  const words = text.toLowerCase().match(/\p{L}+/gu) ?? [];
  const hits = new Map<string, number>();
  for (const word of words) {
    const languages = WORDS.get(word);
    if (languages === undefined) continue;
    for (const language of languages) {
      // a word of one language says more than one of three
      hits.set(language, (hits.get(language) ?? 0) + 1 / languages.length);
    }
  }
  const [best, second] = [...hits].sort(([, a], [, b]) => b - a);
  if (best === undefined || best[1] < Math.max(1.5, 0.1 * words.length)) {
    return null;
  }
  return second !== undefined && second[1] > 0.8 * best[1] ? null : best[0];
}
