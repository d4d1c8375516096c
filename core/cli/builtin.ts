/**
 * The plugin `denotune`: every built-in part, through the door that strangers' plugins use. The one list;
 * it stands here because only `mod.ts` and `core/cli` may see everything.
 * @module
 */
import { cpu } from "../../backends/cpu/mod.ts";
import { reference } from "../../backends/reference/mod.ts";
import { webgpu } from "../../backends/webgpu/backend.ts";
import { formats } from "../../formats/mod.ts";
import { activations } from "../../plugins/activations/mod.ts";
import { adapters } from "../../plugins/adapters/mod.ts";
import { collators } from "../../plugins/collators/mod.ts";
import { collectives } from "../../plugins/collectives/mod.ts";
import { evaluators } from "../../plugins/evaluators/mod.ts";
import { maskers } from "../../plugins/maskers/mod.ts";
import { modelParts } from "../../plugins/models/mod.ts";
import { objectives } from "../../plugins/objectives/mod.ts";
import { optimizers } from "../../plugins/optimizers/mod.ts";
import { schedules } from "../../plugins/schedules/mod.ts";
import { sources } from "../../plugins/sources/mod.ts";
import { templateParts } from "../../plugins/templates/mod.ts";
import { tokenizerParts } from "../../plugins/tokenizers/mod.ts";
import { trackers } from "../../plugins/trackers/mod.ts";
import { API_VERSION, definePlugin, type Plugin } from "../contracts/plugin.ts";
import { VERSION } from "../version.ts";

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
    ...activations,
  ],
});
