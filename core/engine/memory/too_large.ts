/**
 * What to say of an engine that does not fit: its memory, and what would make it fit.
 * @module
 */
import type { DeviceInfo } from "../../contracts/backend.ts";
import { showBytes, showWhole } from "../../show_numbers.ts";
import { planEngine, type PlannedEngine } from "../plan_engine.ts";

/** Shortest context that is proposed, in tokens. */
const SHORTEST = 64;

/** Says what does not fit on a device. */
export function tooLarge(planned: PlannedEngine, info: DeviceInfo): string {
  const { request, report } = planned;
  const has = `${info.description} has ${showBytes(info.memoryBytes)} for it`;
  const needs = `needs ${showBytes(report.total)} of memory; ${has}`;
  if (request.train !== null) {
    return `The run ${needs}. Lower training.batch_size or data.max_length, set training.gradient_checkpointing, or train an adapter`;
  }
  const { generate } = request;
  if (generate === null) {
    return `The model ${needs}. Store it in fewer bits (--quantization int8 or nf4), or take a smaller one`;
  }
  const { capacity, rows } = generate;
  const fitting = fittingContext(planned, info);
  const context = `a context of ${showWhole(capacity)} tokens${
    rows === 1 ? "" : `, for ${rows} rows at a time,`
  }`;
  return fitting === null
    ? `The model ${needs}, and no context is short enough. Store it in fewer bits (--quantization int8 or nf4), or take a smaller one`
    : `The model with ${context} ${needs}. Ask for a shorter context (--context-length ${fitting} fits)`;
}

/** The longest context that fits, by halves; null: none does. */
function fittingContext(
  { request }: PlannedEngine,
  info: DeviceInfo,
): number | null {
  const { generate } = request;
  if (generate === null) return null;
  for (
    let capacity = Math.floor(generate.capacity / 2);
    capacity >= SHORTEST;
    capacity = Math.floor(capacity / 2)
  ) {
    const prefill = Math.min(generate.prefill, capacity);
    const shorter = {
      ...request,
      generate: { ...generate, capacity, prefill },
    };
    if (planEngine(shorter, info).report.total <= info.memoryBytes) {
      return capacity;
    }
  }
  return null;
}
