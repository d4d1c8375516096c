import { rowsStore } from "../../../../core/data/rows_store.ts";
import assert from "node:assert/strict";
import type { ChatExample, Example } from "@denotune/denotune/core";
import { DataError } from "@denotune/denotune/core";
import { analyze } from "../../../../plugins/commands/analyze/analyze.ts";
import { analyzeRows, pair, sourceOf } from "./_analyze.ts";
import { asIs, bytes, words } from "../../../core/data/_support.ts";

/** Words that no two rows share. */
function filler(i: number, words = 12): string {
  return Array.from({ length: words }, (_, w) => `w${i * 31 + w * 7}x${i}`)
    .join(" ");
}

Deno.test("lengths are those of words between blanks, and the seed's figures keep their names", async () => {
  const report = await analyzeRows([
    pair("one two  three", "a b"),
    pair("one", "a b c d"),
    pair("one\ntwo", ""),
    pair("x", "q w e r t z"),
  ]);
  assert.equal(report.avg_instruction_length, 7 / 4);
  assert.equal(report.max_instruction_length, 3);
  assert.equal(report.avg_output_length, 3);
  assert.equal(report.max_output_length, 6);
  assert.equal(report.diversity, 1);
  const { response_words } = report.lengths;
  assert.equal(response_words?.median, 3); // 0 2 4 6
  assert.ok(Math.abs((response_words?.p90 ?? 0) - 5.4) < 1e-12);
  assert.deepEqual([response_words?.min, response_words?.total], [0, 12]);
});

Deno.test("openings are repetitive when seen more than five times", async () => {
  const rows = [
    ...Array.from(
      { length: 6 },
      (_, i) => pair(`Write a story about ${i}`, `Once ${i}`),
    ),
    ...Array.from({ length: 5 }, (_, i) => pair(`Tell me a joke, ${i}`, "Ha")),
  ];
  const report = await analyzeRows(rows);
  assert.deepEqual(report.repetitive_instructions, ["Write a story about "]);
  assert.deepEqual(report.repetitive_outputs, []);
  assert.deepEqual(report.metrics.repetitive_instructions, {
    count: 6,
    of: 11,
    share: 6 / 11,
  });
  const looser = await analyzeRows(rows, {
    settings: { opening_length: 4, opening_repeats: 4 },
  });
  assert.deepEqual(looser.repetitive_instructions, ["Writ", "Tell"]);
  assert.deepEqual(looser.repetitive_outputs, ["Once", "Ha"]);
});

Deno.test("diversity and distinct-n count what differs", async () => {
  const report = await analyzeRows([
    pair("same", "a b a b"),
    pair("same", "a b"),
    pair("other", "c"),
  ]);
  assert.equal(report.diversity, 2 / 3);
  assert.deepEqual(report.distinct.distinct_1, {
    distinct: 3,
    total: 7,
    share: 3 / 7,
    estimated: false,
  });
  assert.equal(report.distinct.distinct_2.distinct, 2); // a b, b a
  assert.equal(report.distinct.distinct_2.total, 4);
  assert.equal(report.distinct.distinct_3.total, 2); // a b a, b a b
});

Deno.test("duplicates name the row and its copy, id and category left out", async () => {
  const rows: Example[] = [
    { ...pair("q one", filler(1)), id: "1" },
    pair("q two", filler(2)),
    { ...pair("q one", filler(1)), id: "3" },
    { ...pair("q one", filler(1)), category: "x" },
  ];
  const { metrics, findings } = await analyzeRows(rows);
  assert.deepEqual(metrics.duplicates, { count: 2, of: 4, share: 0.5 });
  assert.equal(
    metrics.near_duplicates.count,
    0,
    "an exact one is not near too",
  );
  const found = findings.find((f) => f.name === "duplicates");
  assert.equal(found?.severity, "bad");
  assert.equal(found?.examples[0].where, "train row 0");
  assert.match(found?.examples[0].note ?? "", /3 times; again at train row 2/);
});

