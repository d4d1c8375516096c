/**
 * A plugin whose parts run in a process without permissions: its manifest gives parts that look like any others;
 * options are checked, and parts are made and called, in the process.
 * @module
 */
import { PluginError } from "../../contracts/errors.ts";
import type { Evaluator, Wording } from "../../contracts/evaluator.ts";
import type { Format } from "../../contracts/format.ts";
import type { Masker, Tokenized } from "../../contracts/masker.ts";
import { flagOf } from "./permissions.ts";
import type {
  OptionsSchema,
  ValidationResult,
} from "../../contracts/options.ts";
import type {
  AnyPart,
  Choice,
  Host,
  Isolation,
  Kind,
  KindMap,
  Plugin,
} from "../../contracts/plugin.ts";
import type {
  RawRecord,
  RecordStore,
  Source,
  SourceRequest,
} from "../../contracts/source.ts";
import { type Callback, Carrier, type CarrierOptions } from "./carrier.ts";
import { checkedManifest, type ManifestPart } from "./manifest.ts";
import { type HostData, type Outcome, TOKENS_OF, valueOf } from "./messages.ts";
import {
  BATCHED,
  describeMade,
  isDescribed,
  isIsolable,
  ISOLABLE_KINDS,
  type IsolableKind,
  partOf,
} from "./part_members.ts";

/** What an isolated plugin is held to where nothing else is said. */
export const DEFAULT_ISOLATION: Isolation = {
  timeMs: 10_000,
  memoryMB: 512,
  granted: [],
};

/** Loads a plugin in a process of its own. Throws `PluginError`. */
export async function loadIsolated(
  { url, module, isolation }: {
    /** URL of its module. */
    readonly url: string;
    /** The module, as people are shown it. */
    readonly module: string;
    /** Its limits, and what the run grants it. */
    readonly isolation: Isolation;
  },
): Promise<Plugin> {
  const { granted, timeMs, memoryMB } = isolation;
  const options: CarrierOptions = {
    url,
    module,
    limits: { timeMs, memoryMB },
    flags: granted.map(flagOf),
  };
  const carrier = new Carrier(options);
  try {
    const manifest = checkedManifest(
      await carrier.ask({ type: "describe", module }),
      module,
    );
    const missing = manifest.permissions.find((one) => !granted.includes(one));
    if (missing !== undefined) {
      throw new PluginError(
        `the plugin "${manifest.name}" (${module}) asks for the permission ${missing}: add it to its \`permissions\` to grant it`,
      );
    }
    const surplus = granted.find((one) => !manifest.permissions.includes(one));
    if (surplus !== undefined) {
      throw new PluginError(
        `the plugin "${manifest.name}" (${module}) does not ask for the permission ${surplus}; it asks for ${
          manifest.permissions.join(", ") || "none"
        }`,
      );
    }
    return {
      name: manifest.name,
      api: manifest.api,
      ...(manifest.version === null ? {} : { version: manifest.version }),
      permissions: manifest.permissions,
      parts: manifest.parts.map((part) =>
        isolatedPart(part, { carrier, options, plugin: manifest.name })
      ),
    };
  } catch (error) {
    carrier[Symbol.dispose]();
    throw error;
  }
}

/** What the parts of a plugin share. */
interface Shared {
  readonly carrier: Carrier;
  readonly options: CarrierOptions;
  readonly plugin: string;
}

function isolatedPart(part: ManifestPart, shared: Shared): AnyPart {
  const { kind, name, description, optionsSchema } = part;
  const base = {
    name,
    description,
    jsonSchema: { ...optionsSchema },
  };
  if (!isIsolable(kind)) {
    const message =
      `the ${kind} "${name}" of plugin "${shared.plugin}" runs in this process and cannot be isolated (isolated are: ${
        ISOLABLE_KINDS.join(", ")
      }); leave out \`isolated\` for a plugin that you trust`;
    return {
      ...base,
      kind,
      options: schemaOf(() => ({ issues: [{ message }] })),
      create: () => {
        throw new PluginError(message);
      },
    } as AnyPart;
  }
  return {
    ...base,
    kind,
    options: schemaOf(async (value) =>
      await shared.carrier.ask({
        type: "validate",
        kind,
        name,
        value,
      }) as ValidationResult<unknown>
    ),
    create: (options: unknown, host: Host) =>
      CREATE[kind]({ kind, name, options, host, shared }),
  } as AnyPart;
}

