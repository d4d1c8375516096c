/**
 * A tracker receives the events of a run. Every event is one object, `metrics.jsonl` writes it as it is:
 * names are those of that file. Numbers are finite or null; times are seconds.
 * @module
 */
import type { Json } from "./json.ts";

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
  /** Parameters, trained and frozen, bytes. */
  readonly weights: number;
  /** Gradients, bytes. */
  readonly gradients: number;
  /** Optimizer state, bytes. */
  readonly optimizer: number;
  /** Values between layers, bytes. */
  readonly activations: number;
  /** Keys and values of generation, bytes. */
  readonly cache: number;
  /** Batches and what is read back, bytes. */
  readonly inputs: number;
  /** The process itself, where the device shares its memory; an estimate, bytes. */
  readonly runtime?: number;
  /** All of these, bytes. */
  readonly total: number;
  /** What the run may use: `memory_limit`, or what the device has. */
  readonly available: number;
}

/** What a run is, before its first step. */
export interface StartEvent extends EventPlace {
  /** The kind of event. */
  readonly event: "start";
  /** Version of denotune. */
  readonly version: string;
  /** The run folder, as the user wrote it. */
  readonly output_dir: string;
  /** The model as people call it: its path or Hub id, or its type when it starts from random weights. */
  readonly model: string;
  /** `model_type` of its config. */
  readonly model_type: string;
  /** Numbers in the model and its adapter. */
  readonly parameters: number;
  /** How many of them are trained. */
  readonly trained_parameters: number;
  /** `lora`, or null where all weights are trained. */
  readonly adapter: string | null;
  /** Name of the optimizer. */
  readonly optimizer: string;
  /** Name of the schedule. */
  readonly schedule: string;
  /** Key of everything random. */
  readonly seed: number;
  /** Name of the backend. */
  readonly backend: string;
  /** The hardware, as people know it. */
  readonly device: string;
  /** Why the backend was chosen; null where the run file names it. */
  readonly backend_reason: string | null;
  /**
   * What Deno allowed the process, as far as a run has use for it: `net` where all of the network, `net:a.example:443`
   * where so much, and nothing of what it did not allow.
   */
  readonly permissions: readonly string[];
  /** Rows of the training data that are used; null, as other counts below: they are streamed. */
  readonly rows: number | null;
  /** Rows left out: nothing in them is trained, or they cannot be read. */
  readonly skipped_rows: number | null;
  /** Rows kept for evaluation. */
  readonly eval_rows: number;
  /** Packs that the rows make; null where nothing is packed. */
  readonly packs: number | null;
  /** Tokens of one epoch, and how many of them are trained. */
  readonly tokens: number | null;
  /** Trained tokens of one epoch. */
  readonly trained_tokens: number | null;
  /** How examples are written and what is trained, by the parts' names. */
  readonly template: string;
  /** Name of the masker. */
  readonly masker: string;
  /** Rows of a micro-batch. */
  readonly batch_size: number;
  /** Micro-batches of a step. */
  readonly gradient_accumulation_steps: number;
  /** Optimizer steps of an epoch. */
  readonly steps_per_epoch: number | null;
  /** Optimizer steps of the run. */
  readonly total_steps: number;
  /** Epochs of the run. */
  readonly epochs: number;
  /** Device memory as planned. */
  readonly memory: MemoryFields;
  /** The step at which the run resumes, or null for a new one. */
  readonly resumed_at: number | null;
}

/** The steps since the last such event. Loss and accuracy are averages by token. */
export interface StepEvent extends EventPlace {
  /** The kind of event. */
  readonly event: "step";
  /** Average of natural logarithms; null: not finite, or nothing was trained. */
  readonly loss: number | null;
  /** Share of trained tokens that the model would have written; null: the objective's loss does not say. */
  readonly token_accuracy: number | null;
  /** Learning rate of the last step, at factor 1 of its group. */
  readonly learning_rate: number;
  /** Norm of all gradients before clipping, of the last step; null: it was not finite. */
  readonly grad_norm: number | null;
  /** Tokens that carried a label, since the last event and since the run began. */
  readonly trained_tokens: number;
  /** Trained tokens since the run began. */
  readonly total_trained_tokens: number;
  /** Tokens read (padding does not count), and tokens trained. */
  readonly tokens_per_second: number | null;
  /** Trained tokens a second. */
  readonly trained_tokens_per_second: number | null;
  /** Share of the places that were padding, in [0, 1]. */
  readonly padded_share: number;
  /** Estimate; null where it is not known yet. */
  readonly seconds_left: number | null;
  /** Updates left out so far because the norm was not finite. */
  readonly skipped_updates: number;
  /** What gradients are multiplied by in `precision: float16`, after this step; absent elsewhere. */
  readonly loss_scale?: number;
  /** Loss by data source, where there is more than one. */
  readonly source_losses?: Readonly<Record<string, number | null>>;
  /** What the objective's own loss measures, by name. */
  readonly metrics?: Readonly<Record<string, number | null>>;
}

/** An epoch is over. */
export interface EpochEvent extends EventPlace {
  /** The kind of event. */
  readonly event: "epoch";
  /** Average over the trained tokens of the epoch. */
  readonly epoch_loss: number | null;
  /** Trained tokens of the epoch. */
  readonly trained_tokens: number;
  /** How long it took. */
  readonly seconds: number;
}

