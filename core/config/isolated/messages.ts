/**
 * What this process and the process of an isolated plugin say to each other, one message at a time: each side waits
 * for the other's.
 *
 * ```text
 * this process                       the plugin's
 *   {describe}                 ──►
 *                              ◄──   {answers: [manifest], done}
 *   {call, seat, method, calls}──►
 *                              ◄──   {callback, method, args}       (what the host knows, other parts)
 *   {returned, outcome}        ──►
 *                              ◄──   {answers: [...], done: false}  (so many in so much time)
 *   {more}                     ──►
 *                              ◄──   {answers: [...], done: true}
 *   {chain, steps, calls}      ──►
 *                              ◄──   {answers: [[example, rendered, weights], ...], done}
 * ```
 *
 * Values are written as the structured clone of V8; a frame is its length and its bytes.
 * @module
 */
import { DefaultSerializer, deserialize } from "node:v8";
import {
  ConfigError,
  DataError,
  DeviceError,
  isDenotuneError,
  messageOf,
  PluginError,
} from "../../contracts/errors.ts";
import { isPlainObject } from "../parse/tree.ts";
import { packTyped, unpackTyped } from "./typed_arrays.ts";
import type { Kind } from "../../contracts/plugin.ts";

/** What a call gave, or threw. */
export type Outcome =
  | { readonly value: unknown }
  | {
    readonly error: { readonly name: string; readonly message: string };
  };

/** What a part is created with. */
export interface HostData {
  /** As in `Host`. */
  readonly modelDir: string | null;
  readonly modelConfig: Readonly<Record<string, unknown>> | null;
  readonly seed: number;
  /** The facts of the tokenizer that are data; null where there is none. */
  readonly tokenizer: Readonly<Record<string, unknown>> | null;
}

/** To the plugin's process. `seat` numbers what it holds: parts, stores, formats that `choose` gave. */
export type ToPlugin =
  | { readonly type: "describe"; readonly module: string }
  | {
    readonly type: "validate";
    readonly kind: Kind;
    readonly name: string;
    readonly value: unknown;
  }
  | {
    readonly type: "create";
    readonly seat: number;
    readonly kind: Kind;
    readonly name: string;
    readonly options: unknown;
    readonly host: HostData;
  }
  | {
    readonly type: "call";
    readonly seat: number;
    readonly method: string;
    /** Arguments of each call. */
    readonly calls: readonly (readonly unknown[])[];
  }
  | {
    readonly type: "chain";
    /** Calls of which each gets what the one before it gave. */
    readonly steps: readonly ChainStep[];
    /** Arguments of the first, for each row. */
    readonly calls: readonly (readonly unknown[])[];
  }
  | { readonly type: "returned"; readonly outcome: Outcome }
  | { readonly type: "more" };

/** A call of a chain: `parse`, `render`, `weights`. */
export interface ChainStep {
  readonly seat: number;
  readonly method: string;
}

/** From the plugin's process. */
export type FromPlugin =
  | {
    readonly type: "answers";
    readonly outcomes: readonly Outcome[];
    readonly done: boolean;
  }
  | {
    readonly type: "callback";
    /** The part that asks; 0 where none does. */
    readonly seat: number;
    readonly method: string;
    readonly args: readonly unknown[];
  };

/** What a part that was created is, as far as it is data. */
export interface Described {
  readonly seat: number;
  /** Methods that it has, of those that its kind may have. */
  readonly methods: readonly string[];
  /** Its other members. */
  readonly data: Readonly<Record<string, unknown>>;
}

/**
 * In what a masker is shown: the number of the row, whose text and tokens are sent from the first time that it looks
 * at them. Also the name by which they are asked for.
 */
export const ROW = "\u0000row";
/** The name by which the tokens of a text are asked for, in a chain. */
export const TOKENS = "\u0000tokens";

/** Bytes of a frame's length. */
export const FRAME_HEAD = 4;
/** Longest frame, in bytes. */
export const MOST_FRAME_BYTES = 2 ** 27;

