/**
 * The figures of an event under the names that Hugging Face's Trainer gives them: `train/loss`, `eval/loss`. A
 * tracker of curves needs no more.
 * @module
 */
import type {
  EvalEvent,
  StepEvent,
  TrackerEvent,
} from "@denotune/denotune/core";

/** Fields of a step that make no curve: they say where it is, or are lists of their own. */
const NOT_CURVES = new Set(["event", "step", "time", "seconds_left"]);

/** Figures by name, all finite; empty: the event has none. */
export function figuresOf(event: TrackerEvent): Record<string, number> {
  if (event.event === "step") return ofStep(event);
  if (event.event === "eval") return ofEvaluation(event);
  if (event.event === "epoch") {
    return finite({ "train/epoch_loss": event.epoch_loss });
  }
  return {};
}

function ofStep(
  { source_losses, metrics, ...step }: StepEvent,
): Record<string, number> {
  return finite({
    ...named("train/", step),
    ...named("train/loss_of/", source_losses ?? {}),
    ...named("train/", metrics ?? {}),
  });
}

function ofEvaluation(event: EvalEvent): Record<string, number> {
  return finite({
    ...Object.fromEntries(
      Object.entries(event).filter(([key]) => key.startsWith("eval_"))
        .map(([key, value]) => [`eval/${key.slice("eval_".length)}`, value]),
    ),
    "train/epoch": event.epoch,
  });
}

function named(prefix: string, values: object): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(values).filter(([key]) => !NOT_CURVES.has(key))
      .map(([key, value]) => [`${prefix}${key}`, value]),
  );
}

function finite(values: Record<string, unknown>): Record<string, number> {
  const kept: Record<string, number> = {};
  for (const [name, value] of Object.entries(values)) {
    if (typeof value === "number" && Number.isFinite(value)) kept[name] = value;
  }
  return kept;
}
