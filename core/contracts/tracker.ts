/**
 * A tracker is told what happens in a run. Every event is one object, `metrics.jsonl` writes it as it is:
 * names are those of that file. Numbers are finite or null; times are seconds.
 * @module
 */

/** Where in the run something happened. */
export interface EventPlace {
  /** Optimizer steps done. */
  readonly step: number;
  /** Epochs done, with the fraction: 1.5 is the middle of the second. */
  readonly epoch: number;
  /** Seconds since the run began (this process: it starts anew on resume). */
  readonly time: number;
}

/** Bytes of device memory by use, and how many there are. */
export interface MemoryFields {
  readonly weights: number;
  readonly gradients: number;
  readonly optimizer: number;
  readonly activations: number;
  readonly cache: number;
  readonly inputs: number;
  readonly total: number;
  /** What the device has for the run. */
  readonly available: number;
}

/** What a run is, before its first step. */
export interface StartEvent extends EventPlace {
  readonly event: "start";
  /** Version of denotune. */
  readonly version: string;
  readonly output_dir: string;
  /** The model as people call it: its path or Hub id, or its type when it starts from random weights. */
  readonly model: string;
  readonly model_type: string;
  readonly parameters: number;
  readonly trained_parameters: number;
  /** `lora`, or null where all weights are trained. */
  readonly adapter: string | null;
  readonly optimizer: string;
  readonly schedule: string;
  readonly seed: number;
  /** Name of the backend, the hardware behind it, and why it was chosen (null: the run file names it). */
  readonly backend: string;
  readonly device: string;
  readonly backend_reason: string | null;
  /** Rows of the training data, those left out, and those kept for evaluation. */
  readonly rows: number;
  readonly skipped_rows: number;
  readonly eval_rows: number;
  /** Packs that the rows make; null where nothing is packed. */
  readonly packs: number | null;
  /** Tokens of one epoch, and how many of them are trained. */
  readonly tokens: number;
  readonly trained_tokens: number;
  /** How examples are written and what is trained, by the parts' names. */
  readonly template: string;
  readonly masker: string;
  readonly batch_size: number;
  readonly gradient_accumulation_steps: number;
  readonly steps_per_epoch: number;
  readonly total_steps: number;
  readonly epochs: number;
  readonly memory: MemoryFields;
  /** The step at which the run goes on, or null for a new one. */
  readonly resumed_at: number | null;
}

/** The steps since the last such event. Loss and accuracy are averages by token. */
export interface StepEvent extends EventPlace {
  readonly event: "step";
  readonly loss: number | null;
  readonly token_accuracy: number | null;
  /** Learning rate of the last step, at factor 1 of its group. */
  readonly learning_rate: number;
  /** Norm of all gradients before clipping, of the last step; null: it was not finite. */
  readonly grad_norm: number | null;
  /** Tokens that carried a label, since the last event and since the run began. */
  readonly trained_tokens: number;
  readonly total_trained_tokens: number;
  /** Tokens read (padding does not count), and tokens trained. */
  readonly tokens_per_second: number | null;
  readonly trained_tokens_per_second: number | null;
  /** Share of the places that were padding, in [0, 1]. */
  readonly padded_share: number;
  readonly seconds_left: number | null;
  /** Updates left out so far because the norm was not finite. */
  readonly skipped_updates: number;
  /** Loss by data source, where there is more than one. */
  readonly source_losses?: Readonly<Record<string, number | null>>;
}

/** An epoch is over. */
export interface EpochEvent extends EventPlace {
  readonly event: "epoch";
  /** Average over the trained tokens of the epoch. */
  readonly epoch_loss: number | null;
  readonly trained_tokens: number;
  readonly seconds: number;
}

/** An evaluation is over. What evaluators return stands beside as `eval_<name>` and `eval_<name>_<what>`. */
export interface EvalEvent extends EventPlace {
  readonly event: "eval";
  /** Average over the trained tokens; null where there are no rows for it. */
  readonly eval_loss: number | null;
  readonly eval_perplexity: number | null;
  readonly eval_token_accuracy: number | null;
  readonly eval_seconds: number;
  readonly [metric: `eval_${string}`]: number | null;
}

/** What the model answers to a prompt of `samples.prompts`. */
export interface SampleEvent extends EventPlace {
  readonly event: "sample";
  /** When it was asked. */
  readonly at: "start" | "step" | "end";
  /** Index in `samples.prompts`. */
  readonly index: number;
  readonly prompt: string;
  readonly text: string;
  /** Why the answer ended: a stop, or `max_new_tokens`. */
  readonly finish: "stop" | "length";
}

/** Something was written. */
export interface SaveEvent extends EventPlace {
  readonly event: "save";
  readonly kind: "checkpoint" | "model" | "adapter";
  readonly path: string;
  /** Older checkpoints that were deleted (`save_total_limit`). */
  readonly removed: readonly string[];
}

/** Something that the user should know: a fallback, a chosen default, a warning. */
export interface NoticeEvent extends EventPlace {
  readonly event: "notice";
  readonly level: "info" | "warning";
  readonly message: string;
}

/** How far something is: often told, never kept. */
export interface ProgressEvent extends EventPlace {
  readonly event: "progress";
  /** What is being done, as a person would say it: `tokenizing`, `evaluating`. */
  readonly task: string;
  readonly done: number;
  /** Null where it is not known. */
  readonly total: number | null;
}

/** The run is over. */
export interface EndEvent extends EventPlace {
  readonly event: "end";
  readonly status: "done" | "interrupted" | "failed";
  readonly seconds: number;
  readonly total_trained_tokens: number;
  readonly skipped_updates: number;
  /** Where the trained model or adapter is, or the checkpoint from which an interrupted run goes on. */
  readonly path: string | null;
  /** What went wrong, where something did. */
  readonly error: string | null;
}

/** Everything that trackers are told. */
export type TrackerEvent =
  | StartEvent
  | StepEvent
  | EpochEvent
  | EvalEvent
  | SampleEvent
  | SaveEvent
  | NoticeEvent
  | ProgressEvent
  | EndEvent;

/** What a tracker knows of the run. */
export interface TrackerContext {
  /** Absolute path of the run folder: it exists. */
  readonly outputDir: string;
  readonly totalSteps: number;
  /** The step at which the run goes on; 0 for a new run. */
  readonly resumedAt: number;
}

/** Receives events. A throw ends the run: nothing is silent. */
export interface Tracker {
  /** Called once, before the first event. */
  start(context: TrackerContext): void | Promise<void>;
  /** Called for each event, in order. Must be quick: it runs beside the training. */
  event(event: TrackerEvent): void;
  /** Called once, after the last event, whether or not the run succeeded. */
  close(): void | Promise<void>;
}
