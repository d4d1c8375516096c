/**
 * How long a step takes on a network that is not there: what one rank computes is measured, what it would send is
 * counted, and the rest is arithmetic.
 *
 * ```text
 * computes   |-- micro-batches --|--last: pieces ready at . . .|            | update |
 * network                                  |-- sum --|-- sum --|-- sum -----|
 * ```
 * @module
 */
import type { RehearsedCall } from "../../contracts/collective.ts";

/** What joins the ranks. */
export interface Network {
  /** Bits a second, each way, of one rank's link. */
  readonly bitsPerSecond: number;
  /** Seconds that a message takes besides. */
  readonly latencySeconds: number;
}

/** One rank, measured. Seconds. */
export interface MeasuredRank {
  /** Finding and laying out the rows of a whole step. */
  readonly data: number;
  /** One micro-batch. */
  readonly micro: number;
  /** The update with all optimizer states. */
  readonly update: number;
  /** A step of one micro-batch with its sums, which send nothing. */
  readonly step: number;
  /** When that step began and what it would have sent; milliseconds. */
  readonly from: number;
  readonly calls: readonly RehearsedCall[];
}

/** A step of several ranks. Seconds. */
export interface StepEstimate {
  /** The step. */
  readonly seconds: number;
  /** The same step on one rank. */
  readonly alone: number;
  /** The share of `alone / ranks` in `seconds`: 1 if nothing is lost. */
  readonly efficiency: number;
  /** What a step is made of, most first; what overlaps with computing is left out. */
  readonly parts: readonly {
    readonly name: string;
    readonly seconds: number;
  }[];
  /** Bytes that a rank sends in a step. */
  readonly bytes: number;
}

/** What Ethernet, IP and TCP leave of a link: 1,448 bytes of the 1,538 that a frame takes. */
const PAYLOAD = 1448 / 1538;

/**
 * Seconds that the processor takes for a byte that is sent while one comes: TCP and MPI copy it some times. Two ranks
 * of one core each that sent 49 MB in a step took 0.17 to 0.2 s longer than what they computed, at 1 Gbit/s
 * (`tests/bench/README.md`).
 */
const SECONDS_OF_BYTE = 3.5e-9;

/** The step of `world` ranks that share `micros` micro-batches. */
export function estimateStep(
  measured: MeasuredRank,
  { world, micros, network }: {
    readonly world: number;
    readonly micros: number;
    readonly network: Network;
  },
): StepEstimate {
  const { data, micro, update, step, from, calls } = measured;
  const own = Math.ceil(micros / world);
  const before = data + (own - 1) * micro;
  let sending = 0;
  let waiting = 0;
  let done = 0;
  let doneHere = 0;
  // what messages take of the processor comes late to whoever computes the next pieces
  let taken = 0;
  for (const { at, busy, bytes, messages } of calls) {
    const came = (at - from) / 1000;
    const handled = bytes * SECONDS_OF_BYTE;
    const sent = 8 * bytes / (network.bitsPerSecond * PAYLOAD) + handled;
    const waited = messages * network.latencySeconds;
    // a call waits for the one before it, and for what it sends
    done = Math.max(came + taken, done) + busy + sent + waited;
    taken += handled;
    doneHere = Math.max(came, doneHere) + busy;
    sending += sent;
    waiting += waited;
  }
  const late = done - doneHere;
  const seconds = before + step + late;
  const alone = data + micros * micro + update;
  const parts = [
    { name: "micro-batches", seconds: own * micro },
    { name: "sending", seconds: sending },
    { name: "latency", seconds: waiting },
    { name: "reading the data", seconds: data },
    {
      name: "update and adding up",
      seconds: Math.max(0, step - micro),
    },
  ].sort((a, b) => b.seconds - a.seconds);
  return {
    seconds,
    alone,
    efficiency: alone / (world * seconds),
    parts,
    bytes: calls.reduce((sum, call) => sum + call.bytes, 0),
  };
}
