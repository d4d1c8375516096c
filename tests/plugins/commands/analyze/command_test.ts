import assert from "node:assert/strict";
import { alpacaRows, folderOf, run, tinyRun } from "../../../core/cli/_run.ts";

const rows = `${alpacaRows(30)}
${JSON.stringify({ instruction: "Say 3", output: "3." })}
${JSON.stringify({ instruction: "<b>bold</b>", output: "" })}`;

Deno.test("analyze reports on a data file without a run", async () => {
  using folder = folderOf({ "rows.jsonl": rows });
  const { code, out, err } = await run(
    "analyze",
    folder.at("rows.jsonl"),
    "--html",
    folder.at("deep/page.html"),
  );
  assert.equal(code, 0);
  assert.match(out, /32 rows/);
  assert.match(out, /warning duplicates {2}1 of 32 rows \(3\.13%\)/);
  assert.match(out, /rows\.jsonl:4 \(2 times; again at .*rows\.jsonl:31\)/);
  assert.match(out, /tokens: bytes, about 4 a token of English/);
  assert.match(err, /Wrote .*page\.html/);
  assert.match(
    Deno.readTextFileSync(folder.at("deep/page.html")),
    /&lt;b&gt;bold/,
  );
});

Deno.test("analyze of a run gives one JSON object with the seed's names", async () => {
  using folder = folderOf({ "rows.jsonl": rows });
  Deno.writeTextFileSync(folder.at("run.yaml"), tinyRun(folder.path));
  const { code, out } = await run(
    "analyze",
    folder.at("run.yaml"),
    "--json",
    "data.max_length=10",
  );
  assert.equal(code, 0);
  const report: unknown = JSON.parse(out);
  assert.ok(typeof report === "object" && report !== null);
  for (
    const name of [
      "avg_instruction_length",
      "avg_output_length",
      "max_instruction_length",
      "max_output_length",
      "repetitive_instructions",
      "repetitive_outputs",
      "diversity",
      "findings",
      "metrics",
      "failed",
    ]
  ) assert.ok(name in report, name);
  assert.ok("subject" in report);
  assert.match(
    JSON.stringify(report.subject),
    /"approximate_tokens":false,"max_length":10,/,
  );
});

Deno.test("analyze exits with 1 where a condition holds, and says which", async () => {
  using folder = folderOf({ "rows.jsonl": rows, "eval.jsonl": alpacaRows(3) });
  const file = folder.at("rows.jsonl");
  const fine = await run(
    "analyze",
    file,
    "--fail-on",
    "duplicates>5%",
    "--fail-on",
    "leakage>0",
  );
  assert.equal(fine.code, 0);
  assert.match(fine.err, /leakage>0 is not checked/);
  const failed = await run(
    "analyze",
    file,
    "--eval",
    folder.at("eval.jsonl"),
    "--fail-on",
    "duplicates>3%",
    "--fail-on",
    "leakage>0",
    "--json",
  );
  assert.equal(failed.code, 1);
  assert.match(failed.err, /failed duplicates>3%: found 3\.13% \(1 of 32\)/);
  assert.match(failed.err, /failed leakage>0: found 100% \(3 of 3\)/);
  const { failed: list }: { failed: unknown[] } = JSON.parse(failed.out);
  assert.equal(list.length, 2);
});

Deno.test("analyze exits with 2 for what it cannot read", async () => {
  using folder = folderOf({ "rows.jsonl": rows });
  Deno.writeTextFileSync(folder.at("run.yaml"), tinyRun(folder.path));
  const unknown = await run(
    "analyze",
    folder.at("rows.jsonl"),
    "--fail-on",
    "repeats>5",
  );
  assert.equal(unknown.code, 2);
  assert.match(
    unknown.err,
    /There is no metric `repeats`.*Metrics: .*near_duplicates.*diversity/s,
  );
  const mixed = await run(
    "analyze",
    folder.at("run.yaml"),
    "--eval",
    folder.at("rows.jsonl"),
  );
  assert.equal(mixed.code, 2);
  assert.match(mixed.err, /--eval can only be given with a data file/);
  assert.equal((await run("analyze", folder.at("none.jsonl"))).code, 2);
  assert.equal(
    (await run("analyze", folder.at("rows.jsonl"), "--similarity", "3")).code,
    2,
  );
});

