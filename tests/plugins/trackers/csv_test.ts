import assert from "node:assert/strict";
import { csv } from "../../../plugins/trackers/csv.ts";
import { exampleEvents, testTracker } from "../../conformance/tracker.ts";
import { feed, inFolder, steps } from "./_run.ts";

const make = () => csv.create({ file: "metrics.csv" }, undefined as never);

testTracker("csv", make);

function read(folder: string): { header: string; lines: string[] } {
  const [header, ...lines] = Deno.readTextFileSync(`${folder}/metrics.csv`)
    .trimEnd().split("\n");
  return { header, lines };
}

Deno.test("every step and evaluation is a line, and a new figure adds a column", () =>
  inFolder(async (folder) => {
    await feed(await make(), folder, {
      events: [...steps(1, 3), ...exampleEvents()],
    });
    const { header, lines } = read(folder);
    assert.match(header, /^step,epoch,time,event,train\/epoch,train\/loss,/);
    assert.ok(header.includes('"train/loss_of/a,""b"" .jsonl"'));
    assert.ok(header.includes("eval/exact_match_geography"));
    assert.equal(lines.length, 3 + 2 + 2);
    assert.ok(lines[0].startsWith("1,0.02,4,step,0.02,3.6363637447357178,"));
    const columns = new Set(lines.map((line) => line.split(",").length));
    assert.equal(columns.size, 1, "all lines have all columns");
  }));

Deno.test("a resumed run has each step once, whatever the killed one left", () =>
  inFolder(async (folder) => {
    await feed(await make(), folder, { events: steps(1, 8), killed: true });
    Deno.writeTextFileSync(`${folder}/metrics.csv`, "9,0.1", { append: true });
    await feed(await make(), folder, { events: steps(6, 10), resumedAt: 5 });
    const { lines } = read(folder);
    assert.deepEqual(lines.map((line) => Number(line.split(",")[0])), [
      1,
      2,
      3,
      4,
      5,
      6,
      7,
      8,
      9,
      10,
    ]);
    await inFolder(async (other) => {
      await feed(await make(), other, { events: steps(1, 10) });
      assert.deepEqual(read(other), read(folder));
    });
  }));
