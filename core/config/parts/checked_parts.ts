/**
 * What parts give is checked where it comes in: a result that breaks its contract is an error that names the part
 * and its plugin, here and in workers. Results that only their callers can judge are checked there: evaluators in
 * `core/run/evaluation`, trackers in `core/run/events`.
 * @module
 */
import type { Batch, Collator, RowPlan } from "../../contracts/collator.ts";
import type { Format } from "../../contracts/format.ts";
import type { Masker, Tokenized } from "../../contracts/masker.ts";
import type { Schedule } from "../../contracts/schedule.ts";
import { PluginError } from "../../contracts/errors.ts";
import type { Kind, KindMap } from "../../contracts/plugin.ts";
import { show } from "../parse/problem.ts";
import { partError } from "./call_part.ts";

/** Every member of a part, optional ones too, so that none is forgotten. */
type AllOf<T> = { readonly [K in keyof Required<T>]: T[K] };

/** Wraps what `create` of a part gave. `described`: the part and its plugin, in messages. */
type Check<K extends Kind> = (
  made: KindMap[K],
  described: string,
) => KindMap[K];

const asIs = <T>(made: T): T => made;

/** The checks by kind. */
export const CHECKED_PARTS: { readonly [K in Kind]: Check<K> } = {
  source: asIs,
  format: checkedFormat,
  template: asIs,
  tokenizer: asIs,
  masker: checkedMasker,
  collator: checkedCollator,
  objective: asIs,
  model: asIs,
  adapter: asIs,
  optimizer: asIs,
  schedule: checkedSchedule,
  backend: asIs,
  collective: asIs,
  evaluator: asIs,
  tracker: asIs,
  exporter: asIs,
  activation: asIs,
  command: asIs,
};

function checkedSchedule(made: Schedule, described: string): Schedule {
  const checked: AllOf<Schedule> = {
    factor(step, run) {
      const factor: unknown = called(
        described,
        "factor",
        () => made.factor(step, run),
      );
      if (typeof factor === "number" && Number.isFinite(factor)) return factor;
      throw new PluginError(
        `The ${described} gave ${
          typeof factor === "number" ? String(factor) : show(factor)
        } as the factor of step ${step} of ${run.totalSteps}; expected a finite number`,
      );
    },
  };
  return checked;
}

function checkedFormat(made: Format, described: string): Format {
  const choose = made.choose === undefined
    ? undefined
    : (sample: Parameters<NonNullable<Format["choose"]>>[0]) => {
      const chosen = called(described, "choose", () => made.choose?.(sample));
      if (chosen === undefined) {
        throw new PluginError(`\`choose\` of the ${described} gave nothing`);
      }
      return { ...chosen, format: checkedFormat(chosen.format, described) };
    };
  const checked: AllOf<Format> = {
    recognises: (value) => made.recognises(value),
    parse(record) {
      const example = called(described, "parse", () => made.parse(record));
      const fault = exampleFault(example);
      if (fault === null) return example;
      throw new PluginError(`The ${described} gave ${fault}`);
    },
    choose,
    sources: made.sources,
    template: made.template,
  };
  return checked;
}

function checkedCollator(made: Collator, described: string): Collator {
  const fail = (method: string, what: string): never => {
    throw new PluginError(`\`${method}\` of the ${described} gave ${what}`);
  };
  return {
    plan(lengths, limits) {
      const plan = called(
        described,
        "plan",
        () => made.plan(lengths, limits),
      );
      const fault = planFault(plan, lengths.length);
      return fault === null ? plan : fail("plan", fault);
    },
    ...(made.window === undefined ? {} : {
      window: (limits) => made.window?.(limits) ?? 1,
    }),
    collate(rows, limits) {
      const batch = called(
        described,
        "collate",
        () => made.collate(rows, limits),
      );
      const fault = batchFault(batch, rows.length);
      return fault === null ? batch : fail("collate", fault);
    },
  };
}

/** What it throws, and weights that are no numbers; how many there are is checked where they are used. */
function checkedMasker(made: Masker, described: string): Masker {
  const checked = (method: string, body: () => Float32Array): Float32Array => {
    const weights = called(described, method, body);
    const bad = weights?.find((weight) => !(weight >= 0 && weight < Infinity));
    if (weights !== undefined && bad === undefined) return weights;
    throw new PluginError(
      `\`${method}\` of the ${described} gave ${
        weights === undefined ? "nothing" : `the weight ${bad}`
      }; expected finite numbers of at least 0`,
    );
  };
  const { tokenWeights } = made;
  return {
    ...made,
    weights: (tokenized) => checked("weights", () => made.weights(tokenized)),
    ...(tokenWeights === undefined ? {} : {
      tokenWeights: (tokenized: Tokenized, weights: Float32Array) =>
        checked(
          "tokenWeights",
          () => tokenWeights.call(made, tokenized, weights),
        ),
    }),
  };
}

