/**
 * Advice of `check`: values far from those that the field uses. Training never depends on it, and nothing is refused.
 *
 * Sources: 1e-5 to 5e-5 and 1 to 3 epochs for all weights of a pretrained model (practice of instruction tuning);
 * 1e-4 to 3e-4 for adapters, some ten times that (QLoRA, table 9; "LoRA Without Regret"); from random weights the
 * rate falls with size, 6e-4 at 125 M to 1.2e-4 at 6.7 B (GPT-3, table 2.1), smaller models take more.
 * @module
 */
import {
  type CheckedRun,
  type LoadedRun,
  showWhole,
} from "@denotune/denotune/core";

/** What advice is about: what `check` found of a run. */
export type Advised = Pick<
  CheckedRun,
  | "parameters"
  | "trainedParameters"
  | "adapter"
  | "learningRate"
  | "report"
  | "evaluationExamples"
  | "totalSteps"
>;

/** A range of learning rates. */
interface Rates {
  /** What is trained, in words. */
  readonly of: string;
  /** What the field uses. */
  readonly usual: readonly [number, number];
  /** What has been seen to work, and is not remarked on. */
  readonly wide: readonly [number, number];
}

/** Advice on a run, in sentences; none where nothing is far from what the field uses. */
export function adviceOn(run: LoadedRun, found: Advised): string[] {
  return [
    ...rateAdvice(run, found),
    ...epochAdvice(run, found),
    ...stepAdvice(found),
    ...evaluationAdvice(run, found),
    ...clippingAdvice(run),
    ...capacityAdvice(found),
  ];
}

/** What rates are usual for AdamW, by what is trained and how large the model is. */
function ratesOf(
  { config }: LoadedRun,
  { parameters, adapter }: Advised,
): Rates {
  if (adapter !== null && adapter !== "neftune") {
    return { of: "an adapter", usual: [1e-4, 3e-4], wide: [2e-5, 2e-3] };
  }
  const isSmall = parameters < 2e8;
  if (config.model.from_config !== null) {
    const of = `a model of ${millions(parameters)} from random weights`;
    if (parameters < 1e7) {
      return { of, usual: [5e-4, 4e-3], wide: [1e-4, 2e-2] };
    }
    if (isSmall) return { of, usual: [3e-4, 1e-3], wide: [5e-5, 4e-3] };
    return { of, usual: [1e-4, 4e-4], wide: [2e-5, 1e-3] };
  }
  const of = `all weights of a pretrained model of ${millions(parameters)}`;
  if (isSmall) return { of, usual: [1e-5, 1e-4], wide: [2e-6, 5e-4] };
  return { of, usual: [1e-5, 5e-5], wide: [5e-7, 1e-4] };
}

function rateAdvice(run: LoadedRun, found: Advised): string[] {
  if (ruleOf(run) !== "adamw") return []; // other rules have other scales
  const { of, usual: [low, high], wide } = ratesOf(run, found);
  const rate = found.learningRate;
  const usual = `${show(low)} to ${show(high)} is usual for ${of}`;
  if (rate > wide[1]) {
    return [
      `optimizer.learning_rate is ${
        show(rate)
      }, and ${usual}: a rate this high forgets what the model knew, or diverges`,
    ];
  }
  if (rate < wide[0]) {
    return [
      `optimizer.learning_rate is ${
        show(rate)
      }, and ${usual}: at a rate this low little is learned`,
    ];
  }
  return [];
}

/** The update rule: `ema` follows another one. */
function ruleOf({ choices, config }: LoadedRun): string {
  const name = choices.get("optimizer")?.part.name ?? "";
  const { optimizer } = config;
  if (name !== "ema" || typeof optimizer === "string") return name;
  const of: unknown = "of" in optimizer ? optimizer.of : "adamw";
  if (typeof of === "string") return of;
  return typeof of === "object" && of !== null && "use" in of
    ? String(of.use)
    : name;
}

function epochAdvice({ config }: LoadedRun, found: Advised): string[] {
  const { training, data, model } = config;
  if (data.streaming || model.from_config !== null) return [];
  if (training.early_stopping_patience !== null) return [];
  if (training.load_best_model_at_end) return [];
  const { rows, steps } = found.report;
  const epochs = Math.round(10 * found.totalSteps / Math.max(1, steps)) / 10;
  // small sets are seen more often in practice: what counts is the number of updates too
  const most = rows < 1000 ? 10 : 5;
  if (epochs <= most) return [];
  return [
    `${epochs} epochs over ${showWhole(rows)} rows: 1 to 3 are usual${
      rows < 1000 ? ", some more for so few rows" : ""
    }, later ones teach the rows by heart; set training.epochs=3, or let training.early_stopping_patience=2 and training.load_best_model_at_end=true decide`,
  ];
}

function stepAdvice({ totalSteps, report }: Advised): string[] {
  if (totalSteps >= 20 || report.rows < 40) return [];
  return [
    `The run has ${totalSteps} update${
      totalSteps === 1 ? "" : "s"
    } in all, too few to learn from ${
      showWhole(report.rows)
    } rows: a smaller training.batch_size or gradient_accumulation_steps gives more`,
  ];
}

function evaluationAdvice(
  { config }: LoadedRun,
  { evaluationExamples, report }: Advised,
): string[] {
  const measured = (evaluationExamples ?? 0) > 0 ||
    config.evaluators.length > 0;
  if (measured || report.rows < 50 || config.data.streaming) return [];
  return [
    "Nothing is evaluated, so that nobody sees when the model begins to learn its rows by heart: data.eval_fraction=0.1 holds some rows back",
  ];
}

function clippingAdvice({ config }: LoadedRun): string[] {
  const { max_grad_norm } = config.training;
  if (max_grad_norm !== null && max_grad_norm <= 10) return [];
  return [
    `training.max_grad_norm is ${max_grad_norm}: one bad batch can undo a run; 1 is usual`,
  ];
}

function capacityAdvice(
  { adapter, trainedParameters, report }: Advised,
): string[] {
  if (adapter !== null || trainedParameters < 5e8) return [];
  if (report.rows >= 1000) return [];
  return [
    `${millions(trainedParameters)} weights are trained on ${
      showWhole(report.rows)
    } rows; an adapter (adapter=lora) forgets less on so few, and takes less memory`,
  ];
}

/** 1e-4, 2.5e-5 */
function show(rate: number): string {
  return rate === 0 ? "0" : String(
    rate.toExponential().replace(/^(\d\.\d\d)\d*e/, "$1e"),
  );
}

/** 135 M, 1.7 B */
function millions(count: number): string {
  if (count >= 1e9) return `${(count / 1e9).toPrecision(2)} B`;
  return `${(count / 1e6).toPrecision(count < 1e7 ? 2 : 3)} M`;
}
