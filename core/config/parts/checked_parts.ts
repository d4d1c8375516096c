/**
 * What parts give is checked where it comes in: a result that breaks its contract is an error that names the part
 * and its plugin, here and in workers. Results that only their callers can judge are checked there: evaluators in
 * `core/run/evaluation`, trackers in `core/run/events`.
 * @module
 */
import type { Backend } from "../../contracts/backend.ts";
import type { Collator, WeightedExample } from "../../contracts/collator.ts";
import type { Evaluator } from "../../contracts/evaluator.ts";
import type { Format } from "../../contracts/format.ts";
import type { Masker, Tokenized } from "../../contracts/masker.ts";
import type { Schedule } from "../../contracts/schedule.ts";
import type { Rendered, Template } from "../../contracts/template.ts";
import type { Tokenizer } from "../../contracts/tokenizer.ts";
import { PluginError } from "../../contracts/errors.ts";
import type { Kind, KindMap } from "../../contracts/plugin.ts";
import { show } from "../parse/problem.ts";
import { callPart, partError } from "./call_part.ts";
import {
  checkedActivation,
  checkedAdapter,
  checkedModel,
  checkedObjective,
  checkedOptimizer,
} from "./checked_graph_parts.ts";
import { checkedSource } from "./checked_source.ts";
import { batchFault, planFault } from "./faults/batch_fault.ts";
import { exampleFault } from "./faults/example_fault.ts";
import { withMethods } from "./guard_part.ts";
import { encodingFault, renderedFault } from "./faults/text_faults.ts";

/** Every member of a part, optional ones too, so that none is forgotten. */
type AllOf<T> = { readonly [K in keyof Required<T>]: T[K] };

/** Whose part it is. */
interface Made {
  /** The part and its plugin, in messages. */
  readonly described: string;
  /** Whether it came with the program: it then keeps what it is shown as it is. */
  readonly isBuiltIn: boolean;
  /** Whether it runs in another process, and is shown copies by that. */
  readonly isElsewhere?: boolean;
}

/** Wraps what `create` of a part gave. */
export type Check<K extends Kind> = (made: KindMap[K], of: Made) => KindMap[K];

const asIs = <T>(made: T): T => made;

/** The checks by kind. */
export const CHECKED_PARTS: { readonly [K in Kind]: Check<K> } = {
  source: (made, { described, isBuiltIn }) =>
    isBuiltIn ? made : checkedSource(made, described),
  format: checkedFormat,
  template: (made, { described, isBuiltIn }) =>
    isBuiltIn ? made : checkedTemplate(made, described),
  tokenizer: (made, { described, isBuiltIn }) =>
    isBuiltIn ? made : checkedTokenizer(made, described),
  masker: checkedMasker,
  collator: checkedCollator,
  objective: (made, { described, isBuiltIn }) =>
    isBuiltIn ? made : checkedObjective(made, described),
  model: (made, { described, isBuiltIn }) =>
    isBuiltIn ? made : checkedModel(made, described),
  adapter: (made, { described, isBuiltIn }) =>
    isBuiltIn ? made : checkedAdapter(made, described),
  optimizer: (made, { described, isBuiltIn }) =>
    isBuiltIn ? made : checkedOptimizer(made, described),
  schedule: checkedSchedule,
  backend: (made, { described, isBuiltIn }) =>
    isBuiltIn ? made : checkedBackend(made, described),
  collective: asIs,
  evaluator: (made, { described, isBuiltIn }) =>
    isBuiltIn ? made : checkedEvaluator(made, described),
  tracker: asIs,
  exporter: asIs,
  activation: (made, { described, isBuiltIn }) =>
    isBuiltIn ? made : checkedActivation(made, described),
  command: asIs,
};

function checkedEvaluator(made: Evaluator, described: string): Evaluator {
  if (made.rewards === undefined) return made;
  return withMethods(made, {
    rewards: async (answers) => {
      const given: unknown = await callPart(
        { part: described, method: "rewards" },
        () => made.rewards?.(answers),
      );
      const list: readonly unknown[] = Array.isArray(given) ? given : [];
      const at = list.findIndex((one) => !Number.isFinite(one));
      if (Array.isArray(given) && list.length === answers.length && at < 0) {
        return given;
      }
      throw new PluginError(
        `\`rewards\` of the ${described} gave ${
          !Array.isArray(given)
            ? show(given)
            : at < 0 || list.length !== answers.length
            ? `${list.length} numbers`
            : `${
              typeof list[at] === "number" ? String(list[at]) : show(list[at])
            } for answer ${at + 1}`
        }; expected a finite number for each of ${answers.length} answers`,
      );
    },
  });
}

