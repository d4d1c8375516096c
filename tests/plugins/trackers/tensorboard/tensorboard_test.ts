/**
 * Event files: against TensorBoard's own reader with DENOTUNE_TEST_ALL=1, else by checksums and the fields of scalars.
 */
import assert from "node:assert/strict";
import { BinaryReader } from "@bufbuild/protobuf/wire";
import { tensorboard } from "../../../../plugins/trackers/tensorboard/tensorboard.ts";
import { exampleEvents, testTracker } from "../../../conformance/tracker.ts";
import { ALL, feed, inFolder, pythonJson, steps } from "../_run.ts";

const make = () =>
  Promise.resolve(
    tensorboard.create({ folder: "tensorboard" }, undefined as never),
  );

testTracker("tensorboard", make);

/** Data of all records of the newest file. */
function records(folder: string): Uint8Array[] {
  const [name] = [...Deno.readDirSync(`${folder}/tensorboard`)].map((
    { name },
  ) => name).sort().reverse();
  const file = Deno.readFileSync(`${folder}/tensorboard/${name}`);
  const view = new DataView(file.buffer);
  const found: Uint8Array[] = [];
  for (let at = 0; at < file.length;) {
    const length = Number(view.getBigUint64(at, true));
    found.push(file.subarray(at + 12, at + 12 + length));
    at += length + 16;
  }
  return found;
}

Deno.test("records are framed as TensorFlow frames them", () =>
  inFolder(async (folder) => {
    await feed(await make(), folder, { events: steps(1, 2) });
    const [first] = records(folder);
    const reader = new BinaryReader(first);
    const fields: number[] = [];
    while (reader.pos < reader.len) {
      const [field, type] = reader.tag();
      fields.push(field);
      if (field === 3) assert.equal(reader.string(), "brain.Event:2");
      else reader.skip(type);
    }
    assert.deepEqual(fields, [1, 2, 3]);
    assert.ok(records(folder).length > 20);
  }));

const READ = `
import sys, json
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.plugins.hparams import plugin_data_pb2
acc = EventAccumulator(sys.argv[1], size_guidance={"scalars": 0, "tensors": 0, "histograms": 0}); acc.Reload()
out = {"scalars": {t: [[e.step, e.value] for e in acc.Scalars(t)] for t in acc.Tags()["scalars"]},
       "histograms": {t: [[e.step, e.histogram_value.num, e.histogram_value.min, e.histogram_value.max, sum(e.histogram_value.bucket)] for e in acc.Histograms(t)] for t in acc.Tags()["histograms"]},
       "texts": {t: [[e.step, e.tensor_proto.string_val[0].decode()] for e in acc.Tensors(t)] for t in acc.Tags()["tensors"] if not t.startswith("_hparams_")}}
meta = acc.SummaryMetadata("_hparams_/session_start_info").plugin_data.content
info = plugin_data_pb2.HParamsPluginData(); info.ParseFromString(meta)
out["hparams"] = {k: (v.number_value if v.HasField("number_value") else v.bool_value if v.HasField("bool_value") else v.string_value) for k, v in info.session_start_info.hparams.items()}
try:
  end = plugin_data_pb2.HParamsPluginData(); end.ParseFromString(acc.SummaryMetadata("_hparams_/session_end_info").plugin_data.content)
  out["status"] = end.session_end_info.status
except KeyError:
  out["status"] = None
print(json.dumps(out))
`;

interface Read {
  scalars: Record<string, [number, number][]>;
  histograms: Record<string, [number, number, number, number, number][]>;
  texts: Record<string, [number, string][]>;
  hparams: Record<string, unknown>;
  status: number | null;
}

Deno.test({
  name:
    "TensorBoard reads every scalar, histogram, text and setting of a run that was killed and resumed",
  ignore: !ALL,
  fn: () =>
    inFolder(async (folder) => {
      await feed(await make(), folder, { events: steps(1, 60), killed: true });
      const [name] = [...Deno.readDirSync(`${folder}/tensorboard`)].map((
        { name },
      ) => name);
      const path = `${folder}/tensorboard/${name}`;
      Deno.truncateSync(path, Deno.statSync(path).size - 7); // in the middle of a record
      await feed(await make(), folder, {
        events: [
          ...steps(51, 100),
          ...exampleEvents().filter(({ event }) => event !== "step").map((
            e,
          ) => ({ ...e, step: 100 })),
        ],
        resumedAt: 50,
      });
      const read = await pythonJson(READ, `${folder}/tensorboard`) as Read;
      const expected = steps(1, 100);
      assert.deepEqual(
        read.scalars["train/loss"],
        expected.map((e) => [e.step, e.event === "step" ? e.loss : null]),
      );
      assert.equal(read.scalars["train/learning_rate"].length, 100);
      assert.equal(read.scalars['train/loss_of/a,"b"\n.jsonl'].length, 100);
      assert.deepEqual(read.scalars["eval/loss"], [[100, 2]]);
      const [[step, count, , , total]] =
        read.histograms["train/losses_of_the_epoch"];
      assert.deepEqual([step, count, total], [100, 50, 50]);
      assert.equal(read.hparams["optimizer.learning_rate"], 5e-5);
      assert.equal(read.hparams["data.train.0.we`ird <b>"], true);
      assert.equal(read.status, 1);
      assert.match(read.texts["samples/0"].at(-1)![1], /Paris\./);
      assert.ok(read.texts["settings"][0][1].includes("a\\|b.jsonl"));
    }),
});
