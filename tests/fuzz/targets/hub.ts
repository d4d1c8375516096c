/**
 * Answers of a Hub that lies, fails, cuts, hangs and sends other bytes: for a model and for a data set.
 * @module
 */
import { fetchModel } from "../../../core/io/hub/fetch_model.ts";
import { fetchData, locateData } from "../../../core/io/hub/locate_data.ts";
import { openModelFolder } from "../../../core/io/model_folder.ts";
import { type Fault, startHub } from "../../hub_server.ts";
import {
  jsonText,
  mutateBytes,
  mutateJson,
  ODD_VALUES,
  type Random,
} from "../_mutate.ts";
import { type FuzzTarget, reading } from "../_target.ts";

const COMMIT = "0123456789abcdef0123456789abcdef01234567";
const decoder = new TextDecoder();
const noise = Uint8Array.from({ length: 3000 }, (_, i) => i * 31 + (i >> 7));

const MODEL = {
  "config.json": '{"model_type": "llama"}',
  "tokenizer.json": "{}",
  "generation_config.json": "{}",
  "model.safetensors.index.json": JSON.stringify({
    weight_map: {
      a: "model-00001-of-00002.safetensors",
      b: "model-00002-of-00002.safetensors",
    },
  }),
  "model-00001-of-00002.safetensors": noise,
  "model-00002-of-00002.safetensors": noise.slice(7),
};
const CARD = `---
configs:
- config_name: en
  data_files:
  - split: train
    path: "data/en-*.jsonl"
  - split: test
    path: test.jsonl
- config_name: de
  data_files: de.jsonl
  default: true
---
# Rows
`;
const DATA = {
  "README.md": CARD,
  "data/en-0.jsonl": "{}\n",
  "data/en-1.jsonl": "{}\n",
  "test.jsonl": "{}\n",
  "de.jsonl": "{}\n",
};

const REVISION = jsonText({
  _id: "1",
  id: "owner/name",
  sha: COMMIT,
  lastModified: "2026-01-01",
});
const LIST: unknown = [
  { type: "file", path: "config.json", size: 23, oid: "a".repeat(40) },
  {
    type: "file",
    path: "model.safetensors",
    size: 3000,
    oid: "f".repeat(40),
    lfs: { oid: "b".repeat(64), size: 3000, pointerSize: 130 },
  },
  { type: "directory", path: "data", size: 0, oid: "e".repeat(40) },
];
const PATHS = [
  "../../../etc/cron.d/x",
  "/etc/passwd",
  "a/../../b",
  "a\u0000b",
  "a\\..\\b",
  "con",
  ".",
  "",
  "a//b",
  "model.safetensors/x",
  "\u202egnp.json",
  `${"d/".repeat(400)}x`,
  "n".repeat(5000),
];

function answer(text: string, random: Random): string {
  return random.once(4)
    ? decoder.decode(mutateBytes(new TextEncoder().encode(text), random))
    : jsonText(mutateJson(JSON.parse(text), random));
}

function fault(random: Random, files: readonly string[]): Fault {
  const times = random.pick([1, 2, 1000]);
  const path = random.pick([
    "/revision/",
    "/tree/",
    "/resolve/",
    ...files,
  ]);
  const status = random.pick([
    200,
    200,
    201,
    204,
    206,
    301,
    302,
    304,
    400,
    401,
    403,
    404,
    408,
    416,
    418,
    429,
    500,
    503,
  ]);
  switch (random.below(6)) {
    case 0:
      return {
        path: "/revision/",
        times,
        status: 200,
        body: answer(REVISION, random),
      };
    case 1:
      return {
        path: "/tree/",
        times,
        status: 200,
        body: answer(jsonText(LIST), random),
        headers: random.once(3)
          ? {
            link: `<${
              random.pick([
                "",
                "x",
                "/",
                "https://127.0.0.1:1/",
                "file:///etc/passwd",
              ])
            }>; rel="next"`,
          }
          : {},
      };
    case 2:
      return {
        path,
        times,
        status: status === 204 || status === 304 ? 500 : status,
        body: random.pick(["", "{}", "<html>", "x".repeat(200_000), "[]"]),
        headers: random.pick<Readonly<Record<string, string>>>([
          {},
          { location: "/" },
          { location: "http://127.0.0.1:1/x" },
          { location: "//%zz:x" },
          { "retry-after": random.pick(["1", "-1", "1e99", "soon"]) },
          { "x-error-code": "x".repeat(3000), "x-error-message": "%1b[2J" },
          { "content-range": "bytes 5-1/0" },
          { etag: "" },
        ]),
      };
    case 3:
      return { path, times, cutAfter: random.below(3000) };
    case 4:
      return {
        path,
        times,
        noLength: random.once(2),
        ignoreRange: random.once(2),
        change: (bytes) => mutateBytes(bytes, random),
      };
    default:
      return {
        path,
        times: 1,
        hangAfter: { bytes: random.below(2000), ms: random.pick([10, 500]) },
      };
  }
}

/** Fetches a model or the rows of a data set from the Hub of the mutant, and lists what came. */
export const target: FuzzTarget = {
  async attempt(random, folder) {
    const isModel = random.once(2);
    const files: Record<string, string | Uint8Array> = isModel
      ? { ...MODEL }
      : { ...DATA };
    if (random.once(3)) {
      const name = isModel ? "model.safetensors.index.json" : "README.md";
      const bytes = new TextEncoder().encode(String(files[name]));
      files[name] = isModel && random.once(2)
        ? jsonText(mutateJson(JSON.parse(String(files[name])), random))
        : mutateBytes(bytes, random);
    }
    await using hub = startHub({
      [isModel ? "owner/name" : "datasets/owner/name"]: {
        files,
        listed: random.once(3)
          ? [{
            type: "file",
            path: random.pick(PATHS),
            size: random.pick([0, 5, -1, 1e18]),
            oid: random.pick(["a".repeat(40), "", null]),
          }, { type: random.pick(ODD_VALUES), path: "x.jsonl", size: "9" }]
          : [],
      },
    });
    const faults = random.below(3);
    for (let i = 0; i < faults; i++) {
      hub.fail(fault(random, Object.keys(files)));
    }
    const env: Record<string, string> = {
      HF_ENDPOINT: hub.endpoint,
      HF_HOME: `${folder}/hf`,
      DENOTUNE_CACHE: `${folder}/denotune`,
    };
    const options = {
      env: (name: string) => env[name],
      attempts: 3,
      backoffMs: 1,
      stallMs: 200,
      maxWaitMs: 50,
    };
    return await reading(async () => {
      if (isModel) {
        const request = { id: "owner/name", revision: "main" };
        const { folder } = await fetchModel(request, options);
        openModelFolder(folder);
        return;
      }
      const located = await locateData({
        path: "owner/name",
        base: folder,
        revision: "main",
        name: random.pick([null, "en", "de"]),
        split: random.pick([null, "train", "test[:1]"]),
        dataFiles: random.pick([null, ["*.jsonl"]]),
        side: random.pick(["train", "eval"]),
      }, options);
      await fetchData(located, options);
    });
  },
};
