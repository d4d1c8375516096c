/**
 * Module of worker 0 of a cpu device.
 * @module
 */
import { serve } from "@denotune/denotune/device";
import { CpuExecutor, type CpuOptions } from "./executor.ts";

// the options are those that the part sends
serve((options, helpers) => CpuExecutor.open(options as CpuOptions, helpers));
