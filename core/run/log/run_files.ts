/**
 * Names of files in the folder of a run.
 * @module
 */

/** File that a run writes last. */
export const SUMMARY = "summary.json";
/** The settings of a run. */
export const RESOLVED = "config.resolved.yaml";
