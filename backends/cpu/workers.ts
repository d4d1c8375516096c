/**
 * The workers of this backend, by the names that it starts them by.
 * @module
 */
import type { WorkerModules } from "@denotune/denotune/device";

/** How their modules are loaded. */
export const workers: WorkerModules = {
  cpu: () => import("./worker.ts"),
  "cpu helper": () => import("./runtime/helper_worker.ts"),
};