function checkedSchedule(made: Schedule, { described }: Made): Schedule {
  const checked: AllOf<Schedule> = {
    metric: made.metric,
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

function checkedFormat(made: Format, of: Made): Format {
  const { described } = of;
  const choose = made.choose === undefined
    ? undefined
    : (sample: Parameters<NonNullable<Format["choose"]>>[0]) => {
      const chosen = called(described, "choose", () => made.choose?.(sample));
      if (chosen === undefined) {
        throw new PluginError(`\`choose\` of the ${described} gave nothing`);
      }
      return { ...chosen, format: checkedFormat(chosen.format, of) };
    };
  const checked: AllOf<Format> = {
    recognises: (value) => made.recognises(value),
    parse(record) {
      const example = called(described, "parse", () => made.parse(record));
      const fault = called(described, "parse", () => exampleFault(example));
      if (fault === null) return example;
      throw new PluginError(`The ${described} gave ${fault}`);
    },
    choose,
    sources: made.sources,
    template: made.template,
  };
  return checked;
}

function checkedCollator(
  made: Collator,
  { described, isBuiltIn }: Made,
): Collator {
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
        () => made.collate(isBuiltIn ? rows : rows.map(copied), limits),
      );
      const fault = batchFault(batch, rows, limits);
      return fault === null ? batch : fail("collate", fault);
    },
  };
}

/** Examples that a collator of a plugin may write to. */
function copied(row: readonly WeightedExample[]): WeightedExample[] {
  return row.map((example) => ({
    ...example,
    ids: example.ids.slice(),
    weights: example.weights.slice(),
  }));
}

/** What it throws, and what are no weights of the spans and tokens. */
function checkedMasker(
  made: Masker,
  { described, isBuiltIn, isElsewhere = false }: Made,
): Masker {
  const checked = (
    method: "weights" | "tokenWeights",
    count: number,
    body: () => Float32Array,
  ): Float32Array => {
    const weights: unknown = called(described, method, body);
    const fault = weightsFault(
      weights,
      count,
      method === "weights" ? "spans" : "tokens",
    );
    if (fault === null && weights instanceof Float32Array) return weights;
    throw new PluginError(`\`${method}\` of the ${described} gave ${fault}`);
  };
  // a masker of a plugin may write to what it is shown: it changes nothing
  const shown = (tokenized: Tokenized): Tokenized => {
    if (isBuiltIn || isElsewhere) return tokenized;
    const { text, spans, encoding: { ids, starts, ends } } = tokenized;
    return {
      text,
      spans: spans.map((span) => ({ ...span })),
      encoding: {
        ids: ids.slice(),
        starts: starts.slice(),
        ends: ends.slice(),
      },
    };
  };
  const { tokenWeights } = made;
  return {
    ...made,
    weights: (tokenized) =>
      checked(
        "weights",
        tokenized.spans.length,
        () => made.weights(shown(tokenized)),
      ),
    ...(tokenWeights === undefined ? {} : {
      tokenWeights: (tokenized: Tokenized, weights: Float32Array) =>
        checked(
          "tokenWeights",
          tokenized.encoding.ids.length,
          () => tokenWeights.call(made, shown(tokenized), weights),
        ),
    }),
  };
}

function weightsFault(
  weights: unknown,
  count: number,
  of: "spans" | "tokens",
): string | null {
  if (!(weights instanceof Float32Array)) {
    return `${show(weights)}; expected a Float32Array`;
  }
  // by index: a detached array has none, and its methods throw
  for (let i = 0; i < weights.length; i++) {
    if (weights[i] >= 0 && weights[i] < Infinity) continue;
    return `the weight ${weights[i]}; expected finite numbers of at least 0`;
  }
  return weights.length === count
    ? null
    : `${weights.length} weights for ${count} ${of}; it must give one for each`;
}

function checkedTemplate(made: Template, described: string): Template {
  const checked = (method: "render" | "prompt", body: () => Rendered) => {
    const rendered = called(described, method, body);
    const fault = renderedFault(rendered);
    if (fault === null) return rendered;
    throw new PluginError(`\`${method}\` of the ${described} gave ${fault}`);
  };
  return withMethods(made, {
    render: (example) => checked("render", () => made.render(example)),
    prompt: (request) => checked("prompt", () => made.prompt(request)),
  });
}

function checkedTokenizer(made: Tokenizer, described: string): Tokenizer {
  const encode: Tokenizer["encode"] = (text, options) => {
    const encoding = made.encode(text, options);
    const fault = encodingFault(encoding, { text, vocabSize: made.vocabSize });
    if (fault === null) return encoding;
    throw new PluginError(`\`encode\` of the ${described} gave ${fault}`);
  };
  const { withTokens } = made;
  return withMethods(made, {
    encode,
    ...(withTokens === undefined ? {} : {
      withTokens: async (tokens) =>
        checkedTokenizer(await withTokens.call(made, tokens), described),
    }),
  });
}

function checkedBackend(made: Backend, described: string): Backend {
  return withMethods(made, {
    async open() {
      const device = await made.open();
      return withMethods(device, {
        async read(buffer, byteOffset, byteLength) {
          const bytes: unknown = await device.read(
            buffer,
            byteOffset,
            byteLength,
          );
          if (bytes instanceof ArrayBuffer && bytes.byteLength === byteLength) {
            return bytes;
          }
          throw new PluginError(
            `\`read\` of the ${described} gave ${
              bytes instanceof ArrayBuffer
                ? `${bytes.byteLength} bytes`
                : show(bytes)
            }; expected an ArrayBuffer of ${byteLength} bytes`,
          );
        },
      });
    },
  });
}

function called<T>(part: string, method: string, body: () => T): T {
  try {
    return body();
  } catch (error) {
    throw partError({ part, method }, error);
  }
}
