/**
 * The reference backend.
 * @module
 */
export { reference } from "./backend.ts";
export { ReferenceExecutor } from "./executor.ts";
export { workers } from "./workers.ts";
export type { ReferenceOptions } from "./options.ts";
