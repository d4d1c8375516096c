/**
 * What the parts of each kind have, as data: the types of `core/contracts` for the guard around parts of plugins.
 * The compiler holds this list against the types: a member that is missing here, or no longer there, is an error.
 * @module
 */
import type { AttachedAdapter } from "../../contracts/adapter.ts";
import type { ObjectiveAsk } from "../../contracts/ask.ts";
import type { Device, DeviceInfo } from "../../contracts/backend.ts";
import type { Decoder } from "../../contracts/decoder.ts";
import type { ModelSpec } from "../../contracts/model.ts";
import type { ObjectiveLoss } from "../../contracts/objective.ts";
import type { Kind, KindMap } from "../../contracts/plugin.ts";
import type { RecordStore } from "../../contracts/source.ts";

/** How a member is used. */
export interface Member<Optional extends boolean = boolean> {
  /**
   * `value`: read. `now`: called, and gives its result at once. `later`: called and waited for. `aside`: called, and a
   * promise that it gives holds up nothing. `own`: its caller says whose error it is.
   */
  readonly is: "value" | "now" | "later" | "aside" | "own";
  /** Whether a part may do without it. */
  readonly optional: Optional;
  /** Types of a value, as {@linkcode typeOf} names them, and texts that it may be, in quotes; empty: any. */
  readonly types: readonly string[];
  /** What the value, or the result of a call, has itself; null: it is left alone. */
  readonly gives: Shape | null;
  /**
   * How an interrupt ends the wait for it: what it would have given is made again when the run is resumed. Null: it is
   * waited for.
   */
  readonly givenUp: Patience | null;
}

/** How long a call is waited for after an interrupt. */
export interface Patience {
  readonly ms: number;
  /** Whether that is so for calls that begin after it, too. */
  readonly later: boolean;
}

/** Members by name. */
export type Shape = { readonly [name: PropertyKey]: Member };

/** A shape that names every member of a type. */
export type ShapeOf<T> = {
  readonly [M in keyof Required<T>]: Member<
    Record<PropertyKey, never> extends Pick<T, M> ? true : false
  >;
};

/** The type of a value, as messages name it. */
export function typeOf(value: unknown): string {
  if (value === undefined) return "nothing";
  if (value === null) return "null";
  if (Array.isArray(value)) return "list";
  if (typeof value === "number") {
    return Number.isFinite(value) ? "number" : String(value);
  }
  if (typeof value === "boolean") return "true or false";
  return typeof value === "string" ? "text" : typeof value;
}

type More = Partial<Pick<Member, "gives" | "givenUp">>;

function member<O extends boolean>(
  is: Member["is"],
  optional: O,
  { types = [], gives = null, givenUp = null }: Partial<Member> = {},
): Member<O> {
  return { is, optional, types, gives, givenUp };
}

const value = (...types: string[]) => member("value", false, { types });
const maybe = (...types: string[]) =>
  member("value", true, { types: [...types, "nothing"] });
const now = (more?: More) => member("now", false, more);
const mayNow = (more?: More) => member("now", true, more);
const later = (more?: More) => member("later", false, more);
const mayLater = (more?: More) => member("later", true, more);
/** An object that has members of its own. */
const mayHave = (gives: Shape, ...types: string[]) =>
  member("value", true, { types: ["object", "nothing", ...types], gives });

const GIVEN_UP = { givenUp: { ms: 2000, later: false } };
/** Of ranks: others may compute for long before they answer. */
const RANKS_GIVEN_UP = { givenUp: { ms: 30_000, later: true } };

const STORE: ShapeOf<RecordStore> = {
  length: value("number"),
  fingerprint: value("text"),
  at: now(),
  [Symbol.dispose]: now(),
};

/** What `for await` asks of a stream. */
const STREAM: Shape = {
  [Symbol.asyncIterator]: now({
    gives: {
      next: later(GIVEN_UP),
      return: mayLater(GIVEN_UP),
    },
  }),
};

const DECODER: ShapeOf<Decoder> = {
  statistics: value("object"),
  guidance: maybe("number"),
  decode: later(),
};

const LOSS: ShapeOf<ObjectiveLoss> = {
  statistics: value("object"),
  second: maybe('"base"'),
  inputs: maybe("object"),
  window: mayNow(),
  loss: now(),
};

const ASK: ShapeOf<ObjectiveAsk> = {
  scores: maybe("true or false"),
  asks: later(GIVEN_UP),
  make: later(GIVEN_UP),
};

const SPEC: ShapeOf<ModelSpec> = {
  modelType: value("text"),
  config: value("object"),
  floats: maybe("list"),
  vocabSize: value("number"),
  hiddenSize: value("number"),
  layers: value("number"),
  maxPositions: value("number", "null"),
  positionsAreBounded: value("true or false"),
  dropout: maybe("object"),
  attention: maybe('"bidirectional"'),
  adapterTargets: maybe("list"),
  head: value("object"),
  forward: now(),
  ignores: now(),
  aliases: now(),
  fileName: mayNow(),
  carries: mayNow(),
  exports: maybe("object"),
};

