/**
 * Shared test suites, one for each kind of part: a new part first passes the suite of its kind.
 * @module
 */
export { type BackendSuiteOptions, testBackend } from "./backend.ts";
export { testCollator } from "./collator.ts";
export { type FormatCase, testFormat } from "./format.ts";
export { testMasker } from "./masker.ts";
export { type SourceCase, testSource } from "./source.ts";
export { testModel } from "./model.ts";
