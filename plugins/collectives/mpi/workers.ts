/**
 * The worker of `mpi`, by the name that it is started by.
 * @module
 */
import type { WorkerModules } from "@denotune/denotune/core";

/** How its module is loaded. */
export const workers: WorkerModules = {
  "mpi watch": () => import("./watch_worker.ts"),
};