Deno.test("inspect finds rows that train nothing, though a run would refuse the set", async () => {
  using folder = folderOf({
    "rows.jsonl": Array.from(
      { length: 4 },
      (_, i) => JSON.stringify({ instruction: "x".repeat(80), output: `${i}` }),
    ).join("\n"),
  });
  Deno.writeTextFileSync(folder.at("run.yaml"), tinyRun(folder.path));
  assert.equal((await run("inspect", folder.at("run.yaml"))).code, 2);
  const { code, out } = await run(
    "inspect",
    folder.at("run.yaml"),
    "--find",
    "zero-loss",
    "--examples",
    "2",
  );
  assert.equal(code, 0);
  assert.match(
    out,
    /rows\.jsonl:1 \(row 0\), .*all that is trained was cut away: 64 tokens, 0 trained/,
  );
  assert.equal(out.match(/rows\.jsonl:/g)?.length, 2);
  const longest = await run(
    "inspect",
    folder.at("run.yaml"),
    "--find",
    "longest",
    "--step",
    "1",
  );
  assert.equal(longest.code, 2);
});

Deno.test("inspect writes pages of rows and of a step", async () => {
  using folder = folderOf({ "rows.jsonl": alpacaRows(9) });
  Deno.writeTextFileSync(folder.at("run.yaml"), tinyRun(folder.path));
  const page = folder.at("page.html");
  const all = await run("inspect", folder.at("run.yaml"), "--html", page);
  assert.equal(all.code, 0);
  assert.match(all.err, /9 examples/);
  assert.equal(Deno.readTextFileSync(page).match(/class="e"/g)?.length, 9);
  const step = await run(
    "inspect",
    folder.at("run.yaml"),
    "--step",
    "2",
    "--html",
    page,
    "data.collator=packed",
  );
  assert.equal(step.code, 2, "there is one step of packs");
  assert.equal(
    (await run("inspect", folder.at("run.yaml"), "--step", "2", "--html", page))
      .code,
    0,
  );
  const text = Deno.readTextFileSync(page);
  assert.equal(text.match(/class="e"/g)?.length, 4);
  assert.match(text, /"assistant end"/, "rows of a batch know their roles");
});

Deno.test("analyze counts a first row that cannot be read like any other", async () => {
  using folder = folderOf({
    "rows.jsonl": `${JSON.stringify({ instruction: 3 })}\n${alpacaRows(4)}`,
  });
  const { code, out } = await run(
    "analyze",
    folder.at("rows.jsonl"),
    "--format",
    "alpaca",
  );
  assert.equal(code, 0);
  assert.match(out, /unreadable_rows {2}1 of 5 rows/);
});

Deno.test("inspect shows rows of a data file without a run", async () => {
  using folder = folderOf({ "rows.jsonl": alpacaRows(5) });
  const file = folder.at("rows.jsonl");
  const first = await run("inspect", file);
  assert.equal(first.code, 0);
  assert.equal(first.out.match(/rows\.jsonl:/g)?.length, 1);
  assert.match(first.out, /«.*<\|eos\|>»/);
  assert.match(
    first.out,
    /\{"instruction":"Say 0".*"\}\n### Instruction/,
    "the row stands before what became of it",
  );
  const third = await run("inspect", file, "--row", "2", "--format", "alpaca");
  assert.match(third.out, /rows\.jsonl:3 \(row 2\)/);
  assert.equal((await run("inspect", file, "--find", "longest")).code, 0);
  for (
    const [args, message] of [
      [["--step", "1"], /A data file has no steps/],
      [["--row", "5"], /There is no row 5: .*rows\.jsonl has 5/],
      [["--source", "1"], /There is no source 1: data\.train has 1/],
    ] as const
  ) {
    const { code, err } = await run("inspect", file, ...args);
    assert.equal(code, 2);
    assert.match(err, message);
  }
  const missing = await run("inspect", folder.at("none.jsonl"));
  assert.equal(missing.code, 2);
  assert.match(missing.err, /There is no data file .*none\.jsonl/);
});