const ATTACHED: ShapeOf<AttachedAdapter> = {
  parameters: value("list"),
  constants: maybe("list"),
  initialise: mayNow(),
  savesModel: maybe("true or false"),
  trainsBase: now(),
  learningRateFactor: mayNow(),
  linear: now(),
  embedding: mayNow(),
  switches: maybe("list"),
  merged: now(),
  config: now(),
  savedName: now(),
  savedCopies: mayNow(),
  ignores: mayNow(),
};

const INFO: ShapeOf<DeviceInfo> = {
  backend: value("text"),
  description: value("text"),
  maxBufferBytes: value("number", "Infinity"),
  memoryBytes: value("number", "Infinity"),
  sharesHostMemory: maybe("true or false"),
  readsAreCostly: maybe("true or false"),
  advice: maybe("text"),
  alignment: value("number"),
  kernels: maybe("list"),
  storages: maybe("list"),
  panels: maybe("object"),
  epilogues: maybe("object"),
  keepsSlopes: maybe("true or false"),
  largestHead: maybe("number"),
  precisions: maybe("list"),
  fingerprint: value("text"),
};

const DEVICE: ShapeOf<Device> = {
  info: member("value", false, { types: ["object"], gives: INFO }),
  allocate: now(),
  free: now(),
  write: now(),
  read: later(),
  map: mayLater(),
  compile: later(),
  run: now(),
  idle: later(),
  profile: mayLater(),
  [Symbol.asyncDispose]: later(),
};

/** What the parts of each kind have. */
export const PART_SHAPES: { readonly [K in Kind]: ShapeOf<KindMap[K]> } = {
  source: {
    accepts: now(),
    open: later({ ...GIVEN_UP, gives: STORE }),
    stream: mayNow({ gives: STREAM }),
    parse: mayNow(),
  },
  format: {
    recognises: now(),
    parse: now(),
    choose: mayNow(),
    sources: maybe("list"),
    template: value("text", "object"),
  },
  template: {
    render: now(),
    prompt: now(),
    stops: value("list"),
    jinja: value("text", "null"),
    markers: maybe("list"),
    addMissing: maybe("true or false"),
  },
  tokenizer: {
    vocabSize: value("number"),
    specialTokens: value("object"),
    specialIds: value("object"),
    chatTemplate: value("text", "null"),
    encode: now(),
    addsBos: value("true or false"),
    decode: now(),
    decoder: now({ gives: { push: now(), end: now() } }),
    idOf: now(),
    tokenOf: now(),
    isSpecial: now(),
    bytesOf: mayNow(),
    addedTokens: maybe("object"),
    ownVocabSize: maybe("number"),
    withTokens: mayLater(),
    files: now(),
  },
  masker: { weights: now(), tokenWeights: mayNow() },
  collator: { plan: now(), window: mayNow(), collate: now() },
  objective: {
    attention: value('"causal"', '"bidirectional"'),
    inputs: now(),
    head: maybe("object"),
    ask: mayHave(ASK),
    loss: mayHave(LOSS),
    decoding: mayHave(DECODER, '"tokens"', "null"),
    specialTokens: maybe("list"),
    fillAnswerTo: maybe("number"),
    needsPrompts: maybe("true or false"),
    draws: maybe("number"),
    startsCausal: maybe("true or false"),
  },
  model: {
    modelTypes: value("list"),
    families: maybe("list"),
    describe: now({ gives: SPEC }),
  },
  adapter: {
    untiesHead: mayNow(),
    attach: now({ gives: ATTACHED }),
    configured: mayNow(),
  },
  optimizer: {
    learningRate: value("number"),
    weightDecay: value("number"),
    ownsSchedule: maybe("true or false"),
    decays: now(),
    learningRateFactor: mayNow(),
    tensorUpdate: mayNow(),
    slots: value("list"),
    average: maybe("object"),
    scalarNames: value("list"),
    scalars: now(),
    update: now(),
  },
  schedule: { metric: maybe("text"), factor: now() },
  backend: {
    precisions: maybe("list"),
    available: later(),
    open: later({ gives: DEVICE }),
    devices: mayNow(),
    tune: mayLater(),
    source: mayLater(),
  },
  collective: {
    rank: value("number"),
    world: value("number"),
    shardsOptimizer: maybe("true or false"),
    sumsAtOnce: maybe("number"),
    lost: maybe("object"),
    sum: later(RANKS_GIVEN_UP),
    reduceScatter: later(RANKS_GIVEN_UP),
    allGather: later(RANKS_GIVEN_UP),
    broadcast: later(RANKS_GIVEN_UP),
    rehearse: mayNow(),
    describe: mayLater(),
    fail: mayLater(),
    close: mayLater(),
  },
  evaluator: {
    asks: later(GIVEN_UP),
    score: later(GIVEN_UP),
    rewards: mayLater(GIVEN_UP),
  },
  tracker: {
    watched: maybe("true or false"),
    start: later(),
    preparing: member("aside", true),
    event: member("aside", false),
    close: later(),
  },
  exporter: {
    writes: value('"model"', '"adapter"'),
    storageError: now(),
    drift: value("number"),
    check: later(),
    write: later(),
    read: later(),
    annotate: mayLater(),
    client: mayLater(),
  },
  activation: { apply: now(), names: maybe("list") },
  command: {
    details: maybe("text"),
    arguments: maybe("list"),
    usage: maybe("text"),
    help: mayNow(),
    optionsSchema: value("object"),
    permissions: mayLater(),
    run: member("own", false),
  },
};
