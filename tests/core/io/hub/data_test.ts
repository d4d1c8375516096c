import assert from "node:assert/strict";
import { openParts } from "../../../../core/data/open_parts.ts";
import type { HubOptions } from "../../../../core/io/hub/access.ts";
import {
  type DataRequest,
  fetchData,
  locateData,
} from "../../../../core/io/hub/locate_data.ts";
import { json, jsonl } from "../../../../plugins/sources/mod.ts";
import { type FakeRepository, startHub } from "../../../hub_server.ts";
import { filesIn, testCache } from "./_support.ts";

const lines = (...names: string[]) =>
  names.map((name) => `${JSON.stringify({ name })}\n`).join("");
const list = (...names: string[]) =>
  JSON.stringify(names.map((name) => ({ name })));
const many = (name: string, count: number) =>
  lines(...Array.from({ length: count }, (_, i) => `${name} ${i}`));

/** The layouts of the sets that the seed names, as their repositories have them; the rows are ours. */
const SETS: Record<string, FakeRepository> = {
  "datasets/tatsu-lab/alpaca": {
    files: {
      ".gitattributes": "x",
      "README.md":
        "---\nlicense: cc-by-nc-4.0\ndataset_info:\n  features:\n  - name: instruction\n    dtype: string\n---\n# Alpaca",
      "data/train-00000-of-00001-a09b74b3ef9c3b56.jsonl": lines("alpaca"),
    },
  },
  "datasets/databricks/databricks-dolly-15k": {
    files: {
      "README.md": "# dolly",
      "databricks-dolly-15k.jsonl": many("dolly", 10),
    },
  },
  "datasets/sahil2801/CodeAlpaca-20k": {
    files: {
      "README.md": "---\nlicense: cc\n---\n",
      "code_alpaca_20k.json": list("code"),
    },
  },
  "datasets/anon8231489123/ShareGPT_Vicuna_unfiltered": {
    files: {
      "README.md": "cleaned",
      "HTML_cleaned_raw_dataset/sg_90k_part1_html_cleaned.json": list("raw 1"),
      "HTML_cleaned_raw_dataset/sg_90k_part2_html_cleaned.json": list("raw 2"),
      "ShareGPT_V3_unfiltered_cleaned_split.json": list("cleaned"),
      "ShareGPT_V3_unfiltered_cleaned_split_no_imsorry.json": list("not sorry"),
      "optional_clean.py": "print()",
    },
  },
  "datasets/OpenCoder-LLM/opc-sft-stage1": {
    files: {
      "README.md": `---
configs:
- config_name: filtered_infinity_instruct
  data_files:
  - split: train
    path: data/filtered_infinity_instruct-*
- config_name: largescale_diverse_instruct
  data_files:
  - split: train
    path: data/largescale_diverse_instruct-*
- config_name: realuser_instruct
  data_files:
  - split: train
    path: data/realuser_instruct-*
---
`,
      "data/filtered_infinity_instruct-00000-of-00002.jsonl": lines("f0"),
      "data/filtered_infinity_instruct-00001-of-00002.jsonl": lines("f1"),
      "data/largescale_diverse_instruct-00000-of-00001.jsonl": lines("l0"),
      "data/realuser_instruct-00000-of-00001.jsonl": lines("r0", "r1"),
    },
  },
  "datasets/owner/scripted": {
    files: { "README.md": "x", "scripted.py": "def _split_generators(): pass" },
  },
  "datasets/owner/arrows": {
    files: { "train/data-00000-of-00001.arrow": "x", "train/state.bin": "x" },
  },
  "datasets/owner/pictures": { files: { "a.png": "x", "b.png": "x" } },
  "datasets/owner/splits": {
    files: {
      "train.jsonl": many("train", 100),
      "my_dev.jsonl": lines("dev"),
      "test.csv": "name\nx\n",
      "test.jsonl": lines("test"),
      "notes.jsonl": lines("note"),
      ".hidden.train.jsonl": lines("hidden"),
    },
  },
  "datasets/owner/hostile": {
    files: {
      "README.md":
        "---\nconfigs:\n- config_name: a\n  data_files: ../../../etc/*\n---\n",
      "a.jsonl": "{}",
    },
  },
};

function request(path: string, more: Partial<DataRequest> = {}): DataRequest {
  return {
    path,
    base: "/nowhere",
    revision: "main",
    name: null,
    split: null,
    dataFiles: null,
    side: "train",
    ...more,
  };
}