/** What keeps a plan from having each of so many examples once. */
function planFault({ offsets, members }: RowPlan, examples: number) {
  if (offsets[0] !== 0 || offsets[offsets.length - 1] !== members.length) {
    return `offsets that do not go from 0 to its ${members.length} members`;
  }
  for (let row = 1; row < offsets.length; row++) {
    if (offsets[row] < offsets[row - 1]) {
      return `row ${row} before row ${row - 1}`;
    }
  }
  const seen = new Uint8Array(examples);
  for (const member of members) {
    if (member >= examples) return `example ${member} of ${examples}`;
    if (seen[member]++ > 0) return `example ${member} twice`;
  }
  return members.length === examples
    ? null
    : `${members.length} of ${examples} examples`;
}

/** What keeps a batch from being a rectangle of so many rows. */
function batchFault(batch: Batch, rows: number): string | null {
  const { B, T } = batch;
  if (B !== rows || !(Number.isInteger(T) && T >= 1)) {
    return `${show(B)} rows of ${show(T)} tokens for ${rows} rows`;
  }
  const names = [
    "tokens",
    "weights",
    "positions",
    "segments",
    "sources",
  ] as const;
  const short = names.find((name) => batch[name]?.length !== B * T);
  return short === undefined
    ? null
    : `${batch[short]?.length ?? "no"} ${short} for ${B} rows of ${T} tokens`;
}

const ROLES: readonly unknown[] = ["system", "user", "assistant", "tool"];

/** What keeps a value from being an example, as the end of a sentence; null where it is one. */
function exampleFault(given: unknown): string | null {
  if (!isObject(given)) {
    return `${
      show(given)
    }; expected {messages}, {prompt, completion}, {text}, {ids} or {sequences}`;
  }
  if ("sequences" in given) {
    if (!Array.isArray(given.sequences) || given.sequences.length === 0) {
      return `sequences ${
        show(given.sequences)
      }; expected a list of at least one`;
    }
    for (const [i, sequence] of given.sequences.entries()) {
      const fault = exampleFault(sequence);
      if (fault !== null) return `sequence ${i} as ${fault}`;
    }
    return null;
  }
  if ("ids" in given) {
    return Array.isArray(given.ids) ? null : `ids ${show(given.ids)}, no list`;
  }
  if ("messages" in given) {
    if (!Array.isArray(given.messages) || given.messages.length === 0) {
      return `messages ${
        show(given.messages)
      }; expected a list of at least one`;
    }
    for (const [i, message] of given.messages.entries()) {
      const fault = messageFault(message);
      if (fault !== null) return `message ${i} ${fault}`;
    }
    return null;
  }
  const names = "prompt" in given ? ["prompt", "completion"] : ["text"];
  for (const name of names) {
    if (typeof given[name] !== "string") {
      return `\`${name}\` ${show(given[name])}; expected a text`;
    }
  }
  return null;
}

function messageFault(message: unknown): string | null {
  if (!isObject(message)) return `${show(message)}; expected an object`;
  const { role, content, content_is, weight } = message;
  if (!ROLES.includes(role)) {
    return `with role ${show(role)}; expected ${ROLES.join(", ")}`;
  }
  if (typeof content !== "string") {
    return `with content ${show(content)}; expected a text`;
  }
  if (content_is !== undefined && !isEmptyAs(content_is, content)) {
    return `with content_is ${
      show(content_is)
    }; expected "null" or "missing", and an empty content`;
  }
  const isWeight = weight === undefined ||
    (typeof weight === "number" && Number.isFinite(weight) && weight >= 0);
  return isWeight
    ? null
    : `with weight ${show(weight)}; expected a number of at least 0`;
}

function isEmptyAs(written: unknown, content: string): boolean {
  return content === "" && (written === "null" || written === "missing");
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function called<T>(part: string, method: string, body: () => T): T {
  try {
    return body();
  } catch (error) {
    throw partError({ part, method }, error);
  }
}
