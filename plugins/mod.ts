/**
 * The plugin `denotune`: every built-in part, through the door that strangers' plugins use. The one list of
 * built-in parts: core gets it from whoever starts it, and workers import it by this module's URL.
 * @module
 */
import { cpu, workers as cpuWorkers } from "../backends/cpu/mod.ts";
import { reference } from "../backends/reference/backend.ts";
import { workers as referenceWorkers } from "../backends/reference/workers.ts";
import { webgpu } from "../backends/webgpu/backend.ts";
import { workers as webgpuWorkers } from "../backends/webgpu/workers.ts";
import { formats } from "../formats/mod.ts";
import { activations } from "./activations/mod.ts";
import { adapters } from "./adapters/mod.ts";
import { collators } from "./collators/mod.ts";
import {
  collectives,
  workers as collectiveWorkers,
} from "./collectives/mod.ts";
import { commands } from "./commands/mod.ts";
import { evaluators } from "./evaluators/mod.ts";
import { exporters } from "./exporters/mod.ts";
import { maskers } from "./maskers/mod.ts";
import { modelParts } from "./models/mod.ts";
import { objectives } from "./objectives/mod.ts";
import { optimizers } from "./optimizers/mod.ts";
import { schedules } from "./schedules/mod.ts";
import { sources } from "./sources/mod.ts";
import { templateParts } from "./templates/mod.ts";
import { tokenizerParts } from "./tokenizers/mod.ts";
import { trackers } from "./trackers/mod.ts";
import {
  API_VERSION,
  definePlugin,
  type Plugin,
  type WorkerModules,
} from "@denotune/denotune/core";
import { VERSION } from "@denotune/denotune/core";

/** Every built-in part. */
export const builtin: Plugin = definePlugin({
  name: "denotune",
  api: API_VERSION,
  version: VERSION,
  parts: [
    ...sources,
    ...formats,
    ...templateParts,
    ...tokenizerParts,
    ...maskers,
    ...collators,
    ...objectives,
    ...modelParts,
    ...adapters,
    ...optimizers,
    ...schedules,
    webgpu,
    cpu,
    reference,
    ...collectives,
    ...evaluators,
    ...trackers,
    ...exporters,
    ...activations,
    ...commands,
  ],
});

/** The workers of the parts, for a bundle. */
export const workers: WorkerModules = {
  ...webgpuWorkers,
  ...cpuWorkers,
  ...referenceWorkers,
  ...collectiveWorkers,
};

export default builtin;
