import assert from "node:assert/strict";
import {
  type AlpacaRow,
  quickstartRows,
} from "../../examples/quickstart/data.ts";
import run from "../../examples/quickstart/run.ts";

const { train, heldOut } = quickstartRows();

/** Rows of each kind. */
function byKind(rows: AlpacaRow[]): Map<string, AlpacaRow[]> {
  return Map.groupBy(rows, (row) => row.category);
}

function promptOf(row: AlpacaRow): string {
  return row.input === undefined
    ? row.instruction
    : `${row.instruction}\n\n${row.input}`;
}

/** The word that a row is about stands last in its prompt. */
function wordOf(row: AlpacaRow): string {
  return promptOf(row).split(/\s+/).at(-1)!;
}

function share(
  rows: AlpacaRow[],
  isRight: (row: AlpacaRow) => boolean,
): number {
  return rows.filter(isRight).length / rows.length;
}

function mostFrequent(values: string[]): string {
  const counts = [...Map.groupBy(values, (value) => value)].map((
    [value, all],
  ) => ({ value, count: all.length }));
  return counts.reduce((a, b) => b.count > a.count ? b : a).value;
}

Deno.test("quickstartRows depends on the seed alone", () => {
  assert.deepEqual(quickstartRows(), { train, heldOut });
  assert.deepEqual(quickstartRows({ seed: 0 }), { train, heldOut });
  const other = quickstartRows({ seed: 1 });
  const prompts = new Set(train.map(promptOf));
  assert.ok(share(other.train, (row) => prompts.has(promptOf(row))) < 0.2);
});

Deno.test("quickstartRows gives as many rows as asked, of seven kinds, `reverse` twice as often", () => {
  assert.equal(train.length, 5600);
  assert.equal(heldOut.length, 280);
  for (const [rows, each] of [[train, 700], [heldOut, 35]] as const) {
    const kinds = byKind(rows);
    assert.equal(kinds.size, 7);
    for (const [kind, some] of kinds) {
      assert.equal(some.length, kind === "reverse" ? 2 * each : each, kind);
    }
  }
  const few = quickstartRows({ train: 10, heldOut: 3 });
  assert.deepEqual([few.train.length, few.heldOut.length], [10, 3]);
});

Deno.test("quickstartRows starts with every kind, so that the first rows are a sample", () => {
  assert.equal(byKind(heldOut.slice(0, 8)).size, 7);
});

Deno.test("no prompt occurs twice, and no held-out prompt in training", () => {
  const prompts = [...train, ...heldOut].map(promptOf);
  assert.equal(new Set(prompts).size, prompts.length);
});

Deno.test("no held-out word occurs in a training row of any kind", () => {
  const words = new Set(train.map(wordOf));
  assert.deepEqual(heldOut.map(wordOf).filter((word) => words.has(word)), []);
});

Deno.test("rows are short ASCII", () => {
  for (const row of [...train, ...heldOut]) {
    assert.match(row.output, /^[ -~]{1,12}$/);
    assert.match(promptOf(row), /^[ -~\n]{1,24}$/);
    assert.equal(row.output, row.output.trim());
  }
});

Deno.test("answers follow from the words", () => {
  const answers: Record<string, (word: string) => string> = {
    reverse: (word) =>
      Array.from(word, (_, i) => word.charAt(word.length - 1 - i)).join(""),
    uppercase: (word) =>
      Array.from(word, (c) => String.fromCharCode(c.charCodeAt(0) - 32)).join(
        "",
      ),
    "first-letter": (word) => word.slice(0, 1),
    "last-letter": (word) => word.slice(-1),
    plural: (word) => {
      const [before, last] = word.slice(-2);
      if ("sxz".includes(last)) return `${word}es`;
      return last === "y" && !"aeiou".includes(before)
        ? `${word.slice(0, -1)}ies`
        : `${word}s`;
    },
    repeat: (word) => [word, word].join(" "),
    successor: (word) => `${Number(word) + 1}`,
  };
  for (const row of [...train, ...heldOut]) {
    assert.equal(row.output, answers[row.category](wordOf(row)), promptOf(row));
  }
});

Deno.test("the most frequent training answer is right on less than 20% of the held-out rows", () => {
  const answer = mostFrequent(train.map((row) => row.output));
  assert.ok(share(heldOut, (row) => row.output === answer) < 0.2);
  const trainByKind = byKind(train);
  for (const [kind, rows] of byKind(heldOut)) {
    const answer = mostFrequent(
      trainByKind.get(kind)!.map((row) => row.output),
    );
    assert.ok(share(rows, (row) => row.output === answer) < 0.2, kind);
  }
});

Deno.test("copying is right on less than 20% of the held-out rows", () => {
  for (const [kind, rows] of [["all", heldOut] as const, ...byKind(heldOut)]) {
    const copies = (
      row: AlpacaRow,
    ) => [promptOf(row), ...promptOf(row).split(/\s+/)];
    assert.ok(
      share(rows, (row) => copies(row).includes(row.output)) < 0.2,
      kind,
    );
  }
});

Deno.test("the run file samples held-out prompts", () => {
  const prompts = new Set(heldOut.map(promptOf));
  assert.ok(run.samples.prompts.length >= 5);
  for (const prompt of run.samples.prompts) {
    assert.ok(prompts.has(prompt), prompt);
  }
});
