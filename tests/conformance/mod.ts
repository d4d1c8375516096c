/**
 * Shared test suites, one for each kind of part: a new part first passes the suite of its kind.
 * @module
 */
export { testActivation } from "./activation.ts";
export { type BackendSuiteOptions, testBackend } from "./backend.ts";
export { builtinHost } from "./builtin_host.ts";
export { makePart, testHost, tokenizerFacts } from "./host.ts";
export { checkCollective, testCollective } from "./collective.ts";
export { type CommandRun, runCommand, testCommand } from "./command.ts";
export { testCollator } from "./collator.ts";
export {
  allowedError,
  exampleExport,
  type ExporterSuiteOptions,
  testExporter,
} from "./exporter.ts";
export { type FormatCase, testFormat } from "./format.ts";
export { testMasker } from "./masker.ts";
export { type SourceCase, testSource } from "./source.ts";
export { type ModelConfig, testModel } from "./model.ts";
export { builtinActivations } from "./model/architectures.ts";
export { type AdapterSuiteOptions, testAdapter } from "./adapter.ts";
export {
  answerOf,
  evaluateWith,
  exampleRows,
  exampleWording,
  scoreOf,
  testEvaluator,
} from "./evaluator.ts";
export { type ObjectiveSuiteOptions, testObjective } from "./objective.ts";
export { testOptimizer } from "./optimizer.ts";
export { testSchedule } from "./schedule.ts";
export { testTracker } from "./tracker.ts";
export { type TemplateSuiteOptions, testTemplate } from "./template.ts";
export {
  rebuild,
  testTokenizer,
  type TokenizerSuiteOptions,
} from "./tokenizer.ts";
