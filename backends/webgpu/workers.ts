/**
 * The workers of this backend, by the names that it starts them by.
 * @module
 */
import type { WorkerModules } from "@denotune/denotune/device";

/** How their modules are loaded. */
export const workers: WorkerModules = {
  webgpu: () => import("./worker.ts"),
};
