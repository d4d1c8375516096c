/**
 * The pipes of a plugin's process: messages that are read and written one at a time, blocked.
 * @module
 */
import { PluginError } from "../../contracts/errors.ts";
import {
  errorOutcome,
  FRAME_HEAD,
  fromFrame,
  type FromPlugin,
  type Outcome,
  toFrame,
  type ToPlugin,
  valueOf,
} from "./messages.ts";

/** The part that is called now. */
let called = 0;

/** A part is called: what is asked for is for it. */
export function enter(seat: number): void {
  called = seat;
}

/** Asks the process that is waiting for an answer; blocks. */
export function ask(method: string, args: readonly unknown[]): unknown {
  send({ type: "callback", seat: called, method, args });
  return valueOf(expect("returned").outcome);
}

/** The next request, which is of that type. Blocks. */
export function expect<T extends ToPlugin["type"]>(
  type: T,
): Extract<ToPlugin, { type: T }> {
  const message = read();
  if (message === null) Deno.exit(0);
  if (message.type !== type) throw new TypeError(`Expected ${type}`);
  return message as Extract<ToPlugin, { type: T }>;
}

/** Sends answers; those that are no data become errors. */
export function say(outcomes: readonly Outcome[], done = true): void {
  try {
    send({ type: "answers", outcomes, done });
  } catch {
    const checked = outcomes.map((outcome): Outcome => {
      try {
        toFrame({ type: "answers", outcomes: [outcome], done });
        return outcome;
      } catch (error) {
        return errorOutcome(
          new PluginError(
            `it gave what cannot be sent to another process: ${
              error instanceof Error ? error.message : String(error)
            }`,
          ),
        );
      }
    });
    send({ type: "answers", outcomes: checked, done });
  }
}

function send(message: FromPlugin): void {
  const frame = toFrame(message);
  for (let at = 0; at < frame.length;) {
    at += Deno.stdout.writeSync(frame.subarray(at));
  }
}

/** The next request; null where nobody asks any more. Blocks. */
export function read(): ToPlugin | null {
  const head = readBytes(FRAME_HEAD);
  if (head === null) return null;
  const bytes = readBytes(new DataView(head.buffer).getUint32(0, true));
  return bytes === null ? null : fromFrame(bytes) as ToPlugin;
}

function readBytes(count: number): Uint8Array<ArrayBuffer> | null {
  const bytes = new Uint8Array(count);
  for (let at = 0; at < count;) {
    const read = Deno.stdin.readSync(bytes.subarray(at));
    if (read === null) return null;
    at += read;
  }
  return bytes;
}
