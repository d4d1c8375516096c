/**
 * Looks at a sample of rows and names the format that reads them.
 * @module
 */
import {
  DataError,
  definePart,
  describeWhere,
  type Format,
  type Host,
  type Part,
  PluginError,
  type RawRecord,
} from "@denotune/denotune/core";
import { z } from "zod";
import { describe, isObject } from "./_columns.ts";

const BUILT_IN = [
  "alpaca",
  "dolly",
  "custom",
  "self_instruct",
  "sharegpt",
  "messages",
  "chat_to_completion",
  "prompt_completion",
  "question_answer",
  "pretokenized",
  "text",
];

const options = z.strictObject({
  among: z.array(z.string()).min(1).default(BUILT_IN).describe(
    "The formats to choose from, third-party ones included",
  ),
});

/** Options of {@linkcode auto}. */
export type AutoOptions = z.output<typeof options>;

/** A candidate and how well it fits: the lowest and the average score over the sample. */
interface Score {
  readonly name: string;
  readonly format: Format;
  readonly low: number;
  readonly readable: number;
}

/** Chooses among formats. */
export const auto: Part<"format", z.input<typeof options>, AutoOptions> =
  definePart({
    kind: "format",
    name: "auto",
    description:
      "Looks at a sample of rows, names the format that reads them, and refuses where it is ambiguous",
    options,
    create: async (options: AutoOptions, host: Host): Promise<Format> => {
      const candidates: { name: string; format: Format }[] = [];
      for (const name of options.among) {
        candidates.push({ name, format: await host.create("format", name) });
      }
      return {
        template: "plain", // that of the chosen format counts
        recognises: (row) =>
          Math.max(...candidates.map(({ format }) => format.recognises(row))),
        choose: (sample) => choose(sample, candidates),
        parse: () => {
          throw new PluginError(
            'The format "auto" was asked to parse; call `detectFormat` first and use what it gives',
          );
        },
      };
    },
  });

function choose(
  sample: readonly RawRecord[],
  candidates: readonly { name: string; format: Format }[],
): { format: Format; name: string; reason: string } {
  const scores: Score[] = candidates.map(({ name, format }) => {
    const all = sample.map((record) => format.recognises(record.value));
    return {
      name,
      format,
      low: Math.min(...all),
      readable: all.filter((score) => score > 0).length,
    };
  }).sort((a, b) => b.low - a.low || b.readable - a.readable);
  const [best, next] = scores;
  const first = sample[0];
  const columns = columnsOf(sample);
  if (best === undefined || best.low === 0) {
    const odd = best !== undefined && best.readable > 0
      ? `; "${best.name}" reads ${best.readable} of the ${sample.length} rows looked at, but not ${
        reasonOf(firstUnread(sample, best.format), best.format)
      }`
      : nearestReason(first, candidates);
    throw new DataError(
      `${
        describeWhere(first.where)
      }: no format reads these rows, with columns ${columns}${odd}. ` +
        `Name a format and its columns, for example format: {use: custom, instruction_field: ..., response_field: ...}; known: ${
          candidates.map((c) => c.name).join(", ")
        }`,
    );
  }
  if (next !== undefined && next.low === best.low) {
    const tied = scores.filter((score) => score.low === best.low).map((score) =>
      `"${score.name}"`
    );
    throw new DataError(
      `${describeWhere(first.where)}: ${
        tied.join(" and ")
      } read these rows equally well, with columns ${columns}; ` +
        `say which one: format: ${best.name}`,
    );
  }
  return {
    format: best.format,
    name: best.name,
    reason:
      `it reads all ${sample.length} rows looked at, with columns ${columns}`,
  };
}

/** Columns by which a format is meant, where a row has some of them and still does not fit. */
const DISTINCTIVE: Readonly<Record<string, readonly string[]>> = {
  alpaca: ["instruction", "output", "input"],
  dolly: ["instruction", "response", "context"],
  custom: ["instruction", "response"],
  self_instruct: ["instances", "instruction"],
  sharegpt: ["conversations", "conversation"],
  messages: ["messages"],
  chat_to_completion: ["messages", "chat"],
  prompt_completion: ["prompt", "completion"],
  question_answer: ["question", "answer"],
  pretokenized: ["input_ids"],
  text: ["text"],
};

/** Why the format that a row has most columns of does not read it; "" where none is near. */
function nearestReason(
  record: RawRecord,
  candidates: readonly { name: string; format: Format }[],
): string {
  const { value } = record;
  if (!isObject(value)) {
    return `; a row must be an object with named columns, found ${
      describe(value)
    }`;
  }
  const columns = Object.keys(value).map((name) => name.toLowerCase());
  const ranked = candidates.map(({ name, format }) => {
    const distinctive = Object.hasOwn(DISTINCTIVE, name)
      ? DISTINCTIVE[name]
      : [];
    const has = distinctive.filter((column) => columns.includes(column)).length;
    return { name, format, share: has / Math.max(1, distinctive.length) };
  }).sort((a, b) => b.share - a.share);
  const [nearest] = ranked;
  if (nearest === undefined || nearest.share === 0) return "";
  return `; the nearest is "${nearest.name}", which does not read ${
    reasonOf(record, nearest.format)
  }`;
}

/** Where a row is, and what a format says of it. */
function reasonOf(record: RawRecord, format: Format): string {
  const place = describeWhere(record.where);
  try {
    format.parse(record);
    return place;
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    return message.startsWith(place) ? message : `${place}: ${message}`;
  }
}

function firstUnread(sample: readonly RawRecord[], format: Format): RawRecord {
  return sample.find((record) => format.recognises(record.value) === 0) ??
    sample[0];
}

function columnsOf(sample: readonly RawRecord[]): string {
  const names = new Set<string>();
  for (const { value } of sample) {
    if (isObject(value)) {
      for (const key of Object.keys(value)) names.add(key);
    } else names.add(`(${typeof value})`);
  }
  return [...names].slice(0, 12).join(", ");
}
