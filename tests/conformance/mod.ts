/**
 * Shared test suites, one for each kind of part: a new part first passes the suite of its kind.
 * @module
 */
export { type BackendSuiteOptions, testBackend } from "./backend.ts";
