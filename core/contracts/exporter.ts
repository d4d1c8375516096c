/**
 * An exporter writes a trained model in a layout that other tools load, and reads back what it wrote, so that the
 * file can be compared with what was trained before it is kept. It knows a layout; what there is to know of a model
 * family comes from the model part (`ModelSpec`).
 *
 * ```text
 * run ─► ExportRequest ─► check ─► write ─► files ─► read ─► ExportReadBack ─► tensors, tokens, template, stops and
 *        (weights, text)                                                       answers as trained? kept : removed
 * ```
 * @module
 */
import type { AttachedAdapter } from "./adapter.ts";
import type { Json } from "./json.ts";
import type { ModelSpec, WeightSpec } from "./model.ts";
import type { Tokenizer } from "./tokenizer.ts";

/** A tensor to export: read in pieces, so that no model needs to be in memory whole. */
export interface ExportTensor extends Pick<WeightSpec, "name" | "shape"> {
  /** `count` numbers from `start` on, row-major, float32. Good until the next call. */
  read(start: number, count: number): Float32Array | Promise<Float32Array>;
}

/** A tensor that is copied as the model's own file has it. */
export interface ExportCopy extends Pick<WeightSpec, "name" | "shape"> {
  /** Type of its elements by the names of safetensors: `BF16`, `I64`, ... */
  readonly dtype: string;
  /** The bytes of `count` elements from `start` on. */
  readBytes(
    range: { readonly start: number; readonly count: number },
  ): Uint8Array;
}

/** The model, as its part describes it, with the weights that were trained. */
export interface ExportModel {
  /** All that the model part knows: sizes, `config.json`, the head, the function that builds the graph. */
  readonly spec: ModelSpec;
  /**
   * All weights by the names of `WeightSpec` (those of transformers' modules; `spec.fileName` gives the name in a
   * file), an adapter merged; a tied head is not among them.
   */
  readonly tensors: readonly ExportTensor[];
  /** Tensors of parts that are not built (a vision tower), which layouts of whole folders copy. */
  readonly carried: readonly ExportCopy[];
}

/** An adapter that is exported without its base. */
export interface ExportAdapter {
  /** `adapter_config.json`. */
  readonly config: { readonly [key: string]: Json };
  /** The adapter bound to `ExportModel.spec`: it rewrites the sites of the graph. */
  readonly attached: AttachedAdapter;
  /** Its tensors, in PEFT's names; among them weights of the base that were trained too (`attached.savedName`). */
  readonly tensors: readonly ExportTensor[];
}

/** How text becomes tokens, and how turns are written. */
export interface ExportText {
  /** Text to ids: what the exported model must agree with. */
  readonly tokenizer: Tokenizer;
  /** Its files by name: `tokenizer.json`, `tokenizer_config.json`, ... */
  readonly files: Readonly<Record<string, string>>;
  /** The Jinja chat template that writes what was trained; null: there is none. */
  readonly template: string | null;
  /** Ids at which an answer ends. */
  readonly stopIds: readonly number[];
  /** `generation_config.json`: how answers are drawn where the user says nothing. */
  readonly generation: { readonly [key: string]: Json };
}

/** What is to be written. */
export interface ExportRequest {
  /** An empty folder; it is moved into place when what it holds has been compared. */
  readonly folder: string;
  /** Name of the run or model, for metadata and file names: `capitals`. */
  readonly name: string;
  /** The whole model; for an exporter that writes adapters, the base. */
  readonly model: ExportModel;
  /** Null: the model is exported whole. */
  readonly adapter: ExportAdapter | null;
  /** Tokenizer, template and ends. */
  readonly text: ExportText;
  /** Aborts it: reading a tensor throws the signal's reason. */
  readonly signal?: AbortSignal;
}

/** How far a stored number may be from the number that was trained. */
export interface StorageError {
  /** Consecutive numbers of a row that share a scale: the error is a share of the largest of them. 1: its own size. */
  readonly block: number;
  /** Largest error, as a share of the block's largest number. 0: none. */
  readonly relative: number;
  /** Added to it, where a type has a smallest step (float16: 2^-25). Default 0. */
  readonly absolute?: number;
}

/** What the layout holds of the tokenizer and the rest, read from the file alone; what is absent it has no room for. */
export interface ReadBackText {
  /** `tokenizer.json` and `tokenizer_config.json` that say what the file says. */
  readonly files?: Readonly<Record<string, string>>;
  /** The chat template. */
  readonly template?: string | null;
  /** Ids at which an answer ends. */
  readonly stopIds?: readonly number[];
  /** Generation defaults, by the keys of `generation_config.json`; keys that the layout lacks are left out. */
  readonly generation?: { readonly [key: string]: Json };
}

/** What was written, opened again. Dispose of it to close its files. */
export interface ExportReadBack extends Disposable {
  /**
   * The weights as the file holds them, by the names in the request (an adapter's in PEFT's), widened to float32;
   * each may say how it is stored (`q4_0`), for the report.
   */
  readonly tensors: readonly (ExportTensor & { readonly storage?: string })[];
  /**
   * `config.json` as the file describes the model: the model part builds the graph from it, so that a wrong setting
   * gives wrong answers. Keys that the layout has no room for are those of the request. Null: it describes no model.
   */
  readonly config: { readonly [key: string]: Json } | null;
  /** What it holds besides; null: nothing. */
  readonly text: ReadBackText | null;
}

/** A prompt that a client is asked. */
export interface ClientPrompt {
  /** As the template writes it. */
  readonly text: string;
  /** Its tokens. */
  readonly ids: readonly number[];
  /** Tokens to answer, greedily, at most. */
  readonly maxNewTokens: number;
}

/** What a client answered. */
export interface ClientAnswers {
  /** Its name and version: `llama.cpp b6910`. */
  readonly client: string;
  /** The ids of each answer, with or without the end token; null: it says none. */
  readonly answers: readonly (readonly number[])[];
  /** Whether it rounds more than float32 does, so that near ties fall otherwise: answers are counted, not refused. */
  readonly approximate?: boolean;
}

/** Writes models in one layout. */
export interface Exporter {
  /** Whether it writes whole models, or adapters for a base that is exported apart. */
  readonly writes: "model" | "adapter";
  /** How far the numbers of a tensor may be off in the file. */
  storageError(tensor: Pick<WeightSpec, "name" | "shape">): StorageError;
  /**
   * How far the log-probability of a token may move, in nats: the mean over the tokens of all prompts. 1e-3 for
   * float32; what quantisation costs is reported, and refused beyond this.
   */
  readonly drift: number;
  /** Refuses what the layout or its clients cannot hold, before anything is written. Throws `ConfigError`. */
  check(request: Omit<ExportRequest, "folder">): void | Promise<void>;
  /** Writes into the folder; gives the names of the files. */
  write(request: ExportRequest): Promise<readonly string[]>;
  /** Opens what `write` wrote, or an older export in the same layout. Throws `DataError` for files that it cannot read. */
  read(request: ExportRequest): Promise<ExportReadBack>;
  /** Writes the figures of the comparison (JSON) into the metadata of the file. Absent: it has no room for them. */
  annotate?(request: ExportRequest, figures: string): Promise<void>;
  /**
   * Asks a program that loads this layout; null where none is installed, or this process may not run it. Absent: none
   * can be asked. Throws `DataError` where the program cannot load the files or ends: the export is refused.
   */
  client?(
    request: ExportRequest,
    prompts: readonly ClientPrompt[],
  ): Promise<ClientAnswers | null>;
}
