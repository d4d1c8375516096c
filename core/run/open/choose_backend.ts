/**
 * Opens the device of a run: the backend that the run names, or with `auto` a hardware GPU, else the
 * processor. Says which and why.
 * @module
 */
import type { Backend, Device, Precision } from "../../contracts/backend.ts";
import {
  createPart,
  createResolved,
  type Creating,
} from "../../config/parts/create_part.ts";
import { chosenAt } from "../../config/chosen_at.ts";
import type { LoadedRun } from "../../config/load.ts";
import { ConfigError, DeviceError } from "../../contracts/errors.ts";
import type { Choice } from "../../contracts/plugin.ts";

/** Backends that `auto` tries, in order. */
export const AUTO: readonly string[] = ["webgpu", "cpu"];

/** An open device and how it was chosen. */
export interface ChosenDevice {
  readonly device: Device;
  readonly name: string;
  /** Why; null where the run names the backend. */
  readonly reason: string | null;
}

/**
 * Opens the device of a run. Throws `DeviceError` that says what to change, and `ConfigError` where the device cannot
 * multiply in the precision that the run asks for.
 */
export async function openDevice(
  run: LoadedRun,
  creating: Creating,
): Promise<ChosenDevice> {
  const chosen = chosenAt(run, "backend", "backend");
  const { precision } = run.config.training;
  return chosen === null
    ? await openAuto(creating, precision)
    : await openNamed(await createResolved(chosen, creating), {
      name: chosen.part.name,
      precision,
    });
}

/**
 * Throws `ConfigError` where no backend of the run can multiply in the precision that it asks for: before its data are
 * read. Opens nothing.
 */
export async function checkPrecision(
  run: LoadedRun,
  creating: Creating,
): Promise<void> {
  const { precision } = run.config.training;
  if (precision === "float32") return;
  const chosen = chosenAt(run, "backend", "backend");
  const problems: string[] = [];
  for (const name of chosen === null ? AUTO : [chosen.part.name]) {
    if (creating.registry.find("backend", name) === undefined) continue;
    const backend: Backend = chosen === null
      ? await createPart("backend", name, creating)
      : await createResolved(chosen, creating);
    const problem = await precisionProblem(backend, precision);
    if (problem === null) return;
    problems.push(`${name}: ${problem}`);
  }
  throw refusal(precision, problems.join("; "));
}

/** Opens the device of a backend chosen outside of a run; `auto` is allowed. */
export async function openChosen(
  choice: Choice,
  creating: Creating,
): Promise<ChosenDevice> {
  if (choice === "auto") return await openAuto(creating);
  const backend = await createPart("backend", choice, creating);
  const use = typeof choice === "string" ? choice : choice.use;
  const name = typeof use === "string" ? use : use.name;
  return await openNamed(backend, { name, precision: "float32" });
}

async function openNamed(
  backend: Backend,
  { name, precision }: { readonly name: string; readonly precision: Precision },
): Promise<ChosenDevice> {
  const state = await backend.available({ explicit: true });
  if (!state.ok) {
    throw new DeviceError(
      `The backend ${name} cannot run here: ${state.reason}`,
    );
  }
  const problem = await precisionProblem(backend, precision);
  if (problem !== null) throw refusal(precision, `${name}: ${problem}`);
  return { device: await backend.open({ precision }), name, reason: null };
}

async function openAuto(
  creating: Creating,
  precision: Precision = "float32",
): Promise<ChosenDevice> {
  const reasons: string[] = [];
  let imprecise = false;
  for (const name of AUTO) {
    if (creating.registry.find("backend", name) === undefined) continue;
    const backend: Backend = await createPart("backend", name, creating);
    const state = await backend.available({ explicit: false });
    const problem = state.ok
      ? await precisionProblem(backend, precision)
      : state.reason;
    if (problem !== null) {
      reasons.push(`${name}: ${problem}`);
      imprecise ||= state.ok;
      continue;
    }
    const reason = reasons.length === 0
      ? "backend: auto"
      : `backend: auto; ${reasons.join("; ")}`;
    return { device: await backend.open({ precision }), name, reason };
  }
  if (imprecise) throw refusal(precision, reasons.join("; "));
  throw new DeviceError(`No backend can run here. ${reasons.join("; ")}`);
}

/** Why the devices of a backend cannot multiply in a precision; null: they can. */
async function precisionProblem(
  backend: Backend,
  precision: Precision,
): Promise<string | null> {
  if (precision === "float32") return null;
  const has = backend.precisions ?? [];
  if (!has.includes(precision)) {
    return `it multiplies in ${["float32", ...has].join(" or ")} only`;
  }
  const state = await backend.available({ explicit: true, precision });
  return state.ok ? null : state.reason;
}

function refusal(precision: Precision, why: string): ConfigError {
  return new ConfigError(
    `\`training.precision\` is ${precision}, which no backend of the run can do (${why}); set it to float32, or change that`,
  );
}
