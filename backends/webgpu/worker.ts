/**
 * The worker of the WebGPU device: waits for the GPU block its thread, not the host's.
 * @module
 */
import { serve } from "@denotune/denotune/core";
import { WebGpuExecutor } from "./executor.ts";
import { webGpuOptions } from "./options.ts";

serve((options) => WebGpuExecutor.open(webGpuOptions.parse(options)));
