/**
 * The mark of a saved model that is not decoded token by token: `generation_config.json` names the objective that
 * it was trained with, and its options.
 *
 * ```json
 * { "eos_token_id": 2, "denotune_objective": { "use": "masked-diffusion", "steps": 16 } }
 * ```
 * @module
 */
import { join } from "node:path";
import { isPlainObject } from "../config/parse/tree.ts";
import type { ResolvedChoice } from "../config/parts/choices.ts";
import { createPart, type Creating } from "../config/parts/create_part.ts";
import { describePart, isData } from "../config/schema/options_schema.ts";
import { ConfigError } from "../contracts/errors.ts";
import type { Json } from "../contracts/json.ts";
import type { Decoding, Objective } from "../contracts/objective.ts";
import { decodingOf } from "../engine/generate/decoding.ts";
import { readJsonObject } from "../io/json_file.ts";

/** Key of the mark in `generation_config.json`. */
export const OBJECTIVE_KEY = "denotune_objective";

/** The objective as a run file names it: `use` and its options. */
export type Mark = { readonly [key: string]: Json };

/** The mark of models trained with an objective; null: they are decoded token by token, as everybody does. */
export function markOf(
  objective: Objective,
  { part, options }: Pick<ResolvedChoice, "part" | "options">,
): Mark | null {
  if (decodingOf(objective) === "tokens") return null;
  const own = isPlainObject(options) ? Object.entries(options) : [];
  const mark: { [key: string]: Json } = { use: part.name };
  for (const [key, value] of own) if (isData(value)) mark[key] = value;
  return mark;
}

/** How a saved model writes. */
export interface SavedDecoding {
  readonly decoding: Exclude<Decoding, null>;
  readonly causal: boolean;
  /** The objective and its plugin, in messages. */
  readonly described: string;
}

/** The mark of a model: the first folder that has a `generation_config.json` says it (an adapter, then its base). */
export function readMark(
  folders: readonly string[],
): { readonly path: string; readonly mark: Mark } | null {
  for (const path of folders) {
    const config = readJsonObject(join(path, "generation_config.json"));
    if (config === null) continue;
    const found = config[OBJECTIVE_KEY];
    if (!isPlainObject(found)) return null;
    const mark: { [key: string]: Json } = {};
    for (const [key, value] of Object.entries(found)) {
      if (isData(value)) mark[key] = value;
    }
    return { path, mark };
  }
  return null;
}

/**
 * How the model of a folder, or of an adapter and its base, writes. Throws `ConfigError` where its objective is not known, or
 * brings no way to write: such a model is not decoded token by token without a word. `other`: options in the place of
 * those of the mark.
 */
export async function savedDecoding(
  folders: readonly string[],
  creating: Creating,
  other: Mark = {},
): Promise<SavedDecoding> {
  const found = readMark(folders);
  if (found === null) {
    if (Object.keys(other).length > 0) {
      throw new ConfigError(
        `The model in ${
          folders[0]
        } is decoded token by token: the options of decoding (${
          Object.keys(other).join(", ")
        }) do not apply to it; leave them out`,
      );
    }
    return { decoding: "tokens", causal: true, described: "" };
  }
  const { path, mark } = found;
  const use = String(mark.use);
  const part = creating.registry.find("objective", use);
  if (part === undefined) {
    throw new ConfigError(
      `The model in ${path} was trained with the objective "${use}", which says how it writes, and no plugin here brings it: name its plugin (--plugin, or \`plugins\`)`,
    );
  }
  const described = describePart(part);
  const objective = await createPart(
    "objective",
    { ...mark, ...other, use },
    creating,
  );
  const decoding = decodingOf(objective);
  if (decoding === null) {
    throw new ConfigError(
      `The model in ${path} cannot write: the ${described}, with which it was trained, lets it see later tokens and says no way to write with it`,
    );
  }
  return { decoding, causal: objective.attention === "causal", described };
}
