/**
 * The worker of the WebGPU device: waits for the GPU block its thread, not the host's.
 * @module
 */
import { serve } from "@denotune/denotune/device";
import { openWebGpu } from "./open.ts";
import { webGpuOptions } from "./options.ts";

serve((options) => openWebGpu(webGpuOptions.parse(options)));