/** An evaluation is over. The values that evaluators return are added as `eval_<name>` and `eval_<name>_<what>`. */
export interface EvalEvent extends EventPlace {
  /** The kind of event. */
  readonly event: "eval";
  /** Average over the trained tokens; null where there are no rows for it. */
  readonly eval_loss: number | null;
  /** e to the loss. */
  readonly eval_perplexity: number | null;
  /** Share of trained tokens that the model would have written. */
  readonly eval_token_accuracy: number | null;
  /** How long it took. */
  readonly eval_seconds: number;
  /**
   * What an evaluator gave. Also `eval_loss_error` and `eval_draws` where the loss is the mean of several draws of the
   * objective's random numbers: its standard error, and how many draws they were.
   */
  readonly [metric: `eval_${string}`]: number | null;
}

/** What an evaluator gave besides figures. Comes right after the `eval` that it belongs to. */
export interface ResultEvent extends EventPlace {
  /** The kind of event. */
  readonly event: "result";
  /** Name of the evaluator. */
  readonly evaluator: string;
  /** A table: one object a row, all with the same columns. */
  readonly records: readonly Readonly<Record<string, Json>>[];
  /** The file that has them, one JSON object a line; null where there are none. */
  readonly path: string | null;
  /** Whether its threshold is kept; null where none is set. */
  readonly verdict:
    | { readonly passed: boolean; readonly reason: string }
    | null;
}

/** What the model answers to a prompt of `samples.prompts`. */
export interface SampleEvent extends EventPlace {
  /** The kind of event. */
  readonly event: "sample";
  /** When it was asked; `request`: by somebody who watches the run. */
  readonly at: "start" | "eval" | "end" | "request";
  /** Index in `samples.prompts`, or in `sample_prompts.json` of the run folder where that is there. */
  readonly index: number;
  /** What was asked. */
  readonly prompt: string;
  /** What the model answered. */
  readonly text: string;
  /** Why the answer ended: a stop, or `max_new_tokens`. */
  readonly finish: "stop" | "length";
}

/** Something was written. */
export interface SaveEvent extends EventPlace {
  /** The kind of event. */
  readonly event: "save";
  /** What was written. */
  readonly kind: "checkpoint" | "model" | "adapter";
  /** The folder. */
  readonly path: string;
  /** Older checkpoints that were deleted (`save_total_limit`). */
  readonly removed: readonly string[];
}

/** Something that the user should know: a fallback, a chosen default, a warning. */
export interface NoticeEvent extends EventPlace {
  /** The kind of event. */
  readonly event: "notice";
  /** How serious it is. */
  readonly level: "info" | "warning";
  /** The sentence. */
  readonly message: string;
}

/** Progress of a task: sent often, never stored. */
export interface ProgressEvent extends EventPlace {
  /** The kind of event. */
  readonly event: "progress";
  /** What is being done, as a person would say it: `tokenizing`, `evaluating`. */
  readonly task: string;
  /** How many are done. */
  readonly done: number;
  /** Null where it is not known. */
  readonly total: number | null;
}

/** Calls of one kernel for one part of the model. */
export interface KernelShare {
  /** The kernel: `matmul NT 64x64x16 of 4x4`. */
  readonly kernel: string;
  /** What it was called for: `layers.0.mlp.down_proj`. */
  readonly label: string;
  /** Time of all calls together. */
  readonly seconds: number;
  /** How often it was called. */
  readonly calls: number;
}

/** What the run's steps spent on the device: sent once, where the backend measures (`profile: true`). */
export interface ProfileEvent extends EventPlace {
  /** The kind of event. */
  readonly event: "profile";
  /** Steps that were measured: all of this process but the first. */
  readonly steps: number;
  /** Sums over these steps, most time first. */
  readonly kernels: readonly KernelShare[];
  /** Other things, a step: `dispatches`, `submits`, `bindGroups` that were made. */
  readonly counts: Readonly<Record<string, number>>;
}

/** The run is over. */
export interface EndEvent extends EventPlace {
  /** The kind of event. */
  readonly event: "end";
  /** How the run ended. */
  readonly status: "done" | "interrupted" | "failed";
  /** How long it took. */
  readonly seconds: number;
  /** Trained tokens since the run began. */
  readonly total_trained_tokens: number;
  /** Updates left out because the norm was not finite. */
  readonly skipped_updates: number;
  /** Where the trained model or adapter is, or the checkpoint from which an interrupted run can resume. */
  readonly path: string | null;
  /** What went wrong, where something did. */
  readonly error: string | null;
}

/** Every event that trackers receive. */
export type TrackerEvent =
  | StartEvent
  | StepEvent
  | EpochEvent
  | EvalEvent
  | ResultEvent
  | SampleEvent
  | SaveEvent
  | NoticeEvent
  | ProgressEvent
  | ProfileEvent
  | EndEvent;

/** What a tracker knows of the run. */
export interface TrackerContext {
  /** Absolute path of the run folder: it exists. */
  readonly outputDir: string;
  /** Optimizer steps of the run. */
  readonly totalSteps: number;
  /** The step at which the run resumes; 0 for a new run. */
  readonly resumedAt: number;
  /** The run file with every default filled in: what `config.resolved.yaml` has. */
  readonly settings: { readonly [key: string]: Json };
}

/**
 * Receives events. One that throws is named in a warning and receives no more events: the run continues. So is one
 * whose `start` or `close` does not end within 30 seconds.
 */
export interface Tracker {
  /** Whether people watch it: it is closed after the others, and shows what they could not finish. */
  readonly watched?: boolean;
  /** Called once, before the first event; training waits for it. */
  start(context: TrackerContext): void | Promise<void>;
  /** Optional: progress before `start`, while data are prepared; nothing of the run is known yet. */
  preparing?(event: ProgressEvent): void;
  /** Called for each event, in order. Must be quick: it runs beside the training. */
  event(event: TrackerEvent): void;
  /** Called once, after the last event, whether or not the run succeeded. */
  close(): void | Promise<void>;
}
