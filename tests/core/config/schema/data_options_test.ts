/**
 * The one list of data options: what follows from a row of it, for every row, and that nothing else lists them.
 */
import assert from "node:assert/strict";
import { configDifference } from "../../../../core/config/difference.ts";
import type { ConfigData } from "../../../../core/config/resolved.ts";
import {
  DATA_OPTIONS,
  dataOptionNames,
  type DataValues,
} from "../../../../core/config/schema/data_options.ts";
import { runJsonSchema } from "../../../../core/config/schema/json_schema.ts";
import { schemaAt } from "../../../../core/config/parse/layout.ts";
import { loadRun } from "../../../../core/config/load.ts";
import { cacheKey } from "../../../../core/data/cache/cache_key.ts";
import { DATA_DEFAULTS } from "../../../../core/data/types.ts";
import { creatingWith } from "../../../../core/config/parts/create_part.ts";
import { dataOptions } from "../../../../core/run/open/open_data.ts";
import { byteTokenizer } from "../../../../plugins/tokenizers/byte.ts";
import { fromFileUrl, walk } from "../../../files.ts";
import { builtinRegistry, TINY_LLAMA } from "../../../run_harness.ts";

/** Another value that the option may have. */
function otherValue(name: keyof DataValues): unknown {
  const { schema, default: usual } = DATA_OPTIONS[name];
  const candidates = [
    !usual,
    Number(usual) + 1,
    0.25,
    { category: ["a"] },
    ...["mask", "train", "split", "drop", "tokens", "all_exhausted", "skip"],
  ];
  const found = candidates.find((value) =>
    value !== usual && schema.safeParse(value).success
  );
  assert.notEqual(found, undefined, name);
  return found;
}

const registry = builtinRegistry();
const load = (data: Record<string, unknown>) =>
  loadRun({
    object: {
      model: { from_config: TINY_LLAMA },
      tokenizer: "byte",
      training: { max_steps: 1 },
      data: { train: [{ rows: [{ text: "a" }] }], ...data },
    },
    registry,
  });

function keyOf(options: Partial<DataValues>): Promise<string | null> {
  return cacheKey({
    registry,
    files: [],
    recipe: {
      tokenizer: { kind: "tokenizer", choice: "byte" },
      addedTokens: [],
      sources: [],
      host: {
        plugins: [],
        modelDir: null,
        modelConfig: null,
        seed: 1,
        base: "/",
      },
    },
  }, {
    sources: [],
    tokenizer: byteTokenizer({ add_bos: false }),
    options: { ...DATA_DEFAULTS, ...options },
  });
}

for (const name of dataOptionNames()) {
  const option = DATA_OPTIONS[name];
  Deno.test(`data.${name}: its row in the list is its default, its schema, its part in the cache's key and on resume`, async () => {
    const other = otherValue(name);
    assert.equal(DATA_DEFAULTS[name], option.default);
    const written = schemaAt(runJsonSchema(registry), ["data", name]);
    assert.equal(written?.description, option.description);
    assert.deepEqual(written?.default, option.default);

    const [usual, changed] = [await load({}), await load({ [name]: other })];
    assert.equal(usual.config.data[name], option.default);
    assert.deepEqual(changed.config.data[name], other);
    const creating = creatingWith(registry, { seed: 1, base: "/" });
    const given = await dataOptions(changed, creating);
    assert.deepEqual(given[name], other, "the pipeline gets it");

    const [before, after] = [await keyOf({}), await keyOf({ [name]: other })];
    assert.equal(before !== after, option.changes === "tokens", "cache key");

    const data = (value: unknown) =>
      JSON.parse(JSON.stringify({ data: { [name]: value } })) as ConfigData;
    const [difference] = configDifference(data(option.default), data(other));
    assert.equal(difference.harmless, option.changes === "nothing", "resume");
  });
}

Deno.test("a data option takes two files: the list, and where it is used", () => {
  const root = new URL("../../../../", import.meta.url);
  const filesWith = (name: string) =>
    ["core", "plugins", "formats"].flatMap((folder) =>
      walk(new URL(`${folder}/`, root))
    )
      .filter((url) =>
        new RegExp(`\\b${name}\\b`).test(
          Deno.readTextFileSync(fromFileUrl(new URL(url)))
            .replaceAll(/\/\*[^]*?\*\/|\/\/.*/g, ""), // comments may explain it
        )
      )
      .map((url) => url.slice(root.href.length)).sort();
  const LIST = "core/config/schema/data_options.ts";
  assert.deepEqual(filesWith("include_system_prompt"), [
    LIST,
    "core/data/examples/tokenize_example.ts",
  ]);
  // what carries options from the run file to the pipeline names none of them
  const carriers = [
    "core/config/schema/data_schema.ts",
    "core/config/types.ts",
    "core/config/difference.ts",
    "core/data/types.ts",
  ];
  for (const name of dataOptionNames()) {
    if (!name.includes("_")) continue; // words that name other things, too
    const found = filesWith(name);
    assert.deepEqual(carriers.filter((file) => found.includes(file)), [], name);
  }
});
