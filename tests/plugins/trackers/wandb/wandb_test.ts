/**
 * Offline runs of Weights & Biases: against its own protobuf classes with DENOTUNE_TEST_ALL=1, else by the steps.
 */
import assert from "node:assert/strict";
import { readLog } from "../../../../plugins/trackers/wandb/log_file.ts";
import { stepOf } from "../../../../plugins/trackers/wandb/record.ts";
import { wandb } from "../../../../plugins/trackers/wandb/wandb.ts";
import { exampleEvents, testTracker } from "../../../conformance/tracker.ts";
import { ALL, feed, inFolder, pythonJson, SETTINGS, steps } from "../_run.ts";

const make = () =>
  Promise.resolve(
    wandb.create(
      { project: "p", entity: null, name: "n", tags: ["a", "b"] },
      undefined as never,
    ),
  );

testTracker("wandb", make);

function runFile(folder: string): string {
  const [run, ...others] = [...Deno.readDirSync(`${folder}/wandb`)].map((
    { name },
  ) => name);
  assert.deepEqual(others, [], "one folder, resumed or not");
  assert.match(run, /^offline-run-\d{8}_\d{6}-[a-z0-9]{8}$/);
  return `${folder}/wandb/${run}/run-${run.slice(-8)}.wandb`;
}

const end = exampleEvents().filter(({ event }) =>
  ["eval", "sample", "end"].includes(event)
).map((e) => ({ ...e, step: 100 }));

async function killedAndResumed(folder: string): Promise<void> {
  await feed(await make(), folder, { events: steps(1, 60), killed: true });
  Deno.writeFileSync(runFile(folder), new Uint8Array(5).fill(9), {
    append: true,
  });
  await feed(await make(), folder, {
    events: [...steps(51, 100), ...end],
    resumedAt: 50,
  });
}

Deno.test("a run that was killed and resumed has each step once", () =>
  inFolder(async (folder) => {
    await killedAndResumed(folder);
    const found = [...readLog(Deno.readFileSync(runFile(folder)))].map((
      { bytes },
    ) => stepOf(bytes)).filter((step) => step !== null);
    assert.deepEqual(found, [
      ...Array.from({ length: 100 }, (_, i) => i + 1),
      "end",
    ]);
  }));

const READ = `
import sys, json, zlib
from wandb.proto import wandb_internal_pb2 as pb
b = open(sys.argv[1], "rb").read(); o = 7; part = b""; out = {"history": [], "nums": []}
while o < len(b):
  left = 32768 - o % 32768
  if left < 7: o += left; continue
  n = b[o+4] | b[o+5] << 8; kind = b[o+6]; d = b[o+7:o+7+n]
  assert zlib.crc32(b[o+6:o+7+n]) == int.from_bytes(b[o:o+4], "little")
  o += 7 + n; part = d if kind in (1, 2) else part + d
  if kind in (2, 3): continue
  r = pb.Record(); r.ParseFromString(part); out["nums"].append(r.num)
  w = r.WhichOneof("record_type")
  if w == "run": out["run"] = {"id": r.run.run_id, "project": r.run.project, "name": r.run.display_name, "tags": list(r.run.tags), "config": {i.key: json.loads(i.value_json) for i in r.run.config.update}, "began": r.run.start_time.seconds}
  if w == "history": out["history"].append([r.history.step.num, {i.nested_key[0]: json.loads(i.value_json) for i in r.history.item}])
  if w == "files": out["files"] = [f.path for f in r.files.files]
  if w == "exit": out["exit"] = r.exit.exit_code
  if w == "summary": out["summary"] = {i.nested_key[0]: json.loads(i.value_json) for i in r.summary.update}
print(json.dumps(out))
`;

interface Read {
  nums: number[];
  history: [number, Record<string, unknown>][];
  run: {
    project: string;
    name: string;
    tags: string[];
    config: unknown;
    began: number;
  };
  files: string[];
  exit: number;
  summary: Record<string, unknown>;
}

Deno.test({
  name:
    "wandb's own classes read every step, the settings, a table of samples and the end",
  ignore: !ALL,
  fn: () =>
    inFolder(async (folder) => {
      await killedAndResumed(folder);
      const read = await pythonJson(READ, runFile(folder)) as Read;
      assert.deepEqual(read.nums, read.nums.map((_, i) => i + 1));
      assert.deepEqual(read.run.config, SETTINGS);
      assert.deepEqual([read.run.project, read.run.name, read.run.tags], [
        "p",
        "n",
        ["a", "b"],
      ]);
      assert.deepEqual(
        read.history.map(([step]) => step),
        Array.from({ length: 100 }, (_, i) => i + 1),
      );
      const expected = steps(1, 100);
      for (const [i, [, values]] of read.history.entries()) {
        const event = expected[i];
        assert.equal(
          values["train/loss"],
          event.event === "step" ? event.loss : null,
        );
      }
      const last = read.history[99][1];
      assert.equal(last["eval/loss"], 2);
      assert.equal(read.exit, 0);
      const table = last.samples as { path: string; nrows: number };
      assert.deepEqual(read.files, [table.path]);
      const written = JSON.parse(
        Deno.readTextFileSync(
          `${
            runFile(folder).replace(/run-\w+\.wandb$/, "")
          }files/${table.path}`,
        ),
      );
      assert.equal(written.data.length, table.nrows);
      assert.equal(read.summary["train/loss"], last["train/loss"]);
    }),
});

Deno.test({
  name: "wandb's own client lists the run as one to sync",
  ignore: !ALL,
  fn: () =>
    inFolder(async (folder) => {
      await killedAndResumed(folder);
      const [run] = runFile(folder).match(/offline-run-\w+-\w+/) ?? [];
      assert.ok(run !== undefined);
      const { stdout, stderr } = await new Deno.Command("wandb", {
        args: ["sync", "--dry-run"],
        cwd: folder,
        env: { WANDB_API_KEY: "0".repeat(40) },
      }).output();
      const said = new TextDecoder().decode(stdout) +
        new TextDecoder().decode(stderr);
      assert.ok(said.includes(run), said);
    }),
});
