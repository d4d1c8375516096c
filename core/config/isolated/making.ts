/**
 * A part that is made in the process of its plugin, and how it is called there.
 * @module
 */
import { PluginError } from "../../contracts/errors.ts";
import type { Host } from "../../contracts/plugin.ts";
import type { Carrier } from "./carrier.ts";
import { hostCallback, hostData } from "./host_callback.ts";
import { type Described, valueOf } from "./messages.ts";
import {
  BATCHED,
  type Batched,
  type BatchedCalls,
  isDescribed,
  type IsolableKind,
  type RemoteCalls,
} from "./part_members.ts";
import type { ProcessOptions } from "./process/plugin_process.ts";

/** What the parts of a plugin share. */
export interface Shared {
  readonly carrier: Carrier;
  readonly options: ProcessOptions;
  readonly plugin: string;
}

/** What is made. */
export interface Making {
  readonly kind: IsolableKind;
  readonly name: string;
  readonly options: unknown;
  readonly host: Host;
  readonly shared: Shared;
}

/** The part as messages name it. */
export function describe({ kind, name, shared }: Making): string {
  return `${kind} "${name}" of plugin "${shared.plugin}" (${shared.options.module})`;
}

/** Makes the part in a process. Throws `PluginError` for what is none. */
export async function make(
  making: Making,
  carrier: Carrier,
): Promise<{ readonly seat: number; readonly described: Described }> {
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

/** Calls of a part, and what tells the pipeline of rows that they may be made many at once. */
export interface Calls extends RemoteCalls {
  readonly batched: Batched;
}

/** How a part is called that has a number there. */
export function callsOf(
  seat: number,
  making: Making,
  {
    send = (method, calls, isAlone) =>
      making.shared.carrier.send(seat, method, calls, { isAlone }),
    ...own
  }: Partial<Pick<BatchedCalls, "send" | "mayFollow" | "looked">> = {},
): Calls {
  const { carrier } = making.shared;
  return {
    call: (method, args) => valueOf(send(method, [args])()[0]),
    batched: {
      [BATCHED]: {
        send,
        described: describe(making),
        process: carrier,
        seat,
        sendChain: (steps, calls, tokens) =>
          carrier.sendChain(steps, calls, tokens),
        mayFollow: () => true,
        ...own,
      },
    },
  };
}