async function namesOf(
  asked: DataRequest,
  options: HubOptions,
): Promise<string[]> {
  const parts = await fetchData(await locateData(asked, options), options);
  const sources = [json, jsonl].map((part) =>
    part.create(
      { max_row_mb: 1, max_depth: 10, max_expansion: 10 },
      {} as never,
    )
  );
  using store = await openParts(parts, async (path) => {
    for (const made of sources) {
      const source = await made;
      if (source.accepts({ path, head: new Uint8Array() })) {
        return await source.open({ path, cacheDir: "/nowhere" });
      }
    }
    throw new Error(`nothing reads ${path}`);
  });
  return Array.from({ length: store.length }, (_, i) => {
    const { value, where } = store.at(i);
    assert.equal(where.index, i);
    return (value as { name: string }).name;
  });
}

async function onHub(
  test: (
    names: (path: string, more?: Partial<DataRequest>) => Promise<string[]>,
    more: {
      cache: ReturnType<typeof testCache>;
      hub: ReturnType<typeof startHub>;
    },
  ) => Promise<void>,
): Promise<void> {
  await using hub = startHub(SETS);
  using cache = testCache();
  await test(
    (path, more) => namesOf(request(path, more), cache.options(hub)),
    { cache, hub },
  );
}

Deno.test("the sets of the seed are read as their repositories lay them out", () =>
  onHub(async (names) => {
    assert.deepEqual(await names("tatsu-lab/alpaca"), ["alpaca"]);
    assert.equal((await names("databricks/databricks-dolly-15k")).length, 10);
    assert.deepEqual(await names("sahil2801/CodeAlpaca-20k"), ["code"]);
    assert.deepEqual(await names("anon8231489123/ShareGPT_Vicuna_unfiltered"), [
      "raw 1",
      "raw 2",
      "cleaned",
      "not sorry",
    ]);
    assert.deepEqual(
      await names("anon8231489123/ShareGPT_Vicuna_unfiltered", {
        dataFiles: ["ShareGPT_V3_unfiltered_cleaned_split.json"],
      }),
      ["cleaned"],
    );
    const opc = "OpenCoder-LLM/opc-sft-stage1";
    assert.deepEqual(await names(opc, { name: "filtered_infinity_instruct" }), [
      "f0",
      "f1",
    ]);
    assert.deepEqual(
      await names(opc, { name: "largescale_diverse_instruct", split: "train" }),
      ["l0"],
    );
    assert.deepEqual(
      await names(opc, { name: "realuser_instruct", split: "train[1:]" }),
      ["r1"],
    );
    await assert.rejects(names(opc), {
      name: "DataError",
      message:
        "The data set OpenCoder-LLM/opc-sft-stage1 has several configurations; set `name` to one of filtered_infinity_instruct, largescale_diverse_instruct, realuser_instruct",
    });
    await assert.rejects(
      names(opc, { name: "realuser" }),
      /has no configuration realuser; it has filtered/,
    );
    await assert.rejects(
      names("tatsu-lab/alpaca", { name: "x" }),
      /its card describes none/,
    );
  }));

