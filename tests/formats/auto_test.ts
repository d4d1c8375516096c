import { rowsStore } from "../../core/data/rows_store.ts";
import assert from "node:assert/strict";
import { detectFormat } from "@denotune/denotune/core";
import { auto, formats } from "../../formats/mod.ts";
import { json, jsonl } from "../../plugins/sources/mod.ts";
import { hostOf, make } from "../core/data/_support.ts";
import { testData } from "../test_data.ts";

const user = (content: string) => ({ role: "user", content } as const);

async function settled(rows: readonly unknown[]): Promise<string> {
  const options = await auto.options["~standard"].validate({});
  if (options.issues !== undefined) throw new Error("options");
  const format = await auto.create(options.value, hostOf(formats));
  const { choice } = detectFormat(format, rowsStore(rows));
  return choice === null ? "none" : `${choice.name}: ${choice.reason}`;
}

Deno.test("auto names the format that reads the rows, and why", async () => {
  assert.equal(
    await settled([{ instruction: "a", output: "b", text: "c" }]),
    "alpaca: it reads all 1 rows looked at, with columns instruction, output, text",
  );
  assert.match(
    await settled([{ instruction: "a", response: "b", context: "" }]),
    /^dolly/,
  );
  assert.match(await settled([{ instruction: "a", response: "b" }]), /^custom/);
  assert.match(await settled([{ messages: [user("a")] }]), /^messages/);
  assert.match(
    await settled([{ conversations: [{ from: "human", value: "a" }] }]),
    /^sharegpt/,
  );
  assert.match(
    await settled([{ question: "a", answer: "b" }]),
    /^question_answer/,
  );
  assert.match(await settled(["a", "b"]), /^text/);
});

Deno.test("auto refuses what is ambiguous, unknown or mixed", async () => {
  await assert.rejects(
    () => settled([{ prompt: "a", completion: "b", messages: [user("a")] }]),
    /"messages" and "prompt_completion"|"prompt_completion" and "messages"/,
  );
  await assert.rejects(
    () => settled([{ a: 1, b: 2 }]),
    /no format reads these rows, with columns a, b/,
  );
  await assert.rejects(
    () =>
      settled([{ instruction: "a", output: "b" }, {
        question: "a",
        answer: "b",
      }]),
    /reads 1 of the 2 rows looked at, but not rows row/,
  );
});

Deno.test("auto says why the nearest format does not read the rows", async () => {
  const refused: readonly [unknown, RegExp][] = [
    [
      { instruction: "a", output: 7 },
      /the nearest is "alpaca", which does not read rows row 0: the column "output" must be text or a list of texts, found the number 7/,
    ],
    [
      { Question: "a", Answer: "b" },
      /the nearest is "question_answer", .* the column "question" is missing; the row has Question, Answer\. Set question_field/,
    ],
    [{ messages: [{ text: "a" }] }, /the nearest is "messages", .*role/],
    [
      { input_ids: ["1"] },
      /the nearest is "pretokenized", .*"input_ids" must be a list of whole numbers/,
    ],
    [7, /a row must be an object with named columns, found the number 7/],
  ];
  for (const [row, message] of refused) {
    await assert.rejects(() => settled([row]), message);
  }
  await assert.rejects(
    () => settled([{ prompt: "a", completion: "b" }, { prompt: "a" }]),
    /but not rows row 1: the column "completion" is missing; the row has prompt/,
  );
});

for (
  const [file, name, rows] of [
    ["instruct/alpaca_999.json", "alpaca", 999],
    ["instruct/dolly_12.json", "dolly", 12],
    ["instruct/messages_5.jsonl", "messages", 5],
    ["instruct/messages_parts_500.jsonl", "messages", 500],
    ["instruct/prompt_completion_200.jsonl", "prompt_completion", 200],
    ["instruct/self_instruct_175.jsonl", "self_instruct", 175],
    ["instruct/sharegpt_500.json", "sharegpt", 500],
    ["instruct/sharegpt_tools_300.json", "sharegpt", 300],
    ["parquet/dialogues_525.jsonl", "messages", 525],
  ] as const
) {
  const path = testData(file);
  Deno.test({
    name: `auto reads every row of ${file} as ${name}`,
    ignore: path === null,
    fn: async () => {
      if (path === null) return;
      const source = await make("source", file.endsWith("l") ? jsonl : json);
      using store = await source.open({ path, cacheDir: "unused" });
      assert.equal(store.length, rows);
      const options = await auto.options["~standard"].validate({});
      if (options.issues !== undefined) throw new Error("options");
      const { format, choice } = detectFormat(
        await auto.create(options.value, hostOf(formats)),
        store,
      );
      assert.equal(choice?.name, name);
      for (let i = 0; i < rows; i++) assert.ok(format.parse(store.at(i)));
    },
  });
}
