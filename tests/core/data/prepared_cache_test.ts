import assert from "node:assert/strict";
import { choose, definePart } from "@denotune/denotune/core";
import { z } from "zod";
import { PreparedCache } from "../../../core/data/cache/prepared_cache.ts";
import { prepareContent } from "../../../core/data/prepared/prepare_content.ts";
import { DATA_DEFAULTS } from "../../../core/data/types.ts";
import { padded } from "../../../plugins/collators/mod.ts";
import { completionOnly } from "../../../plugins/maskers/mod.ts";
import { type TestFolder, testFolder } from "../../run_harness.ts";
import {
  alpacaLines,
  contentOf,
  type OpenedRun,
  openRun,
} from "./_open_run.ts";
import { examples } from "./_prepare.ts";
import { asIs, bytes, chatTemplate, make, storeOf } from "./_support.ts";

const TAKEN = /prepared rows are taken from the cache/;

interface Kept {
  readonly folder: TestFolder;
  readonly path: string;
  open(more?: Record<string, unknown>): Promise<OpenedRun>;
  entries(): string[];
}

function kept(folder: TestFolder): Kept {
  const path = folder.at("rows.jsonl");
  Deno.writeTextFileSync(path, alpacaLines(400));
  return {
    folder,
    path,
    open: (more = {}) =>
      openRun({
        max_length: 96,
        truncation: "keep-start",
        train: [{ path, format: "alpaca" }],
        ...more,
      }, { cacheDir: folder.at("cache") }),
    entries: () => {
      try {
        return [...Deno.readDirSync(folder.at("cache", "prepared"))]
          .map((e) => e.name);
      } catch {
        return [];
      }
    },
  };
}

function isTaken({ notices }: OpenedRun): boolean {
  return TAKEN.test(notices.join("\n"));
}

Deno.test("a second run takes the prepared rows from the cache, the same in everything, and says so", async () => {
  using folder = testFolder();
  const set = kept(folder);
  using first = await set.open();
  assert.ok(!isTaken(first));
  using second = await set.open();
  assert.ok(isTaken(second));
  assert.deepEqual(contentOf(second.data.train), contentOf(first.data.train));
  assert.deepEqual(
    second.data.train.inspect(17),
    first.data.train.inspect(17),
  );
  assert.equal(set.entries().length, 1);
});

Deno.test("rows that were moved are found again; other rows, options, templates and maskers are not", async () => {
  using folder = testFolder();
  const set = kept(folder);
  (await set.open())[Symbol.dispose]();
  const moved = folder.at("elsewhere.jsonl");
  Deno.copyFileSync(set.path, moved);
  const train = [{ path: moved, format: "alpaca" }];
  {
    using opened = await set.open({ train });
    assert.ok(isTaken(opened));
  }
  // what cuts batches alone needs no other tokens
  {
    using opened = await set.open({
      train,
      collator: "packed",
      shuffle: false,
    });
    assert.ok(isTaken(opened));
  }
  for (
    const more of [
      { max_length: 95 },
      { truncation: "drop" },
      { boundary_token: "train" },
      { masker: "all" },
      { template: { use: "plain", separator: "\n\n" } },
      { eval_fraction: 0.1 },
      { train: [{ ...train[0], max_rows: 399 }] },
    ]
  ) {
    using opened = await set.open({ train, ...more });
    assert.ok(!isTaken(opened), JSON.stringify(more));
  }
  Deno.writeTextFileSync(moved, alpacaLines(400, "other"));
  using opened = await set.open({ train });
  assert.ok(!isTaken(opened));
});

Deno.test("damaged entries are made again, with a notice", async () => {
  using folder = testFolder();
  const set = kept(folder);
  using first = await set.open();
  const expected = contentOf(first.data.train);
  const [key] = set.entries();
  const damage = (name: string, change: (bytes: Uint8Array) => Uint8Array) => {
    const path = folder.at("cache", "prepared", key, name);
    Deno.writeFileSync(path, change(Deno.readFileSync(path)));
  };
  const flipped = (bytes: Uint8Array) => {
    bytes[bytes.length >> 1] ^= 1;
    return bytes;
  };
  for (
    const [name, change] of [
      ["tokens.bin", flipped],
      ["tokens.bin", (bytes) => bytes.subarray(0, bytes.length - 4)],
      ["index.bin", flipped],
      ["index.bin", (bytes) => bytes.subarray(0, 12)],
      ["entry.json", (bytes) => bytes.subarray(0, bytes.length - 9)],
    ] as [string, (bytes: Uint8Array) => Uint8Array][]
  ) {
    damage(name, change);
    using again = await set.open();
    assert.ok(!isTaken(again));
    assert.match(
      again.notices.join("\n"),
      /are damaged \(.*\): they are made again/,
    );
    assert.deepEqual(contentOf(again.data.train), expected);
    using after = await set.open();
    assert.ok(isTaken(after), name);
  }
});