Deno.test("only the files that are read are downloaded, and the commit is told", () =>
  onHub(async (names, { hub, cache }) => {
    await names("OpenCoder-LLM/opc-sft-stage1", { name: "realuser_instruct" });
    assert.deepEqual(
      filesIn(cache.hub).filter((f) => f.includes("/snapshots/")).map((f) =>
        f.replace(/.*[0-9a-f]{40}\//, "")
      ),
      ["README.md", "data/realuser_instruct-00000-of-00001.jsonl"],
    );
    const located = await locateData(
      request("owner/splits"),
      cache.options(hub),
    );
    assert.deepEqual(located.hub, {
      id: "owner/splits",
      commit: "0123456789abcdef0123456789abcdef01234567",
    });
  }));

Deno.test("splits have the names of files, and slices count over them", () =>
  onHub(async (names) => {
    const get = (split: string | null, side: "train" | "eval" = "train") =>
      names("owner/splits", { split, side });
    assert.equal((await get(null)).length, 100);
    assert.deepEqual(await get(null, "eval"), ["dev"]);
    assert.deepEqual(await get("train[:2]"), ["train 0", "train 1"]);
    assert.deepEqual(await get("train[-1:]+test"), ["train 99", "test"]);
    assert.deepEqual(await get("train[10%:12%]"), ["train 10", "train 11"]);
    assert.deepEqual(await get("train[98:]+train[:1]+validation"), [
      "train 98",
      "train 99",
      "train 0",
      "dev",
    ]);
    assert.equal((await get("all")).length, 102);
    await assert.rejects(
      get("train[:101]"),
      /asks for train\[:101\], but there are only 100 rows/,
    );
    await assert.rejects(get("train[5:5]"), /no rows in train\[5:5\]/);
    await assert.rejects(
      get("valid"),
      /has no split valid; it has train, validation, test/,
    );
    await assert.rejects(get("train[1"), /`split` is "train\[1"; expected/);
  }));

Deno.test("files of another kind are left out and named", () =>
  onHub(async (_, { hub, cache }) => {
    const located = await locateData(
      request("owner/splits"),
      cache.options(hub),
    );
    assert.equal(located.plan.notices.length, 1);
    assert.match(
      located.plan.notices[0],
      /are JSON; left out because they are of another kind: test\.csv/,
    );
  }));

Deno.test("sets that a script makes, or that have no rows to read, are refused with the reason", () =>
  onHub(async (names) => {
    await assert.rejects(names("owner/scripted"), {
      name: "DataError",
      message:
        /the script scripted\.py makes its rows, and scripts of strangers are not run.*to_json/,
    });
    await assert.rejects(
      names("owner/pictures"),
      /no files that rows can be read from: .* \(it has a\.png, b\.png\)/,
    );
    await assert.rejects(
      names("owner/hostile"),
      /"\.\.\/\.\.\/\.\.\/etc\/\*" leads out of the data set/,
    );
    await assert.rejects(
      names("owner/splits", { dataFiles: ["/etc/passwd"] }),
      /leads out/,
    );
    await assert.rejects(
      names("owner/splits", { dataFiles: ["a", "x*"] }),
      /no file fits "a"; it has/,
    );
    await assert.rejects(names("owner/nothing"), {
      message:
        /^There is no data set `owner\/nothing`: as a path, \/nowhere\/owner\/nothing does not exist; as a Hub id: The Hub/,
    });
  }));

Deno.test("what was fetched is found again without a network; what was not is named", () =>
  onHub(async (names, { hub, cache }) => {
    const opc = "OpenCoder-LLM/opc-sft-stage1";
    const asked = request(opc, { name: "filtered_infinity_instruct" });
    await names(opc, { name: "filtered_infinity_instruct" });
    hub.seen.length = 0;
    const offline = cache.options(hub, { HF_HUB_OFFLINE: "1" });
    assert.deepEqual(await namesOf(asked, offline), ["f0", "f1"]);
    await assert.rejects(
      namesOf({ ...asked, name: "realuser_instruct" }, offline),
      /1 files of the data set .* are not in .*realuser_instruct-00000-of-00001\.jsonl/,
    );
    // as another tool leaves a cache: no list of files
    Deno.removeSync(`${cache.path}/denotune`, { recursive: true });
    assert.deepEqual(await namesOf(asked, offline), ["f0", "f1"]);
    const shard = filesIn(cache.hub).find((f) =>
      f.endsWith("00001-of-00002.jsonl")
    );
    Deno.removeSync(`${cache.hub}/${shard}`);
    await assert.rejects(
      namesOf(asked, offline),
      /only in part, .* has 1 of 2 files/,
    );
    assert.deepEqual(hub.seen, []);
  }));

Deno.test("folders are read as repositories are, patterns as lists of files", async () => {
  using cache = testCache();
  const write = (path: string, text: string) => {
    const file = `${cache.path}/${path}`;
    Deno.mkdirSync(file.slice(0, file.lastIndexOf("/")), { recursive: true });
    Deno.writeTextFileSync(file, text);
  };
  write("set/train/b.jsonl", lines("b"));
  write("set/train/a.jsonl", lines("a"));
  write("set/eval/c.jsonl", lines("c"));
  write(
    "carded/README.md",
    "---\nconfigs:\n- config_name: x\n  data_dir: one\n- config_name: y\n  data_dir: two\n  default: true\n---\n",
  );
  write("carded/one/train.jsonl", lines("one"));
  write("carded/two/deep/x.jsonl", lines("two"));
  write("carded/two/.git/x.jsonl", lines("git"));
  write("empty/README.md", "");
  const names = (path: string, more: Partial<DataRequest> = {}) =>
    namesOf(request(path, { base: cache.path, ...more }), {});
  assert.deepEqual(await names("set"), ["a", "b"]);
  assert.deepEqual(await names("set", { side: "eval" }), ["c"]);
  assert.deepEqual(
    await names("set", { dataFiles: ["train/b.jsonl", "eval"] }),
    ["b", "c"],
  );
  assert.deepEqual(await names("carded"), ["two"]);
  assert.deepEqual(await names("carded", { name: "x" }), ["one"]);
  assert.deepEqual(await names("set/*/*.jsonl"), ["c", "a", "b"]);
  assert.deepEqual(await names("**/[ab].jsonl"), ["a", "b"]);
  assert.deepEqual(await names("set/train/a.jsonl"), ["a"]);
  await assert.rejects(names("set/*.jsonl"), /No file fits .*set\/\*\.jsonl/);
  await assert.rejects(names("none/*.jsonl"), /there is no folder .*none/);
  await assert.rejects(
    names("empty"),
    /The folder .*empty has no files that rows can be read from/,
  );
  await assert.rejects(names("./x"), /There is no data set at /);
});