function schemaOf(
  validate: OptionsSchema["~standard"]["validate"],
): OptionsSchema {
  return { "~standard": { version: 1, vendor: "denotune-isolated", validate } };
}

/** What is made. */
interface Making {
  readonly kind: IsolableKind;
  readonly name: string;
  readonly options: unknown;
  readonly host: Host;
  readonly shared: Shared;
}

type Create = {
  readonly [K in IsolableKind]: (making: Making) => Promise<KindMap[K]>;
};

const CREATE: Create = {
  format: async (making) => {
    const { seat, described } = await make(making, making.shared.carrier);
    return formatOf(described, { seat, making });
  },
  template: async (making) => {
    const { seat, described } = await make(making, making.shared.carrier);
    const calls = callsOf(seat, making);
    return { ...partOf("template", described, calls), ...calls.batched };
  },
  masker: maskerOf,
  source: sourceOf,
  evaluator: evaluatorOf,
};

/** The part as messages name it. */
function describe({ kind, name, shared }: Making): string {
  return `${kind} "${name}" of plugin "${shared.plugin}" (${shared.options.module})`;
}

async function make(making: Making, carrier: Carrier) {
  const { kind, name, options, host } = making;
  const seat = carrier.newSeat();
  const described = await carrier.ask(
    { type: "create", seat, kind, name, options, host: hostData(host) },
    hostCallback(host),
  );
  if (!isDescribed(kind, described)) {
    throw new PluginError(`the isolated ${describe(making)} is none`);
  }
  return { seat, described };
}

function callsOf(
  seat: number,
  making: Making,
  many: RemoteMany = (method, calls) =>
    making.shared.carrier.many(seat, method, calls),
) {
  return {
    many,
    call: (method: string, args: readonly unknown[]) =>
      valueOf(many(method, [args])[0]),
    batched: { [BATCHED]: { many, described: describe(making) } },
  };
}

type RemoteMany = (
  method: string,
  calls: readonly (readonly unknown[])[],
) => readonly Outcome[];

/** A masker gets the tokens of rows, which are most of what it is shown, from the first time that it looks at them. */
async function maskerOf(making: Making): Promise<Masker> {
  const { carrier } = making.shared;
  const { seat, described } = await make(making, carrier);
  let looks = false;
  const calls = callsOf(seat, making, (method, calls) => {
    if (looks) return carrier.many(seat, method, calls);
    const without = calls.map(([tokenized, ...rest], row) => {
      const { text, spans } = tokenized as Tokenized;
      return [{ text, spans, [TOKENS_OF]: row }, ...rest];
    });
    return carrier.many(seat, method, without, (asked, [row]) => {
      const call = calls[Number(row)];
      if (asked !== TOKENS_OF || call === undefined) {
        throw new PluginError(`a masker has no \`${asked}\` to ask for`);
      }
      looks = true;
      return (call[0] as Tokenized).encoding;
    });
  });
  return { ...partOf("masker", described, calls), ...calls.batched };
}

