/**
 * A head of its own for a model that uses its embedding as one: for adapters that train one of the two and
 * not the other. It starts as the embedding.
 *
 * ```text
 * tied      embed_tokens (V, C) ---- rows of tokens, and the head
 * untied    embed_tokens (V, C) ---- rows of tokens
 *           lm_head (V, C) --------- the head: the same numbers, until one of them is trained
 * ```
 * @module
 */
import { ConfigError } from "../../contracts/errors.ts";
import type { Adapter } from "../../contracts/adapter.ts";
import { inventoryOf } from "../../engine/model/build_model.ts";
import type { OpenedModel } from "./opened_model.ts";

/** The model that an adapter is attached to: untied where it trains head and embedding apart. */
export function modelFor(adapter: Adapter, model: OpenedModel): OpenedModel {
  const inventory = inventoryOf(model.spec, 2);
  return adapter.untiesHead?.(inventory) === true ? untieHead(model) : model;
}

/** The untied model; as it is where it has a head of its own. Throws `ConfigError` where that cannot be. */
export function untieHead(model: OpenedModel): OpenedModel {
  const { spec, architecture, fresh } = model;
  if (!spec.head.tied) return model;
  const table = spec.head.name;
  const own = architecture.describe({
    ...spec.config,
    tie_word_embeddings: false,
  });
  const head = own.head.name;
  if (own.head.tied || head === table) {
    throw new ConfigError(
      `The head of ${model.name} cannot be trained apart from its embedding: tie_word_embeddings in its config does not separate them`,
    );
  }
  return {
    ...model,
    // the file has the head's numbers under its own name, if it was ever separate, else as the embedding
    spec: {
      ...own,
      aliases: (name) =>
        name === head
          ? [...own.aliases(head), table, ...spec.aliases(table)]
          : own.aliases(name),
    },
    fresh: fresh === null
      ? null
      : { ...fresh, tables: new Set([...fresh.tables, head]) },
    headStartsAs: table,
  };
}
