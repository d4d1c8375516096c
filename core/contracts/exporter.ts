/**
 * An exporter writes a trained model in a layout that other tools load, and reads back what it wrote, so that the
 * file can be compared with what was trained before it is kept. It knows a layout; what there is to know of a model
 * family comes from the model part.
 *
 * ```text
 * run ─► merged weights, facts ─► check ─► write ─► files ─► read ─► weights again ─► the same answers?
 * ```
 *
 * A contract drawn ahead of its command: `export RUN --to NAME` is not there yet.
 * @module
 */
import type { Json } from "./json.ts";
import type { ModelSpec, WeightSpec } from "./model.ts";
import type { TokenizerFacts } from "./tokenizer.ts";

/** A tensor to export: read in pieces, so that no weight needs to be in memory whole. */
export interface ExportTensor extends Pick<WeightSpec, "name" | "shape"> {
  /** `count` numbers from `start` on, in the file's order, float32. Good until the next call. */
  read(start: number, count: number): Float32Array | Promise<Float32Array>;
}

/** The model, as its part describes it, with the weights that were trained. */
export interface ExportModel {
  /** Sizes, `config.json` and the head, from the model part. */
  readonly spec: Pick<
    ModelSpec,
    | "modelType"
    | "config"
    | "vocabSize"
    | "hiddenSize"
    | "layers"
    | "maxPositions"
    | "head"
  >;
  /** All weights by Hugging Face's names, an adapter merged, one after the other; a tied head is not among them. */
  readonly tensors: readonly ExportTensor[];
}

/** An adapter that is exported without its base. */
export interface ExportAdapter {
  /** `adapter_config.json`. */
  readonly config: { readonly [key: string]: Json };
  /** Its tensors, in PEFT's names. */
  readonly tensors: readonly ExportTensor[];
}

/** How text becomes tokens, and how turns are written. */
export interface ExportText {
  /** What the tokenizer knows: special tokens, ids, whether BOS is added. */
  readonly tokenizer: TokenizerFacts;
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
  /** An empty folder; it is moved in place when what it holds has been compared. */
  readonly folder: string;
  /** The whole model; of an exporter that writes adapters, the base. */
  readonly model: ExportModel;
  /** Null: the model is exported whole. */
  readonly adapter: ExportAdapter | null;
  /** Tokenizer, template and ends. */
  readonly text: ExportText;
  /** Aborts it. */
  readonly signal?: AbortSignal;
}

/** What was written, opened again. Dispose of it to close its files. */
export interface ExportReadBack extends Disposable {
  /** The weights as the file holds them, by Hugging Face's names, widened to float32. */
  readonly tensors: readonly ExportTensor[];
  /** What the file says of the rest, as far as its layout holds it; null: it holds none of it. */
  readonly text: Partial<Pick<ExportText, "template" | "stopIds">> | null;
}

/** Writes models in one layout. */
export interface Exporter {
  /** Whether it writes whole models, or adapters for a base that is exported apart. */
  readonly writes: "model" | "adapter";
  /** Largest relative error of a weight that its storage allows: 0 in float32. */
  readonly tolerance: number;
  /** Refuses what the layout cannot hold, before anything is written. Throws `ConfigError`. */
  check(request: Omit<ExportRequest, "folder">): void | Promise<void>;
  /** Writes into the folder; gives the names of the files. */
  write(request: ExportRequest): Promise<readonly string[]>;
  /** Opens what `write` wrote. */
  read(folder: string): Promise<ExportReadBack>;
}