Deno.test("evaluation rows are compared with training rows: equal, edited, and by their prompt", async () => {
  const train = Array.from(
    { length: 40 },
    (_, i) => pair(`question ${filler(i)}`, filler(1000 + i, 30)),
  );
  const held = [
    train[3],
    pair(`question ${filler(5)}`, `${filler(1005, 30)} indeed`),
    pair(`question ${filler(7)}`, "something else altogether, and short"),
    pair("a question of its own", filler(9999, 30)),
  ];
  const { metrics, findings } = await analyzeRows(train, {
    held,
    options: { max_length: 1000 },
  });
  assert.equal(metrics.eval_rows, 4);
  assert.deepEqual(metrics.leakage, { count: 1, of: 4, share: 0.25 });
  assert.equal(metrics.near_leakage.count, 1);
  assert.equal(metrics.leaked_prompts.count, 3);
  const near = findings.find((f) => f.name === "near_leakage");
  assert.deepEqual(
    [near?.examples[0].where, near?.examples[0].note],
    ["held row 1", "like train row 5"],
  );
  assert.equal(findings[0].name, "leakage", "what is always bad comes first");
});

Deno.test("held-out rows of eval_fraction never hold an exact copy of a training row", async () => {
  const rows = Array.from({ length: 60 }, (_, i) => pair(`q ${i % 20}`, `a`));
  const train = await sourceOf("rows", rows, { side: "train" });
  const held = await sourceOf("rows", rows, { side: "eval" });
  const report = await analyze({
    name: "rows",
    train: [train],
    held: [held],
    tokenizer: bytes(),
    tokenizerName: "bytes",
    approximateTokens: false,
    options: { eval_fraction: 0.4, max_length: 64 },
    collators: await collatorsOf(),
  });
  assert.equal(
    (report.metrics.rows ?? 0) + (report.metrics.eval_rows ?? 0),
    60,
  );
  assert.equal(report.metrics.leakage.count, 0);
});

async function collatorsOf() {
  const { packed, padded } = await import(
    "../../../../plugins/collators/mod.ts"
  );
  const { make } = await import("../../../core/data/_support.ts");
  return {
    padded: await make("collator", padded),
    packed: await make("collator", packed),
  };
}

Deno.test("a finding quotes the answer that it is about, and the question before that", async () => {
  const talk = (...contents: string[]) => ({
    messages: contents.map((content, i) => ({
      role: i % 2 === 0 ? "user" as const : "assistant" as const,
      content,
    })),
  });
  const { findings } = await analyzeRows([
    talk(
      "Who?",
      "Ada.",
      "And then?",
      "I'm sorry, but I can't help.",
      "Ok",
      "Bye",
    ),
    talk("First", "One.", "Second", "", "Third", "Three."),
    talk("First", "One.", "", "Two of them."),
  ]);
  const shown = (name: string) =>
    findings.find((f) => f.name === name)?.examples.map(({ text, note }) => [
      text,
      note,
    ]);
  assert.deepEqual(shown("refusals"), [
    ["And then? → I'm sorry, but I can't help.", "answer 2: apologises"],
  ]);
  assert.deepEqual(shown("empty_responses"), [
    ["Second → (empty)", "answer 2: empty"],
  ]);
  assert.deepEqual(shown("empty_instructions"), [
    ["(empty) → Two of them.", "question 2"],
  ]);
});

Deno.test("empty answers, placeholders and refusals are found; tool calls are no empty answers", async () => {
  const call: ChatExample = {
    messages: [
      { role: "user", content: "weather?" },
      {
        role: "assistant",
        content: "",
        tool_calls: [{ function: { name: "get", arguments: {} } }],
      },
    ],
  };
  const { metrics, findings } = await analyzeRows([
    pair("a", ""),
    pair("b", "  \n"),
    pair("c", "<nooutput>"),
    pair("d", "I'm sorry, but I cannot help with that."),
    pair("e", "As an AI language model, I have no opinion."),
    pair("f", "The word sorry has five letters."),
    pair("  ", "No question."),
    {
      messages: [
        ...call.messages,
        { role: "tool", content: "rain" },
        { role: "assistant", content: "I'm sorry, but I cannot say." },
      ],
    },
  ]);
  assert.equal(metrics.empty_responses.count, 3);
  assert.equal(metrics.empty_responses.of, 8, "what only calls says nothing");
  assert.equal(metrics.refusals.count, 3);
  assert.match(
    findings.find((f) => f.name === "refusals")?.examples.at(-1)?.note ?? "",
    /^answer 2: /,
  );
  assert.equal(metrics.empty_instructions.count, 1);
  assert.deepEqual(
    findings.find((f) => f.name === "empty_responses")?.examples.map((e) =>
      e.note
    ),
    ["empty", "empty", 'only "<nooutput>"'],
  );
});

