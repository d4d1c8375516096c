/**
 * The worker of the WebGPU device: waits for the GPU block its thread, not the host's.
 * @module
 */
import { serve } from "@denotune/denotune/core";
import { openWebGpu } from "./open.ts";
import { webGpuOptions } from "./options.ts";

serve((options) => openWebGpu(webGpuOptions.parse(options)));
