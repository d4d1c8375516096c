/**
 * What the main thread and the workers of preparation say to each other.
 * @module
 */
import type { RawRecord } from "../../contracts/source.ts";
import type { Tokenizer } from "../../contracts/tokenizer.ts";
import { type ErrorData, errorToData } from "../../device/protocol.ts";
import type { BridgeCommand } from "../../config/isolated/process/bridge.ts";
import { ConfigError, DataError, PluginError } from "../../contracts/errors.ts";
import type { PartOfSplit } from "../open_parts.ts";
import type { PreparedRows } from "../prepared/prepare_rows.ts";
import type { DrawnRow, PreparedDraw } from "../stream/types.ts";
import type { DataOptions, DataSource } from "../types.ts";
import type { HostRecipe, PartRecipe } from "./recipe.ts";

/** How a worker opens a source and makes its parts. */
export interface SourceRecipe {
  /** Before it is detected. */
  readonly format: PartRecipe;
  /** Name of the format that was detected; null where the run file names one. */
  readonly detected: string | null;
  /** Made with the worker's tokenizer. */
  readonly template: PartRecipe;
  /** What is trained. */
  readonly masker: PartRecipe;
  /** What reads the files; `auto`: as the format asks for, else by their names. */
  readonly source: PartRecipe | "auto";
  /** Its files; null for rows in memory, which are sent. */
  readonly parts: readonly PartOfSplit[] | null;
}

/** All that workers make for themselves. */
export interface PrepareRecipe {
  /** What parts are made with. */
  readonly host: HostRecipe;
  /** The one tokenizer. */
  readonly tokenizer: PartRecipe;
  /** Texts that became tokens after the tokenizer was made. */
  readonly addedTokens: readonly string[];
  /** By index of the source; null for sources that stay on the main thread. */
  readonly sources: readonly (SourceRecipe | null)[];
}

/** What a worker needs to know of a source besides. */
export interface SourceSetup {
  readonly name: string;
  readonly side: NonNullable<DataSource["side"]>;
  readonly length: number;
  readonly fingerprint: string | null;
  /** The rows that a format is detected from, where the worker opens no files: rows in memory, and streams. */
  readonly sample: readonly RawRecord[] | null;
}

/** The first message to a worker. */
export interface OpenCommand {
  readonly type: "open";
  readonly recipe: PrepareRecipe;
  readonly sources: readonly SourceSetup[];
  readonly tokenizer: TokenizerIdentity;
  readonly options: DataOptions;
  readonly cacheDir: string;
}

/** Rows to prepare. */
export interface RowsCommand {
  readonly type: "rows";
  readonly id: number;
  readonly source: number;
  readonly from: number;
  readonly to: number;
  /** The rows, where the worker cannot read them itself. */
  readonly records: readonly RawRecord[] | null;
}

/** Streamed rows to prepare. */
export interface DrawCommand {
  readonly type: "draw";
  readonly id: number;
  readonly rows: readonly DrawnRow[];
}

/** Prepared rows as they are sent. */
export interface SentRows extends Omit<PreparedRows, "failure"> {
  readonly failure: ErrorData | null;
}

/** Prepared streamed rows as they are sent. */
export interface SentDraw extends Omit<PreparedDraw, "failure"> {
  readonly failure: ErrorData | null;
}

/** What a worker says. */
export type WorkerAnswer =
  | { readonly type: "ready" }
  /** Asks the main thread to start or end the process of a plugin: see `Bridges`. */
  | { readonly type: "bridge"; readonly command: BridgeCommand }
  /** Whether its tokenizer is that of the run; where not, it prepares nothing. */
  | { readonly type: "opened"; readonly isSame: boolean }
  | { readonly type: "failed"; readonly error: ErrorData }
  | {
    readonly type: "rows";
    readonly id: number;
    readonly rows: SentRows;
    /** What they took. */
    readonly ms: number;
  }
  | { readonly type: "draw"; readonly id: number; readonly rows: SentDraw };

/** What two tokenizers must have in common to be taken for the same. */
export type TokenizerIdentity = Pick<
  Tokenizer,
  | "vocabSize"
  | "specialTokens"
  | "specialIds"
  | "addsBos"
  | "chatTemplate"
>;

/** The identity of a tokenizer, as data. */
export function identityOf(tokenizer: Tokenizer): TokenizerIdentity {
  const { vocabSize, specialTokens, specialIds, addsBos, chatTemplate } =
    tokenizer;
  return {
    vocabSize,
    specialTokens: { ...specialTokens },
    specialIds: { ...specialIds },
    addsBos,
    chatTemplate,
  };
}

/** An error of a worker: ours are of their class again. */
export function restoreError(data: ErrorData): Error {
  const options = data.cause === undefined
    ? undefined
    : { cause: restoreError(data.cause) };
  switch (data.name) {
    case "ConfigError":
      return new ConfigError(data.message, options);
    case "DataError":
      return new DataError(data.message, options);
    case "PluginError":
      return new PluginError(data.message, options);
  }
  const error = new Error(data.message, options);
  error.name = data.name;
  if (data.stack !== undefined) error.stack = data.stack;
  return error;
}

export { type ErrorData, errorToData };
