/**
 * A source in the process of its plugin; each file is opened in a process of its own.
 * @module
 */
import { PluginError } from "../../contracts/errors.ts";
import type {
  RawRecord,
  RecordStore,
  Source,
  SourceRequest,
} from "../../contracts/source.ts";
import { Carrier } from "./carrier.ts";
import { callsOf, describe, make, type Making } from "./making.ts";
import { type Outcome, valueOf } from "./messages.ts";
import { isDescribed } from "./part_members.ts";
import { flagOf } from "./permissions.ts";

/** Rows that are read ahead at most. */
const MOST_AHEAD = 256;

/** A source reads files: each is opened in a process that may read this file, and nothing else. */
export async function isolatedSource(making: Making): Promise<Source> {
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

/** Rows from one on that the process was asked for. */
interface Sent {
  readonly from: number;
  /** Waits for them. */
  rows(): readonly Outcome[];
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
  /** The rows behind these, where they are read in order: the process works on them meanwhile. */
  let next: Sent | null = null;
  const send = (start: number): Sent | null => {
    const end = Math.min(facts.length, start + ahead);
    if (start >= end) return null;
    const calls = Array.from({ length: end - start }, (_, i) => [start + i]);
    return { from: start, rows: carrier.send(seat, "at", calls) };
  };
  return {
    ...facts,
    at(index) {
      if (index < from || index >= from + rows.length) {
        const isInOrder = index === from + rows.length;
        ahead = isInOrder ? Math.min(MOST_AHEAD, 2 * ahead) : 1;
        const sent = next?.from === index ? next : send(index);
        next = null;
        rows = sent?.rows() ?? [];
        from = index;
        if (isInOrder) next = send(from + rows.length);
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

function isRecord(row: unknown): row is RawRecord {
  if (typeof row !== "object" || row === null || !("where" in row)) {
    return false;
  }
  const { where } = row;
  return typeof where === "object" && where !== null && "path" in where &&
    "index" in where && typeof where.path === "string" &&
    typeof where.index === "number";
}
