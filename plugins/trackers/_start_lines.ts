/**
 * What is said of a run before it starts.
 * @module
 */
import {
  type MemoryFields,
  showBytes,
  showWhole,
  type StartEvent,
} from "@denotune/denotune/core";
import { short } from "./_format.ts";
import type { Terminal } from "./_terminal.ts";

/** A title and one line each for model, data, backend and memory. */
export function startLines(event: StartEvent, terminal: Terminal): string[] {
  const entry = (name: string, text: string) =>
    `${terminal.style("dim", name.padEnd(8))} ${text}`;
  return [
    terminal.style("bold", `denotune ${event.version}`) +
    `  ${event.output_dir}` +
    (event.resumed_at === null ? "" : `, resumed at step ${event.resumed_at}`),
    entry("model", modelLine(event)),
    ...(event.trained_parameters < event.parameters
      ? [
        `${terminal.style("dim", "trainable")} ${
          showWhole(event.trained_parameters)
        } of ${showWhole(event.parameters)} (${
          (100 * event.trained_parameters / event.parameters).toFixed(2)
        }%)`,
      ]
      : []),
    entry("data", dataLine(event)),
    entry(
      "train",
      `${event.optimizer}, ${event.schedule} · seed ${event.seed}`,
    ),
    entry(
      "backend",
      `${event.backend} · ${event.device}` +
        (event.backend_reason === null ? "" : ` (${event.backend_reason})`),
    ),
    entry("memory", memoryLine(event.memory)),
  ];
}

function modelLine(event: StartEvent): string {
  const trained = event.adapter ??
    (event.trained_parameters < event.parameters
      ? "the rest frozen"
      : "all trained");
  return `${event.model} · ${event.model_type} · ${
    short(event.parameters)
  } parameters, ${trained}`;
}

/** `999 rows -> 212 packs -> 53 steps an epoch`, and the text around it. */
function dataLine(event: StartEvent): string {
  const { rows, packs, steps_per_epoch, trained_tokens, tokens } = event;
  const flow = [
    ...(rows === null ? [] : [`${showWhole(rows)} rows`]),
    ...(packs === null ? [] : [`${showWhole(packs)} packs`]),
    ...(steps_per_epoch === null
      ? []
      : [`${showWhole(steps_per_epoch)} steps an epoch`]),
  ].join(" -> ");
  const parts = [
    flow === "" ? "streamed rows" : flow,
    ...(trained_tokens === null || tokens === null
      ? []
      : [`${short(trained_tokens)} of ${short(tokens)} tokens trained`]),
    `${showWhole(event.total_steps)} steps in all`,
    ...((event.skipped_rows ?? 0) > 0
      ? [`${showWhole(event.skipped_rows ?? 0)} rows skipped`]
      : []),
    ...(event.eval_rows > 0
      ? [`${showWhole(event.eval_rows)} rows to evaluate`]
      : []),
    `${event.template}, ${event.masker}`,
  ];
  return parts.join(" · ");
}

/** `weights 513 MB · gradients 47 MB · ... · total 1.0 of 8.0 GB` */
function memoryLine(memory: MemoryFields): string {
  const parts = [
    "weights",
    "gradients",
    "optimizer",
    "activations",
    "cache",
    "inputs",
    "runtime",
  ] as const;
  return [
    ...parts.flatMap((name) => {
      const size = memory[name] ?? 0;
      return size > 0 ? [`${name} ${showBytes(size)}`] : [];
    }),
    `total ${showBytes(memory.total)} of ${showBytes(memory.available)}`,
  ].join(" · ");
}
