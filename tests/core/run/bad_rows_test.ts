import assert from "node:assert/strict";
import { join } from "node:path";
import type { RunInput } from "../../../core/config/types.ts";
import { listCheckpoints } from "../../../core/run/saving/checkpoint.ts";
import { runConfig, tinyRows, tinyRun } from "../../run_harness.ts";

/** A run over rows of which some cannot be read. */
function withBadRows(
  parent: string,
  { bad, data }: {
    readonly bad: readonly number[];
    readonly data?: Partial<RunInput["data"]>;
  },
): RunInput {
  const path = join(parent, "rows.jsonl");
  Deno.writeTextFileSync(
    path,
    tinyRows(400).map((row, i) =>
      bad.includes(i) ? '{"instruction": "broken\n' : JSON.stringify(row) + "\n"
    ).join(""),
  );
  return tinyRun(join(parent, "run"), {
    data: {
      train: [{ path, format: "alpaca" }],
      template: { use: "plain", separator: "\n" },
      shuffle: false,
      cache: false,
      ...data,
    },
    training: { epochs: 1, max_steps: 95, batch_size: 4, save_steps: null },
  });
}

function notices(events: readonly { event: string }[]): string[] {
  return events.flatMap((e) =>
    e.event === "notice" && "message" in e ? [String(e.message)] : []
  );
}

for (const streaming of [false, true]) {
  const kind = streaming ? "streamed" : "indexed";

  Deno.test(`${kind}: rows that cannot be read are skipped and counted where the run says so`, async () => {
    const parent = Deno.makeTempDirSync();
    const run = withBadRows(parent, {
      bad: [41, 345],
      data: { streaming, on_bad_row: "skip" },
    });
    const { result, events } = await runConfig(run);
    assert.equal(result.status, "done");
    const said = notices(events).join("\n");
    assert.match(said, /2 rows skipped, as they cannot be read/);
    assert.match(said, /rows\.jsonl:42/);
    Deno.removeSync(parent, { recursive: true });
  });

  Deno.test(`${kind}: more than max_bad_rows end the run`, async () => {
    const parent = Deno.makeTempDirSync();
    const run = withBadRows(parent, {
      bad: [41, 300, 350],
      data: { streaming, on_bad_row: "skip", max_bad_rows: 2 },
    });
    await assert.rejects(
      () => runConfig(run),
      /3 rows cannot be read, more than data\.max_bad_rows 2 allows; the first: .*rows\.jsonl:42/,
    );
    Deno.removeSync(parent, { recursive: true });
  });
}

Deno.test("streamed: a row that cannot be read saves first, and the error says how to resume", async () => {
  const parent = Deno.makeTempDirSync();
  const run = withBadRows(parent, {
    bad: [357],
    data: { streaming: true, shuffle_buffer: 1 },
  });
  await assert.rejects(
    () => runConfig(run),
    (error: Error) => {
      assert.equal(error.name, "DataError");
      assert.match(error.message, /rows\.jsonl:358/);
      assert.match(
        error.message,
        /Its last complete checkpoint is .*checkpoint-/,
      );
      return true;
    },
  );
  assert.equal(listCheckpoints(join(parent, "run")).length, 1);
  Deno.removeSync(parent, { recursive: true });
});
