/**
 * The event before the first step.
 * @module
 */
import type { LoadedRun } from "../config/load.ts";
import { chosenAt } from "../config/chosen_at.ts";
import { grantedOf } from "../permissions.ts";
import { VERSION } from "../version.ts";
import type { ChosenDevice } from "./open/choose_backend.ts";
import type { PlannedEngine } from "../engine/plan_engine.ts";
import type { NewEvent } from "./events.ts";
import type { MemoryNeed } from "./open/memory_check.ts";
import type { OpenedData } from "./open/open_data.ts";
import type { OpenedModel } from "./open/opened_model.ts";

/** The start event of a run. */
export function startEvent(of: {
  readonly run: LoadedRun;
  readonly model: OpenedModel;
  readonly data: OpenedData;
  readonly planned: PlannedEngine;
  readonly chosen: ChosenDevice;
  readonly need: MemoryNeed;
  readonly steps: number;
  readonly resumedAt: number | null;
}): NewEvent {
  const { run, model, data, planned, chosen } = of;
  const { config } = run;
  const report = data.stream === null ? data.train.report : null;
  const name = (kind: "adapter" | "optimizer" | "schedule") =>
    chosenAt(run, kind, kind)?.part.name ?? null;
  return {
    event: "start",
    version: VERSION,
    output_dir: config.output_dir,
    model: model.name,
    model_type: model.spec.modelType,
    parameters: planned.trainables?.total ?? 0,
    trained_parameters: planned.trainables?.trained ?? 0,
    adapter: name("adapter"),
    optimizer: name("optimizer") ?? "",
    schedule: name("schedule") ?? "",
    seed: config.seed,
    backend: chosen.name,
    device: chosen.device.info.description,
    backend_reason: chosen.reason,
    permissions: grantedOf([
      `read:${config.output_dir}`,
      `write:${config.output_dir}`,
      "net:huggingface.co:443",
      "env:HOME",
      "sys:hostname",
      "sys:systemMemoryInfo",
      ...[...run.choices.values()].flatMap(({ part, options }) =>
        part.permissions?.(options) ?? []
      ),
    ]),
    rows: report?.rows ?? null,
    skipped_rows: report === null
      ? null
      : report.untrainedRows + report.refusedRows +
        report.truncation.rowsDropped,
    eval_rows: data.evaluation?.length ?? 0,
    packs: report !== null && report.packs < report.examples
      ? report.packs
      : null,
    tokens: report?.tokens ?? null,
    trained_tokens: report?.trainedTokens ?? null,
    template: data.templateName,
    masker: data.maskerName,
    batch_size: config.training.batch_size,
    gradient_accumulation_steps: config.training.gradient_accumulation_steps,
    steps_per_epoch: report?.steps ?? null,
    total_steps: of.steps,
    epochs: config.training.epochs,
    memory: {
      ...planned.report,
      runtime: of.need.runtime,
      total: of.need.total,
      available: of.need.limit,
    },
    resumed_at: of.resumedAt,
  };
}
