/**
 * How a saved model is loaded.
 * @module
 */
import type { StorageDtype } from "../config/types.ts";
import type { Quantization } from "../graph/dtype.ts";
import type { Json } from "../contracts/json.ts";
import type { Choice } from "../contracts/plugin.ts";
import type { RegistryOptions } from "../config/parts/open_registry.ts";

/** How a model is loaded. */
export interface LoadModelOptions extends RegistryOptions {
  /** A backend by name, or with options; `auto` (the default): a GPU, else the processor. */
  readonly backend?: Choice;
  /** Tokens that prompt and answer may have together; default 2048, or what the model was made for if less. */
  readonly contextLength?: number;
  /** Prompts answered at the same time (default 1). */
  readonly rows?: number;
  /** Whether `complete` may give log-probabilities and take constraints, penalties and biases (default false). */
  readonly logits?: boolean;
  /** Storage of the weights; by default what the run of the adapter in the folder trained beside, else float32. */
  readonly dtype?: StorageDtype;
  /**
   * Storage of the matrices of linear layers: `int8` or `nf4`; null: as `dtype` says. The head, and with it the token
   * embedding if both are tied, is stored in `int8` beside both. By default what the run of the adapter in the folder
   * trained beside, `model.quantization_pattern` included: there the head is as `dtype` says.
   */
  readonly quantization?: Quantization | null;
  /**
   * Adapters for this base, by names of your own: folders in PEFT's layout, finished runs or checkpoints.
   * The first is in use at the start; `use` of the loaded model chooses another. Where the folder
   * itself holds an adapter, that one is called `default` and comes first.
   */
  readonly adapters?: Readonly<Record<string, string>>;
  /**
   * Options of the objective that the folder names, in the place of those it was trained with: how a model that does
   * not write token by token decodes (`{steps: 8, remasking: "margin"}`).
   */
  readonly decoding?: Readonly<Record<string, Json>>;
  /** Receives messages for the user: which checkpoint was loaded, a fallback. */
  readonly onNotice?: (message: string) => void;
}