Deno.test("data.cache=false keeps nothing and takes nothing", async () => {
  using folder = testFolder();
  const set = kept(folder);
  using _first = await set.open({ cache: false });
  assert.deepEqual(set.entries(), []);
});

Deno.test("sets made by parts given in code are not kept", async () => {
  using folder = testFolder();
  const set = kept(folder);
  const masker = choose(
    definePart({
      kind: "masker",
      name: "inline",
      description: "For a test",
      options: z.strictObject({}),
      create: () => ({
        weights: ({ spans }) => new Float32Array(spans.length).fill(1),
      }),
    }),
    {},
  );
  using _opened = await set.open({ masker });
  assert.deepEqual(set.entries(), []);
});

Deno.test("a plugin that changed, or a file that it imports, makes the rows anew", async () => {
  using folder = testFolder();
  const set = kept(folder);
  const core = new URL("../../../core/mod.ts", import.meta.url).href;
  const write = (name: string, floor: number) => {
    Deno.mkdirSync(folder.at(name), { recursive: true });
    Deno.writeTextFileSync(
      folder.at(name, "floor.ts"),
      `export const floor = ${floor};\n`,
    );
    Deno.writeTextFileSync(
      folder.at(name, "p.ts"),
      `import { definePlugin } from ${JSON.stringify(core)};
import { z } from ${JSON.stringify(import.meta.resolve("zod"))};
import { floor } from "./floor.ts";
export default definePlugin({ name: "p", api: 1, parts: [{
  kind: "masker", name: "mine", description: "For a test", options: z.strictObject({}),
  create: () => ({ weights: ({ spans }) => Float32Array.from(spans, (s) => s.generated ? 1 : floor) }),
}] });
`,
    );
  };
  const open = (name: string) =>
    openRun({
      max_length: 96,
      truncation: "keep-start",
      masker: "mine",
      train: [{ path: set.path, format: "alpaca" }],
    }, {
      cacheDir: folder.at("cache"),
      run: { plugins: [folder.at(name, "p.ts")] },
    });
  write("a", 0.5);
  using first = await open("a");
  using second = await open("a");
  assert.ok(!isTaken(first) && isTaken(second));
  write("b", 0.5); // the same code elsewhere
  using third = await open("b");
  assert.ok(isTaken(third));
  write("c", 0.25);
  using fourth = await open("c");
  assert.ok(!isTaken(fourth));
  write("a", 0.25); // this process holds the old module
  await assert.rejects(open("a"), /was changed since it was loaded/);
});

Deno.test("sets unused for longest are removed when there are too many", async () => {
  using folder = testFolder();
  const request = {
    sources: [{
      name: "x",
      store: storeOf(examples(300)),
      format: asIs,
      template: chatTemplate,
      masker: await make("masker", completionOnly),
    }],
    tokenizer: bytes(),
    collator: await make("collator", padded),
    cacheDir: folder.path,
  };
  const size = { bytes: 0 };
  const keep = async (key: string, maxBytes: number) => {
    const cache = new PreparedCache(folder.at("prepared"), { maxBytes });
    const temporary = cache.begin(key);
    const content = await prepareContent(request, DATA_DEFAULTS, {
      cacheDir: temporary.folder,
      path: temporary.tokens,
    });
    cache.keep(key, temporary, content);
    content.tokens[Symbol.dispose]();
    size.bytes = [...Deno.readDirSync(cache.pathOf(key))].reduce(
      (sum, { name }) =>
        sum + Deno.statSync(`${cache.pathOf(key)}/${name}`).size,
      0,
    );
  };
  const used = (key: string, at: number) =>
    Deno.utimeSync(folder.at("prepared", key, "entry.json"), at, at);
  for (const [i, key] of ["a", "b", "c"].entries()) {
    await keep(key, 1e9);
    used(key, 1000 + i);
  }
  used("a", 2000);
  await keep("d", 2.5 * size.bytes);
  const names = [...Deno.readDirSync(folder.at("prepared"))].map((e) => e.name);
  assert.deepEqual(names.sort(), ["a", "d"]);
});
