/**
 * The quickstart's data: short instructions about made-up words, in Alpaca format.
 *
 * Each kind of task follows a rule, and no held-out word occurs in a training row of any kind: a model can
 * answer the held-out rows by having learned the rules, not by remembering rows. The rows depend on the seed
 * alone. It is _not_ a data set to judge language models with: there is no language in it.
 *
 * @example
 * ```ts
 * import { quickstartRows } from "./data.ts";
 *
 * const { train, heldOut } = quickstartRows({ seed: 1 });
 * console.log(train.length, heldOut[0].instruction, heldOut[0].output);
 * ```
 *
 * @module
 */

/** One row in Alpaca format; `category` names its kind of task. */
export interface AlpacaRow {
  instruction: string;
  input?: string;
  output: string;
  category: string;
}

/** What to make; the same options give the same rows. */
export interface QuickstartOptions {
  /** 32-bit integer that all rows follow from (default 0). */
  seed?: number;
  /** Training rows, an eighth of each kind and a quarter of `reverse` (default 5600). */
  train?: number;
  /** Held-out rows, shared in the same way (default 280). */
  heldOut?: number;
}

/** Rows to train on, and rows whose words no training row has. */
export interface QuickstartRows {
  train: AlpacaRow[];
  heldOut: AlpacaRow[];
}

const VOWELS = "aeiou";
const CONSONANTS = "bcdfghjklmnprstvwxyz";

/** Says the integer below `bound` that follows in a sequence of random numbers. */
type Below = (bound: number) => number;

/** A row without its category, and the made-up words that it is about. */
interface Task {
  instruction: string;
  input?: string;
  output: string;
  words: string[];
}

const KINDS: Record<string, (below: Below) => Task> = {
  reverse(below) {
    const word = makeWord(below);
    return {
      instruction: `Reverse ${word}`,
      output: [...word].reverse().join(""),
      words: [word],
    };
  },
  uppercase(below) {
    const word = makeWord(below);
    return {
      instruction: `Uppercase ${word}`,
      output: word.toUpperCase(),
      words: [word],
    };
  },
  "first-letter"(below) {
    const word = makeWord(below);
    return {
      instruction: `First letter of ${word}`,
      output: word[0],
      words: [word],
    };
  },
  "last-letter"(below) {
    const word = makeWord(below);
    return {
      instruction: `Last letter of ${word}`,
      output: word[word.length - 1],
      words: [word],
    };
  },
  plural(below) {
    const word = makeNoun(below);
    return {
      instruction: `Plural of ${word}`,
      output: plural(word),
      words: [word],
    };
  },
  repeat(below) {
    const word = makeWord(below);
    return {
      instruction: "Repeat",
      input: word,
      output: `${word} ${word}`,
      words: [word],
    };
  },
  successor(below) {
    const number = 1000 + below(8999);
    return {
      instruction: `Number after ${number}`,
      output: String(number + 1),
      words: [String(number)],
    };
  },
};

/** Kinds in the order in which they take turns; `reverse` is learned last, so it has two. */
const TURNS = Object.keys(KINDS).toSpliced(4, 0, "reverse");

/** Makes the quickstart's rows; as kinds take turns, the first rows are a fair sample too. */
export function quickstartRows(
  options: QuickstartOptions = {},
): QuickstartRows {
  const { seed = 0, train = 5600, heldOut = 280 } = options;
  const below = randomIntegers(seed);
  const seen = new Set<string>();
  const heldOutRows = makeRows(heldOut, { below, seen, avoid: new Set() });
  const heldOutWords = new Set(heldOutRows.flatMap((row) => row.words));
  const trainRows = makeRows(train, { below, seen, avoid: heldOutWords });
  return {
    train: trainRows.map(withoutWords),
    heldOut: heldOutRows.map(withoutWords),
  };
}

interface Draw {
  below: Below;
  /** Prompts that exist already; the new ones are added. */
  seen: Set<string>;
  /** Words that no row may have. */
  avoid: Set<string>;
}

function makeRows(
  count: number,
  { below, seen, avoid }: Draw,
): (Task & { category: string })[] {
  const rows: (Task & { category: string })[] = [];
  while (rows.length < count) {
    const category = TURNS[rows.length % TURNS.length];
    const task = KINDS[category](below);
    const prompt = `${task.instruction}\n\n${task.input ?? ""}`;
    if (seen.has(prompt) || task.words.some((word) => avoid.has(word))) {
      continue;
    }
    seen.add(prompt);
    rows.push({ ...task, category });
  }
  return rows;
}

function withoutWords(
  { words: _, ...row }: Task & { category: string },
): AlpacaRow {
  return row;
}

/** A word of 3 or 4 different letters, consonants and vowels in turn: `bato`, `ulem`, `kix`. */
function makeWord(below: Below): string {
  const length = 3 + below(2);
  const first = below(2);
  let word = "";
  for (let i = 0; i < length; i++) {
    const kind = (i + first) % 2 === 0 ? CONSONANTS : VOWELS;
    const letters = [...kind].filter((letter) => !word.includes(letter));
    word += letters[below(letters.length)];
  }
  return word;
}

/** A word whose last letter is often one that its plural depends on. */
function makeNoun(below: Below): string {
  const word = makeWord(below);
  const stem = word.slice(0, -1);
  const last = ["", "sxz"[below(3)], "y"][below(3)];
  return last === "" || stem.includes(last) ? word : stem + last;
}

function plural(noun: string): string {
  if (/[^aeiou]y$/.test(noun)) return noun.slice(0, -1) + "ies";
  return noun + (/[sxz]$/.test(noun) ? "es" : "s");
}

/** A generator of random integers: hashes of a counter, so it has no state but its place. */
function randomIntegers(seed: number): Below {
  let counter = 0;
  return (bound) => Math.floor(hash(hash(seed) ^ counter++) / 2 ** 32 * bound);
}

/** Mixes the bits of a 32-bit integer: the finalizer of MurmurHash3, with an offset so that 0 moves too. */
function hash(value: number): number {
  let h = (value + 0x9e3779b9) | 0;
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> 0;
}
