import assert from "node:assert/strict";
import { runNameOf } from "../../../../plugins/commands/init/run_name.ts";

const NAMES: Readonly<Record<string, string>> = {
  "data/rows.jsonl": "rows",
  "rows.jsonl.gz": "rows",
  "rows.JSON": "rows",
  "rows.ndjson.zst": "rows",
  "my rows (1).csv": "my_rows_1",
  "été.tsv": "été",
  "数据.parquet": "数据",
  "v1.2.txt": "v1.2",
  "-x.json": "x",
  "data.v2": "data.v2",
  ".jsonl": "run",
  "a'; rm -rf $HOME.csv": "a_rm_-rf_HOME",
  "...": "run",
};

for (const [data, name] of Object.entries(NAMES)) {
  Deno.test(`init names a run on ${data} ${name}`, () => {
    assert.equal(runNameOf(data), name);
  });
}
