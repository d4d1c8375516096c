/**
 * What evaluators give is checked where it comes in: a figure that is none, or that would take the place of
 * another, is an error that names the evaluator.
 * @module
 */
import type { Evaluation } from "../../contracts/evaluator.ts";
import type { EvalEvent } from "../../contracts/tracker.ts";
import { PluginError } from "../../contracts/errors.ts";
import { isPlainObject } from "../../config/parse/tree.ts";
import { show } from "../../config/parse/problem.ts";
import { isData } from "../../config/schema/options_schema.ts";

/** Name of a figure in events. */
export type MetricName = `eval_${string}`;

/** Figures of a run itself, which no evaluator may give. */
export const OWN_METRICS: readonly (MetricName & keyof EvalEvent)[] = [
  "eval_loss",
  "eval_loss_error",
  "eval_draws",
  "eval_perplexity",
  "eval_token_accuracy",
  "eval_seconds",
];

/** Who gave a result. */
export interface ResultOf {
  /** Name of the part. */
  readonly name: string;
  /** The part and its plugin, in messages. */
  readonly described: string;
}

/**
 * The metrics of a result by their names in events. `taken` maps each name in use to its owner: the run or
 * another evaluator. Throws `PluginError`.
 */
export function metricsOf(
  result: Evaluation,
  { name, described }: ResultOf,
  taken: ReadonlyMap<string, string>,
): Map<MetricName, number> {
  const fail = (what: string): never => {
    throw new PluginError(`\`score\` of the ${described} ${what}`);
  };
  const given: unknown = result;
  if (!isPlainObject(given) || !isPlainObject(given.numbers)) {
    fail(`gave ${show(given)}; expected {numbers, records?, verdict?}`);
  }
  const metrics = new Map<MetricName, number>();
  for (const [key, value] of Object.entries(result.numbers)) {
    if (!/^[\p{L}\p{N}_]*$/u.test(key)) {
      fail(
        `gave a figure named ${
          show(key)
        }; a name has letters, digits and \`_\` only`,
      );
    }
    if (typeof value !== "number" || !Number.isFinite(value)) {
      fail(
        `gave ${key === "" ? "its figure" : `\`${key}\``} as ${
          typeof value === "number" ? String(value) : show(value)
        }; expected a finite number (leave out what there is no data for)`,
      );
    }
    const metric: MetricName = `eval_${name.replaceAll("-", "_")}${
      key === "" ? "" : `_${key}`
    }`;
    const other = taken.get(metric);
    if (other !== undefined) {
      fail(
        `gave \`${metric}\`, which is a figure of ${other}; give it another name`,
      );
    }
    metrics.set(metric, value);
  }
  return metrics;
}

/** Throws `PluginError` where records or the verdict have another shape than the contract's. */
export function checkRecords(
  result: Evaluation,
  { described }: ResultOf,
): void {
  const fail = (what: string): never => {
    throw new PluginError(`\`score\` of the ${described} ${what}`);
  };
  const records: unknown = result.records ?? [];
  if (!Array.isArray(records)) {
    fail(`gave ${show(records)} as records; expected a list of objects`);
  }
  (result.records ?? []).forEach((record, row) => {
    if (!isPlainObject(record) || !isData(record)) {
      fail(
        `gave ${
          show(record)
        } as record ${row}; expected an object of texts, numbers and lists`,
      );
    }
  });
  const files: unknown = result.files ?? {};
  if (!isPlainObject(files)) {
    fail(`gave ${show(files)} as files; expected texts by the ends of names`);
  }
  for (const [end, text] of Object.entries(result.files ?? {})) {
    if (
      !/^[-.\w]+$/.test(end) || end === ".jsonl" || typeof text !== "string"
    ) {
      fail(
        `gave a file that ends in ${
          show(end)
        }; expected a text, and an end such as ".html" (".jsonl" is for the records)`,
      );
    }
  }
  const verdict: unknown = result.verdict ?? undefined;
  if (
    verdict !== undefined &&
    !(isPlainObject(verdict) && typeof verdict.passed === "boolean" &&
      typeof verdict.reason === "string")
  ) {
    fail(
      `gave ${
        show(verdict)
      } as verdict; expected {passed: boolean, reason: text}`,
    );
  }
}
