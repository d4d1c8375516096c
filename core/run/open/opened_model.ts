/**
 * A model that is open: its files and what was changed about them.
 * @module
 */
import type { Architecture, ModelSpec } from "../../contracts/model.ts";
import type { ModelFolder } from "../../io/model_folder.ts";

/** Rows that the model's files do not have, or have and do not use. */
export interface FreshRows {
  /** Weights that have a row for each token, (V, C): the embedding, and a head of its own. */
  readonly tables: ReadonlySet<string>;
  /** Rows that were in use; the next `count` are fresh. */
  readonly used: number;
  readonly count: number;
  /** Rows of the tables in the files. */
  readonly stored: number;
}

/** A model whose weights have not been read. */
export interface OpenedModel extends Disposable {
  readonly spec: ModelSpec;
  /** What made the spec of a config. */
  readonly architecture: Architecture;
  /** Rows for tokens that the files do not have; null: none. */
  readonly fresh: FreshRows | null;
  /** The embedding that a head of its own starts as, where the files tie them. */
  readonly headStartsAs?: string;
  /** A head of the objective's, which the files need not have; it is trained from its start. */
  readonly ownHead?: string;
  /** Folder of the files, or null with `from_config`. */
  readonly folder: ModelFolder | null;
  /** The model as people call it: its Hub id, its path, or its type. */
  readonly name: string;
  /** Hub id and commit, where it came from the Hub. */
  readonly hub: { readonly id: string; readonly commit: string } | null;
}
