/**
 * `modules_to_save`: layers that are trained whole, and what that means for an embedding that is the head too.
 *
 * ```text
 * a tied model, ensure_weight_tying  true                          false
 * embed_tokens                       one table, trained in both    the table; the head stays the base's
 * lm_head                            (refused: list the table)     the head; the table stays the base's
 * both                               one table, trained in both    each trained apart
 * ```
 * @module
 */
import {
  ConfigError,
  type SavedAdapter,
  type Site,
  type WeightSpec,
} from "@denotune/denotune/core";
import type { LoraOptions } from "./_options.ts";

/** What there is to save. */
export interface SavableModel {
  readonly sites: readonly Site[];
  readonly weights: readonly WeightSpec[];
}

/** The head's name in PEFT, tied or not. */
const HEAD = "lm_head";
/** The head's tensor in an adapter's file. */
const SAVED_HEAD = `base_model.model.${HEAD}.weight`;
/** Names by which PEFT 0.21 knows that an embedding or a head is meant. */
const KNOWN_BY_PEFT: readonly string[] = ["embed_tokens", HEAD];

/** Names of the modules that are trained whole. Throws `ConfigError` for a name that a new adapter has wrong. */
export function modulesToSave(
  model: SavableModel,
  o: LoraOptions,
  from: SavedAdapter | null,
): string[] {
  const modules = [
    ...new Set(model.weights.map(({ name }) => moduleOf(name))),
  ];
  if (from !== null) return savedModules(model, modules, { o, from });
  const saved = new Set<string>();
  for (const end of o.modules_to_save) {
    const found = modules.filter((name) => endsWith(name, end));
    if (found.length === 0) throw noModule(model.sites, modules, end);
    for (const name of found) saved.add(name);
  }
  return [...saved];
}

/** PEFT's rules: any end of a name (`norm` is every norm of a Llama), of a module with what is in it. */
function savedModules(
  model: SavableModel,
  modules: readonly string[],
  { o, from }: { o: LoraOptions; from: SavedAdapter },
): string[] {
  const names = (module: string) => {
    const parts = module.split(".");
    return parts.map((_, i) => parts.slice(0, i + 1).join("."));
  };
  const isListed = (module: string) =>
    names(module).some((name) =>
      o.modules_to_save.some((end) => name.endsWith(end))
    );
  const saved = modules.filter(isListed);
  const table = tiedTable(model);
  if (table !== null && isListed(HEAD) && !saved.includes(table)) {
    saved.push(table);
  }
  // a head of the file that is not listed takes the base's place when PEFT loads it
  if (
    table === null && modules.includes(HEAD) && !saved.includes(HEAD) &&
    from.tensors.has(SAVED_HEAD)
  ) saved.push(HEAD);
  return saved;
}

/** Whether the adapter trains the head and the embedding of a tied model apart. */
export function untiesHead(
  model: SavableModel,
  o: LoraOptions,
  from: SavedAdapter | null,
): boolean {
  const table = tiedTable(model);
  if (table === null || staysTied(o, from)) return false;
  const touches = (module: string) =>
    o.modules_to_save.some((end) =>
      from === null ? endsWith(module, end) : module.endsWith(end)
    );
  return touches(table) || touches(HEAD) ||
    from?.tensors.has(SAVED_HEAD) === true;
}

/** PEFT 0.21 heeds `ensure_weight_tying` for names that it knows; else a copy of the head in the file does it. */
function staysTied(o: LoraOptions, from: SavedAdapter | null): boolean {
  if (!o.ensure_weight_tying || from === null) return o.ensure_weight_tying;
  return from.tensors.has(SAVED_HEAD) ||
    o.modules_to_save.some((name) => KNOWN_BY_PEFT.includes(lastPart(name)));
}

/** The embedding of a model that has no other head, or null. */
function tiedTable({ sites }: SavableModel): string | null {
  const head = sites.find((s) => s.kind === "head");
  return head?.kind === "head" && head.tied ? moduleOf(head.name) : null;
}

/** The module that a weight belongs to: `lm_head.weight` -> `lm_head`. */
export function moduleOf(weight: string): string {
  return weight.slice(0, weight.lastIndexOf("."));
}

/** Whether `end` is a name or its last parts: `q_proj`, `self_attn.q_proj`. */
export function endsWith(name: string, end: string): boolean {
  return name === end || name.endsWith(`.${end}`);
}

/** The last part of a name: `model.layers.0.mlp.up_proj` -> `up_proj`. */
export function lastPart(name: string): string {
  return name.slice(name.lastIndexOf(".") + 1);
}

/** Names with the numbers of blocks left out, each once. */
export function listed(names: readonly string[]): string {
  const short = names.map((name) => name.replaceAll(/\.\d+(?=\.|$)/g, ".*"));
  return [...new Set(short)].join(", ");
}

function noModule(
  sites: readonly Site[],
  modules: readonly string[],
  end: string,
): ConfigError {
  const tied = sites.find((s) => s.kind === "head" && s.tied);
  if (tied?.kind === "head" && /head/.test(end)) {
    const table = moduleOf(tied.name);
    return new ConfigError(
      `adapter.modules_to_save has ${end}, but this model's head is its embedding ${table} (tied): list ${
        lastPart(table)
      }, which trains both uses, or set ensure_weight_tying to false to train the head alone`,
    );
  }
  return new ConfigError(
    `adapter.modules_to_save has ${end}, which no module of the model is called. There are: ${
      listed(modules)
    }`,
  );
}
