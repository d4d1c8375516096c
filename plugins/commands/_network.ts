/**
 * What `check --ranks` says of a cluster.
 * @module
 */
import {
  type Cluster,
  type RanksEstimate,
  showBytes,
  showCount,
  showDigits,
  showWhole,
} from "@denotune/denotune/core";
import { z } from "zod";

const UNITS: Readonly<Record<string, number>> = { k: 1e3, m: 1e6, g: 1e9 };
const SECONDS: Readonly<Record<string, number>> = { us: 1e-6, ms: 1e-3, s: 1 };
const RATE = /^(\d+(?:\.\d+)?)\s*([kmg])(?:bit|bps|bit\/s)$/i;
const TIME = /^(\d+(?:\.\d+)?)\s*(us|ms|s)$/i;

/** Flags that describe a cluster. */
export const CLUSTER_FLAGS = {
  ranks: z.string().regex(
    /^[1-9]\d{0,5}(,[1-9]\d{0,5})*$/,
    "expected a number of ranks, or several: 8 or 8,64",
  ).optional().describe(
    "say what so many ranks would give: measures a step here; `8,64` compares",
  ),
  network: z.string().regex(RATE, "expected a rate such as 1Gbit or 100Mbit")
    .default("1Gbit").describe("with --ranks: the link of a rank, each way"),
  latency: z.string().regex(TIME, "expected a time such as 50us or 1ms")
    .default("100us").describe(
      "with --ranks: what a message takes however small",
    ),
};

/** What the flags ask for. */
export interface ClusterFlags {
  readonly ranks?: string;
  readonly network: string;
  readonly latency: string;
}

/** The clusters that flags describe; none without `--ranks`. */
export function clustersOf(
  { ranks, network, latency }: ClusterFlags,
): Cluster[] {
  const [, rate = "1", unit = "g"] = RATE.exec(network) ?? [];
  const [, time = "100", of = "us"] = TIME.exec(latency) ?? [];
  return (ranks?.split(",") ?? []).map((text) => ({
    ranks: Number(text),
    network: {
      bitsPerSecond: Number(rate) * UNITS[unit.toLowerCase()],
      latencySeconds: Number(time) * SECONDS[of.toLowerCase()],
    },
  }));
}

/** The lines of an estimate. */
export function estimateLines(
  estimate: RanksEstimate,
  { network, latency }: ClusterFlags,
): string[] {
  const { cluster: { ranks }, seconds, tokens, alone, efficiency, micros } =
    estimate;
  const show = (value: number) => `${showDigits(value)} s`;
  const memory = (total: number, optimizer: number) =>
    `${showBytes(total)}, of it ${showBytes(optimizer)} optimizer states`;
  return [
    `${showCount(ranks, "rank")} on ${network}, ${latency}: ${
      show(seconds)
    } a step · ${showWhole(tokens / seconds)} tokens/s · ${
      showDigits(alone / seconds)
    } times one rank (efficiency ${Math.round(100 * efficiency)}%)`,
    `of a step: ${
      estimate.parts.filter((part) => part.seconds >= seconds / 200)
        .map((part) => `${part.name} ${show(part.seconds)}`).join(", ")
    }; ${estimate.parts[0].name} takes most`,
    `a rank sends ${showBytes(estimate.bytes)} a step and takes ${
      memory(estimate.memory, estimate.optimizer)
    }${
      estimate.shardedMemory === null || estimate.shardedOptimizer === null
        ? "; this optimizer's states cannot be shared out"
        : `; with parallel.optimizer_sharding ${
          memory(estimate.shardedMemory, estimate.shardedOptimizer)
        }`
    }`,
    ...(micros < ranks
      ? [
        `a step has ${
          showCount(micros, "micro-batch", "micro-batches")
        }, so that ${
          showCount(ranks - micros, "rank")
        } would only wait: raise training.gradient_accumulation_steps, with a smaller batch_size`,
      ]
      : []),
  ];
}