function formatOf(
  described: Parameters<typeof partOf>[1],
  { seat, making }: { readonly seat: number; readonly making: Making },
): Format {
  const { carrier } = making.shared;
  const calls = callsOf(seat, making);
  const made = { ...partOf("format", described, calls), ...calls.batched };
  if (made.choose === undefined) return made;
  return {
    ...made,
    choose: (sample: readonly RawRecord[]) => {
      const inner = carrier.newSeat();
      const chosen = calls.call("choose", [sample, inner]) as Record<
        string,
        unknown
      >;
      const { format, name, reason } = chosen;
      if (
        !isDescribed("format", format) || typeof name !== "string" ||
        typeof reason !== "string"
      ) {
        throw new PluginError(
          `\`choose\` of the ${describe(making)} gave no format with a name`,
        );
      }
      carrier.keep(inner, {
        type: "call",
        seat,
        method: "choose",
        calls: [[sample, inner]],
      });
      return {
        format: formatOf(format, { seat: inner, making }),
        name,
        reason,
      };
    },
  };
}

/** Rows that are read ahead at most. */
const MOST_AHEAD = 256;

/** A source reads files: each is opened in a process that may read this file, and nothing else. */
async function sourceOf(making: Making): Promise<Source> {
  const { seat } = await make(making, making.shared.carrier);
  const calls = callsOf(seat, making);
  const { options } = making.shared;
  return {
    accepts: (file) => calls.call("accepts", [file]) === true,
    async open({ path, cacheDir }: SourceRequest): Promise<RecordStore> {
      const carrier = new Carrier({
        ...options,
        flags: [...options.flags, flagOf(`read:${path}`)],
      });
      try {
        const own = await make(making, carrier);
        const store = carrier.newSeat();
        const request = {
          type: "call",
          seat: own.seat,
          method: "open",
          calls: [[{ path, cacheDir }, store]],
        } as const;
        const described = await carrier.ask(request);
        const found = isDescribed("store", described) ? described.data : {};
        const { length, fingerprint } = found;
        if (
          typeof length !== "number" || !Number.isInteger(length) ||
          length < 0 || typeof fingerprint !== "string"
        ) {
          throw new PluginError(
            `\`open\` of the ${
              describe(making)
            } gave no store with a length and a fingerprint`,
          );
        }
        carrier.keep(store, request);
        return storeOf({ length, fingerprint }, {
          carrier,
          seat: store,
          making,
        });
      } catch (error) {
        carrier[Symbol.dispose]();
        throw error;
      }
    },
  };
}

function storeOf(
  facts: Pick<RecordStore, "length" | "fingerprint">,
  { carrier, seat, making }: {
    readonly carrier: Carrier;
    readonly seat: number;
    readonly making: Making;
  },
): RecordStore {
  let rows: readonly Outcome[] = [];
  let from = 0;
  let ahead = 1;
  return {
    ...facts,
    at(index) {
      if (index < from || index >= from + rows.length) {
        // rows that are read in order are read ahead
        ahead = index === from + rows.length
          ? Math.min(MOST_AHEAD, 2 * ahead)
          : 1;
        const to = Math.min(facts.length, index + ahead);
        rows = readRows(carrier, { seat, from: index, to });
        from = index;
      }
      const row = valueOf(
        rows[index - from] ?? { error: { name: "Error", message: "no row" } },
      );
      if (isRecord(row)) return row;
      throw new PluginError(
        `\`at\` of the ${
          describe(making)
        } gave no row {value, where: {path, index}} at ${index}`,
      );
    },
    [Symbol.dispose]: () => carrier[Symbol.dispose](),
  };
}

function readRows(
  carrier: Carrier,
  { seat, from, to }: { seat: number; from: number; to: number },
): readonly Outcome[] {
  const calls = Array.from({ length: to - from }, (_, i) => [from + i]);
  return carrier.many(seat, "at", calls);
}

function isRecord(row: unknown): row is RawRecord {
  if (typeof row !== "object" || row === null || !("where" in row)) {
    return false;
  }
  const { where } = row;
  return typeof where === "object" && where !== null && "path" in where &&
    "index" in where && typeof where.path === "string" &&
    typeof where.index === "number";
}

