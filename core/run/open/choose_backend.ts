/**
 * Opens the device of a run: the backend that the run names, or with `auto` a hardware GPU, else the
 * processor. Says which and why.
 * @module
 */
import type { Backend, Device } from "../../contracts/backend.ts";
import {
  createPart,
  createResolved,
  type Creating,
} from "../../config/parts/create_part.ts";
import { chosenAt } from "../../config/chosen_at.ts";
import type { LoadedRun } from "../../config/load.ts";
import { DeviceError } from "../../contracts/errors.ts";
import type { Choice } from "../../contracts/plugin.ts";

/** Backends that `auto` tries, in order. */
const AUTO = ["webgpu", "cpu"];

/** An open device and how it was chosen. */
export interface ChosenDevice {
  readonly device: Device;
  readonly name: string;
  /** Why; null where the run names the backend. */
  readonly reason: string | null;
}

/** Opens the device of a run. Throws `DeviceError` that says what to change. */
export async function openDevice(
  run: LoadedRun,
  creating: Creating,
): Promise<ChosenDevice> {
  const chosen = chosenAt(run, "backend", "backend");
  return chosen === null ? await openAuto(creating) : await openNamed(
    await createResolved(chosen, creating),
    chosen.part.name,
  );
}

/** Opens the device of a backend chosen outside of a run; `auto` is allowed. */
export async function openChosen(
  choice: Choice,
  creating: Creating,
): Promise<ChosenDevice> {
  if (choice === "auto") return await openAuto(creating);
  const backend = await createPart("backend", choice, creating);
  const use = typeof choice === "string" ? choice : choice.use;
  return await openNamed(backend, typeof use === "string" ? use : use.name);
}

async function openNamed(
  backend: Backend,
  name: string,
): Promise<ChosenDevice> {
  const state = await backend.available({ explicit: true });
  if (!state.ok) {
    throw new DeviceError(
      `The backend ${name} cannot run here: ${state.reason}`,
    );
  }
  return { device: await backend.open(), name, reason: null };
}

async function openAuto(creating: Creating): Promise<ChosenDevice> {
  const reasons: string[] = [];
  for (const name of AUTO) {
    if (creating.registry.find("backend", name) === undefined) continue;
    const backend: Backend = await createPart("backend", name, creating);
    const state = await backend.available({ explicit: false });
    if (!state.ok) {
      reasons.push(`${name}: ${state.reason}`);
      continue;
    }
    const reason = reasons.length === 0
      ? "backend: auto"
      : `backend: auto; ${reasons.join("; ")}`;
    return { device: await backend.open(), name, reason };
  }
  throw new DeviceError(`No backend can run here. ${reasons.join("; ")}`);
}