/** A message with its length before it. Throws where a value is no data (a function). */
export function toFrame(message: ToPlugin | FromPlugin): Uint8Array {
  const serializer = new DefaultSerializer();
  // the length is known at the end: written into its place, the bytes are not copied
  serializer.writeRawBytes(new Uint8Array(FRAME_HEAD));
  serializer.writeHeader();
  serializer.writeValue(packTyped(message));
  const frame = serializer.releaseBuffer();
  new DataView(frame.buffer, frame.byteOffset)
    .setUint32(0, frame.length - FRAME_HEAD, true);
  return frame;
}

/** The message of a frame's bytes, its length taken off. Throws where they are none. */
export function fromFrame(bytes: Uint8Array): unknown {
  return unpackTyped(deserialize(bytes));
}

/** What was thrown, as data: ours keep their class. */
export function errorOutcome(error: unknown): Outcome {
  return {
    error: {
      name: isDenotuneError(error) ? error.name : "Error",
      message: error instanceof Deno.errors.NotCapable
        ? notGranted(error)
        : messageOf(error),
    },
  };
}

/** Deno's words without the flag that it suggests, which would be given to another process. */
function notGranted({ message }: Error): string {
  return `${
    message.replace(/,? run again with .*$/s, "")
  }, which an isolated plugin is granted only where it asks for it and the run file lists it under \`permissions\``;
}

/** The value of an outcome. Throws its error. */
export function valueOf(outcome: Outcome): unknown {
  if ("value" in outcome) return outcome.value;
  const { name, message } = outcome.error;
  switch (name) {
    case "ConfigError":
      throw new ConfigError(message);
    case "DataError":
      throw new DataError(message);
    case "PluginError":
      throw new PluginError(message);
    case "DeviceError":
      throw new DeviceError(message);
  }
  throw new Error(message);
}

/** Whether a value that came from a plugin's process is a message. */
export function isFromPlugin(value: unknown): value is FromPlugin {
  if (typeof value !== "object" || value === null) return false;
  const found = value as Record<string, unknown>;
  if (found.type === "callback") {
    return typeof found.method === "string" &&
      typeof found.seat === "number" && Array.isArray(found.args);
  }
  return found.type === "answers" && typeof found.done === "boolean" &&
    Array.isArray(found.outcomes) && found.outcomes.every(isOutcome);
}

/** Whether a value that came from there is what a call gave. */
export function isOutcome(value: unknown): value is Outcome {
  if (typeof value !== "object" || value === null) return false;
  if ("value" in value) return true;
  if (!("error" in value)) return false;
  const { error } = value;
  return typeof error === "object" && error !== null && "name" in error &&
    "message" in error && typeof error.name === "string" &&
    typeof error.message === "string";
}

/** Levels of an answer that are copied; what lies deeper is no plain data of a part. */
const COPIED_LEVELS = 8;

/**
 * An answer as it is now. Answers of many calls are sent together, and a part may give the same object or array each
 * time, filled anew: without a copy every row would have what the last call left in it.
 */
export function asItIsNow(outcome: Outcome): Outcome {
  return "value" in outcome ? { value: copied(outcome.value, 0) } : outcome;
}

function copied(value: unknown, level: number): unknown {
  if (typeof value !== "object" || value === null || level === COPIED_LEVELS) {
    return value;
  }
  if (Array.isArray(value)) {
    const copy: unknown[] = new Array(value.length);
    for (let i = 0; i < value.length; i++) {
      copy[i] = copied(value[i], level + 1);
    }
    return copy;
  }
  if (value instanceof Float32Array || value instanceof Float64Array) {
    return value.slice();
  }
  if (!isPlainObject(value)) return value; // sent as it is, or refused then
  const copy: Record<string, unknown> = {};
  for (const [key, item] of Object.entries(value)) {
    copy[key] = copied(item, level + 1);
  }
  return copy;
}