/** An evaluator is awaited, and asks for the run's template meanwhile: it has a process of its own. */
async function evaluatorOf(making: Making): Promise<Evaluator> {
  const carrier = new Carrier(making.shared.options);
  const { seat } = await make(making, carrier);
  return {
    asks: async (rows, wording) =>
      await carrier.ask(
        { type: "call", seat, method: "asks", calls: [[rows, wording.stops]] },
        wordingCallback(wording),
      ) as Awaited<ReturnType<Evaluator["asks"]>>,
    score: async ({ rows, answers, scores }) =>
      await carrier.ask({
        type: "call",
        seat,
        method: "score",
        calls: [[{ rows, answers, scores }]],
      }) as Awaited<ReturnType<Evaluator["score"]>>,
  };
}

function wordingCallback(wording: Wording): Callback {
  return (method, [prompt]) => {
    if (method === "request") return wording.request(String(prompt));
    if (method === "written") {
      return wording.written(prompt as Parameters<Wording["written"]>[0]);
    }
    throw new PluginError(`there is no \`${method}\` of a wording`);
  };
}

function hostData(host: Host): HostData {
  const { modelDir, modelConfig, seed, tokenizer } = host;
  return {
    modelDir,
    modelConfig,
    seed,
    tokenizer: tokenizer === null ? null : {
      vocabSize: tokenizer.vocabSize,
      specialTokens: { ...tokenizer.specialTokens },
      specialIds: { ...tokenizer.specialIds },
      chatTemplate: tokenizer.chatTemplate,
      addsBos: tokenizer.addsBos,
    },
  };
}

/** Parts of this process that an isolated one may be made of. */
const LENT: readonly Kind[] = ["format", "template", "masker"];

/** Whether a choice has options with a text in them. */
function hasTexts(choice: unknown): boolean {
  const inside = (value: unknown): boolean =>
    typeof value === "string" ||
    typeof value === "object" && value !== null &&
      Object.values(value).some(inside);
  return typeof choice === "object" && choice !== null &&
    Object.entries(choice).some(([key, value]) =>
      key !== "use" && inside(value)
    );
}

/** Answers what a part asks of its host. */
function hostCallback(host: Host): Callback {
  const lent: object[] = [];
  // by what was asked for: a process that is started again asks again, where nothing can be awaited
  const known = new Map<string, unknown>();
  const { tokenizer } = host;
  return (method, args) => {
    const [first] = args;
    switch (method) {
      case "idOf":
        return tokenizer?.idOf(String(first)) ?? null;
      case "tokenOf":
        return tokenizer?.tokenOf(Number(first)) ?? null;
      case "isSpecial":
        return tokenizer?.isSpecial(Number(first)) ?? false;
      case "resolvePath":
        return host.resolvePath(String(first));
      case "list":
        return [...host.list(first as Kind)];
      case "notice":
        return host.notice(String(first));
      case "create": {
        const key = JSON.stringify(args);
        if (known.has(key)) return known.get(key);
        const kind = LENT.find((one) => one === first);
        if (kind === undefined) {
          throw new PluginError(
            `an isolated part may be made of a ${LENT.join(", ")}, not of a ${
              String(first)
            }`,
          );
        }
        if (hasTexts(args[1])) {
          // the option of a template may be the path of a file, which would be read with this process's rights
          throw new PluginError(
            `an isolated part may be made of a ${kind} with numbers as options, not with texts`,
          );
        }
        return host.create(kind, args[1] as Choice).then((made) => {
          const index = lent.push(made) - 1;
          const answer = {
            index,
            described: describeMade(kind as IsolableKind, { seat: 0, made }),
          };
          known.set(key, answer);
          return answer;
        });
      }
      case "call": {
        const [index, name, ...rest] = args;
        const made = lent[Number(index)];
        // only what parts have is called, never what every object inherits
        const called: unknown = made !== undefined &&
            Object.hasOwn(made, String(name))
          ? Reflect.get(made, String(name))
          : undefined;
        if (typeof called !== "function") {
          throw new PluginError(`there is no \`${String(name)}\` to call`);
        }
        return called.apply(made, rest);
      }
    }
    throw new PluginError(`a host has no \`${method}\``);
  };
}
