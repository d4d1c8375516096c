/**
 * The key of a prepared set: everything that its ids, weights and counts depend on.
 * @module
 */
import { createHash, type Hash } from "node:crypto";
import { createReadStream } from "node:fs";
import { readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { dataValues } from "../../config/schema/data_options.ts";
import { isData } from "../../config/schema/options_schema.ts";
import type { Tokenizer } from "../../contracts/tokenizer.ts";
import type { Registry } from "../../contracts/registry.ts";
import type { DataOptions, DataSource } from "../types.ts";
import { identityOf, type PrepareRecipe } from "../workers/protocol.ts";
import type { PartRecipe } from "../workers/recipe.ts";
import { codeHash } from "./module_hash.ts";

/** How entries are laid out; another number, and none from before is found. */
const LAYOUT = 4;

/** What a key is made of, besides the sources. */
export interface CacheIdentity {
  /** Whose plugins' code counts. */
  readonly registry: Registry;
  /** Parts and options, as workers would make them. */
  readonly recipe: PrepareRecipe;
  /** Files that the parts of the sources asked for. */
  readonly files: readonly string[];
}

/** The key, or null where the content of an input cannot be hashed. */
export async function cacheKey(
  { registry, recipe, files }: CacheIdentity,
  { sources, tokenizer, options }: {
    sources: readonly DataSource[];
    tokenizer: Tokenizer;
    options: DataOptions;
  },
): Promise<string | null> {
  const code = await codeHash(registry);
  if (code === null) return null;
  const parts: unknown[] = [];
  for (const [k, source] of sources.entries()) {
    const made = recipe.sources[k];
    if (made === null || !isWritable(source, made.parts === null)) return null;
    parts.push([
      source.store.fingerprint,
      written(made.format),
      made.detected,
      written(made.template),
      written(made.masker),
      made.source === "auto" ? null : written(made.source),
      source.max_rows ?? null,
      source.side ?? "all",
    ]);
  }
  const { plugins, modelDir, modelConfig } = recipe.host;
  const isStrange = plugins.length > 1;
  const { train_first_token, fill_answer_to, eval_fraction, seed } = options;
  const hash = createHash("sha256").update(JSON.stringify([
    LAYOUT,
    code,
    parts.map(withoutUndefined),
    withoutUndefined(written(recipe.tokenizer)),
    identityOf(tokenizer),
    // nothing of ours but eval_fraction draws by the seed
    isStrange || eval_fraction > 0 ? seed : null,
    isStrange ? modelConfig : null,
    dataValues(options, "tokens"),
    train_first_token,
    fill_answer_to,
  ]));
  const own = tokenizer.files({ chatTemplate: null });
  for (const name of Object.keys(own).sort()) {
    hash.update(`${name} ${own[name].length}\n`).update(own[name]);
  }
  // a stranger's part may read what came with the model
  const folder = isStrange && modelDir !== null ? [modelDir] : [];
  for (const path of [...files, ...folder]) await hashPath(path, hash);
  return hash.digest("hex").slice(0, 40);
}

/** Rows in memory are hashed as JSON: what JSON cannot hold would not count. */
function isWritable({ store }: DataSource, inMemory: boolean): boolean {
  if (!inMemory) return true;
  for (let i = 0; i < store.length; i++) {
    if (!isData(store.at(i).value)) return false;
  }
  return true;
}

/** A part without the places where its paths start: the files behind them count. */
function written(recipe: PartRecipe): unknown {
  return "choice" in recipe ? recipe.choice : [recipe.name, recipe.options];
}

function withoutUndefined(value: unknown): unknown {
  return JSON.parse(
    JSON.stringify(value, (_, inner) => inner === undefined ? null : inner),
  );
}

/** The content of a file; of a folder names, sizes and times. */
async function hashPath(path: string, hash: Hash): Promise<void> {
  const info = await stat(path).catch(() => null);
  hash.update(`${path} ${info?.size ?? "-"}\n`);
  if (info?.isFile()) {
    for await (const bytes of createReadStream(path)) hash.update(bytes);
  }
  if (!info?.isDirectory()) return;
  for (const name of (await readdir(path)).sort()) {
    const inner = await stat(join(path, name)).catch(() => null);
    hash.update(`${name} ${inner?.size} ${inner?.mtimeMs}\n`);
  }
}
