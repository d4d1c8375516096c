import assert from "node:assert/strict";
import { dirname, join } from "node:path";
import { loadRun } from "../../../core/config/load.ts";
import {
  inputFolder,
  namingInput,
} from "../../../core/config/standard_input.ts";
import type { RunInput, TrainEntryInput } from "../../../core/config/types.ts";
import {
  builtinRegistry,
  type TestFolder,
  testFolder,
  TINY_LLAMA,
} from "../../run_harness.ts";

const ROWS = '{"prompt": "a", "completion": "b"}\n';

function piped(...chunks: string[]): ReadableStream<Uint8Array> {
  return ReadableStream.from(chunks.map((c) => new TextEncoder().encode(c)));
}

function load(
  folder: TestFolder,
  entry: TrainEntryInput,
  more: {
    stdin?: ReadableStream<Uint8Array>;
    run?: Partial<RunInput>;
    overrides?: readonly string[];
  } = {},
) {
  const { run, ...request } = more;
  return loadRun({
    object: {
      model: { from_config: TINY_LLAMA },
      tokenizer: "byte",
      adapter: null,
      ...run,
      data: { train: [entry], ...run?.data },
    },
    registry: builtinRegistry(),
    env: (name) => name === "DENOTUNE_CACHE" ? folder.at("cache") : undefined,
    ...request,
  });
}

async function keptPath(
  folder: TestFolder,
  ...chunks: string[]
): Promise<string> {
  const { config } = await load(folder, { path: "-" }, {
    stdin: piped(...chunks),
  });
  const [{ path }] = config.data.train;
  assert.ok(path !== null);
  return path;
}

Deno.test("standard input is kept under the hash of its content: the same rows are the same file", async () => {
  using folder = testFolder();
  const path = await keptPath(folder, ROWS, ROWS);
  assert.equal(dirname(path), folder.at("cache", "stdin"));
  assert.equal(await Deno.readTextFile(path), ROWS + ROWS);
  assert.equal(await keptPath(folder, ROWS + ROWS), path);
  assert.notEqual(await keptPath(folder, ROWS), path);
  const names = [...Deno.readDirSync(dirname(path))].map((e) => e.name);
  assert.equal(names.length, 2, names.join());
});

Deno.test("packed input has an ending that says so", async () => {
  using folder = testFolder();
  const gzip = piped(ROWS).pipeThrough(
    new CompressionStream("gzip") as ReadableWritablePair<
      Uint8Array,
      Uint8Array
    >,
  );
  const { config } = await load(folder, { path: "-" }, { stdin: gzip });
  assert.match(config.data.train[0].path ?? "", /\/[0-9a-f]{64}\.json\.gz$/);
});

Deno.test("standard input is read once, for every entry that names it, overrides included", async () => {
  using folder = testFolder();
  const { config } = await load(folder, { path: "elsewhere.jsonl" }, {
    stdin: piped(ROWS),
    run: { data: { train: [], eval: [{ path: "-", max_rows: 1 }] } },
    overrides: ['data.train=[{path: "-"}]', "data.train.0.path=-"],
  });
  const { train, eval: evaluation } = config.data;
  assert.equal(train[0].path, evaluation[0].path);
  assert.equal(evaluation[0].max_rows, 1);
});

Deno.test("it is not read where the run has problems, nor where files are not looked at", async () => {
  using folder = testFolder();
  const stdin = piped(ROWS);
  await assert.rejects(
    load(folder, { path: "-", split: "train" }, { stdin }),
    /`data\.train\.0\.split` belongs to a Hub data set or a folder; `data\.train\.0\.path` is a stream/,
  );
  await assert.rejects(
    load(folder, { path: "-" }, { stdin, overrides: ["seed=x"] }),
    /seed/,
  );
  assert.equal((await Array.fromAsync(stdin)).length, 1, "all is still there");
  const { config } = await loadRun({
    object: {
      model: { from_config: TINY_LLAMA },
      data: { train: [{ path: "-" }] },
    },
    registry: builtinRegistry(),
    files: "ignore",
  });
  assert.equal(config.data.train[0].path, "-");
});

Deno.test("an empty input is refused, and leaves nothing behind", async () => {
  using folder = testFolder();
  await assert.rejects(
    load(folder, { path: "-" }, { stdin: piped() }),
    /`data\.train\.0\.path` is "-", standard input, and nothing came; pipe the rows in/,
  );
  assert.deepEqual([...Deno.readDirSync(folder.at("cache", "stdin"))], []);
});

Deno.test("a stream that breaks leaves nothing behind", async () => {
  using folder = testFolder();
  const broken = new ReadableStream<Uint8Array>({
    pull(controller) {
      controller.error(new Error("broken pipe"));
    },
  });
  await assert.rejects(
    load(folder, { path: "-" }, { stdin: broken }),
    /broken pipe/,
  );
  assert.deepEqual([...Deno.readDirSync(folder.at("cache", "stdin"))], []);
});

Deno.test("kept rows that are gone are asked for again", async () => {
  using folder = testFolder();
  const path = await keptPath(folder, ROWS);
  await load(folder, { path });
  await Deno.remove(path);
  await assert.rejects(
    load(folder, { path }),
    /the rows came from standard input, and .*, where they were kept, is gone; pipe the same rows in again, with `path: "-"`/,
  );
  assert.equal(await keptPath(folder, ROWS), path);
  await load(folder, {
    path: join(dirname(path), "..", "stdin", path.slice(-64)),
  });
});

Deno.test("people are told of standard input, not of the file that keeps it", () => {
  const env = (name: string) =>
    name === "DENOTUNE_CACHE" ? "/cache (1)" : undefined;
  const kept = `${inputFolder(env)}/${"0a".repeat(32)}`;
  assert.equal(
    namingInput(`${kept}:3: broken, and ${kept}.json.gz row 2; ${kept}x`, env),
    "standard input:3: broken, and standard input row 2; standard inputx",
  );
  assert.equal(
    namingInput("rows.jsonl:3: broken", env),
    "rows.jsonl:3: broken",
  );
});