Deno.test("rows cut, tokens lost, rows dropped and unlearned ends are counted as preparation counts them", async () => {
  const rows = [
    pair("q", "x".repeat(10)), // 1 + 10 + 1 tokens of bytes
    pair("q", "x".repeat(40)), // 42, of 41 trained
    pair("p".repeat(30), "y"),
  ];
  const cut = await analyzeRows(rows, {
    options: { max_length: 20, truncation: "keep-start" },
  });
  assert.deepEqual(cut.metrics.truncated_rows, {
    count: 2,
    of: 3,
    share: 2 / 3,
  });
  assert.equal(cut.metrics.untrained_rows.count, 1);
  assert.equal(cut.metrics.unlearned_ends.count, 1);
  assert.deepEqual(cut.metrics.lost_trained_tokens, {
    count: 22 + 2,
    of: 11 + 41 + 2,
    share: 24 / 54,
  });
  assert.equal(cut.metrics.longest_example, 42);
  for (const truncation of ["drop", "error"] as const) {
    const dropped = await analyzeRows(rows, {
      options: { max_length: 20, truncation },
    });
    assert.equal(dropped.metrics.dropped_rows.count, 2);
    assert.equal(dropped.subject.truncation, truncation);
  }
});

Deno.test("straddling tokens and doubled BOS are found", async () => {
  // " yes" is one token of `words`, and holds the blank of the prompt
  const { metrics } = await analyzeRows([
    pair("Answer:", " yes"),
    pair("Answer: ", "no"),
  ], { tokenizer: words() });
  assert.equal(metrics.straddled_rows.count, 1);
  const doubled = await analyzeRows([
    pair("<|bos|>hello", "x"),
    pair("hello", "x"),
  ], { tokenizer: bytes(true) });
  assert.equal(doubled.metrics.double_bos_rows.count, 1);
  assert.equal(doubled.findings[0].severity, "bad");
});

Deno.test("padding is the share of places that hold no token", async () => {
  const rows = [10, 20, 30, 40].map((n) => pair("", "x".repeat(n - 1)));
  const { packing } = await analyzeRows(rows, {
    options: { max_length: 50, batch_size: 2, shuffle: false },
  });
  assert.deepEqual(packing.padded, {
    rows: 4,
    steps: 2,
    places: 2 * 20 + 2 * 40,
    padded_share: 1 - 100 / 120,
  });
  assert.equal(packing.packed?.rows, 2); // 40 + 10, 30 + 20
  assert.equal(packing.packed?.padded_share, 0);
});

Deno.test("rows that cannot be read are counted with their place, and the rest is analysed", async () => {
  const rows = [pair("a", "b"), { nothing: 1 }, pair("c", "d")];
  const format = {
    ...asIs,
    parse: (record: Parameters<typeof asIs.parse>[0]) => {
      const { value, where } = record;
      if (typeof value === "object" && value !== null && "nothing" in value) {
        throw new DataError(`${where.path} row ${where.index}: no columns`);
      }
      return asIs.parse(record);
    },
  };
  const { metrics, findings } = await analyzeRows([pair("x", "y")], {
    source: { format, store: rowsStore(rows, { name: "rows" }) },
  });
  assert.deepEqual(metrics.unreadable_rows, { count: 1, of: 3, share: 1 / 3 });
  assert.deepEqual(findings[0].examples, [
    { where: "rows row 1", text: "no columns", note: null },
  ]);
});

Deno.test("of plain text there are documents, and no instructions", async () => {
  const report = await analyzeRows([{ text: "a b c" }, { text: "d" }]);
  assert.equal(report.avg_instruction_length, null);
  assert.equal(report.diversity, null);
  assert.equal(report.avg_output_length, 2);
});

Deno.test("the same rows give the same report", async () => {
  const rows = Array.from(
    { length: 50 },
    (_, i) => pair(filler(i % 40), `a${i % 9}`),
  );
  assert.deepEqual(await analyzeRows(rows), await analyzeRows(rows));
});
