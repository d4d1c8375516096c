/**
 * Model files that lie: exit code 2, the file and what is wrong with it.
 * @module
 */
import assert from "node:assert/strict";
import { alpacaRows, type Folder, folderOf, run, tinyRun } from "./_run.ts";

type Header = Record<
  string,
  { dtype: string; shape: number[]; data_offsets: [number, number] }
>;

const good = await trainedModel();

/** The files of a tiny trained model. */
async function trainedModel(): Promise<Record<string, Uint8Array>> {
  using folder = folderOf({ "rows.jsonl": alpacaRows(4) });
  Deno.writeTextFileSync(folder.at("run.yaml"), tinyRun(folder.path));
  const { code, err } = await run("train", folder.at("run.yaml"));
  assert.equal(code, 0, err);
  const names = [
    "config.json",
    "model.safetensors",
    "tokenizer.json",
    "tokenizer_config.json",
  ];
  return Object.fromEntries(
    names.map((
      name,
    ) => [
      `model/${name}`,
      Deno.readFileSync(folder.at(`outputs/run/${name}`)),
    ]),
  );
}

/** The weights with a changed header, the data as they are. */
function withHeader(change: (header: Header) => void): Uint8Array {
  const file = good["model/model.safetensors"];
  const view = new DataView(file.buffer, file.byteOffset);
  const length = Number(view.getBigUint64(0, true));
  const header = JSON.parse(
    new TextDecoder().decode(file.subarray(8, 8 + length)),
  );
  change(header);
  const text = new TextEncoder().encode(JSON.stringify(header));
  const changed = new Uint8Array(
    8 + text.length + file.length - 8 - length,
  );
  new DataView(changed.buffer).setBigUint64(0, BigInt(text.length), true);
  changed.set(text, 8);
  changed.set(file.subarray(8 + length), 8 + text.length);
  return changed;
}

async function refused(
  weights: Uint8Array,
  ...words: readonly string[]
): Promise<void> {
  using folder: Folder = folderOf({
    ...good,
    "rows.jsonl": alpacaRows(4),
    "model/model.safetensors": weights,
  });
  const run_ = tinyRun(folder.path).replace(
    /model:\n {2}from_config: \{[^}]*\}/,
    "model: { path: model }",
  );
  Deno.writeTextFileSync(folder.at("run.yaml"), run_);
  for (
    const args of [
      ["train", folder.at("run.yaml")],
      ["generate", folder.at("model"), "--backend=reference", "--prompt=Hi"],
    ]
  ) {
    const { code, err } = await run(...args);
    assert.equal(code, 2, err);
    assert.ok(err.split("\n").length <= 24, err);
    for (const word of [folder.at("model"), ...words]) {
      assert.ok(err.includes(word), `${word} is not in: ${err}`);
    }
  }
}

const NORM = "model.norm.weight";

Deno.test("a good model is taken", async () => {
  using folder = folderOf(good);
  const { code, err } = await run(
    "generate",
    folder.at("model"),
    "--backend=reference",
    "--prompt=Hi",
    "-n",
    "2",
  );
  assert.equal(code, 0, err);
});

Deno.test("a truncated file is refused", async () => {
  await refused(good["model/model.safetensors"].slice(0, -100));
  await refused(good["model/model.safetensors"].slice(0, 40));
  await refused(new Uint8Array(3));
});

Deno.test("a header length that lies is refused", async () => {
  const weights = good["model/model.safetensors"].slice();
  new DataView(weights.buffer).setBigUint64(0, 2n ** 60n, true);
  await refused(weights, "header");
});

Deno.test("overlapping offsets and offsets out of range are refused", async () => {
  await refused(withHeader((header) => {
    const [, other] = Object.entries(header).find(([name, t]) =>
      name !== NORM && t.shape?.join() === header[NORM].shape.join()
    )!;
    header[NORM].data_offsets = other.data_offsets;
  }));
  await refused(
    withHeader((header) => {
      const [start, end] = header[NORM].data_offsets;
      header[NORM].data_offsets = [start + 1e9, end + 1e9];
    }),
    NORM,
  );
});

Deno.test("a wrong shape is refused with the tensor", async () => {
  await refused(
    withHeader((header) => {
      header[NORM].shape = [header[NORM].shape[0] / 2, 2];
    }),
    NORM,
  );
});

Deno.test("a missing tensor is refused by name", async () => {
  using folder = folderOf(good);
  const weights = withHeader((header) => {
    header["model.other.weight"] = header[NORM];
    delete header[NORM];
  });
  Deno.writeFileSync(folder.at("model/model.safetensors"), weights);
  const { code, err } = await run(
    "generate",
    folder.at("model"),
    "--backend=reference",
    "--prompt=Hi",
  );
  assert.equal(code, 2, err);
  assert.ok(err.includes(NORM), err);
});

Deno.test("a tokenizer that has ids behind the model's last one is refused with both numbers", async () => {
  const tokenizer = JSON.parse(
    new TextDecoder().decode(good["model/tokenizer.json"]),
  );
  tokenizer.added_tokens.push({
    ...tokenizer.added_tokens[0],
    id: 5000,
    content: "<|far|>",
  });
  using folder = folderOf({
    ...good,
    "model/tokenizer.json": JSON.stringify(tokenizer),
  });
  const { code, err } = await run(
    "generate",
    folder.at("model"),
    "--backend=reference",
    "--prompt=Hi",
  );
  assert.equal(code, 2, err);
  assert.ok(err.includes("259"), err);
});
