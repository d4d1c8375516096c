/**
 * Ranks that an MPI launcher has started: `mpirun -n 4 deno run -A mod.ts train run.yaml`. Without a launcher it is
 * one process, and no library is loaded.
 * @module
 */
import {
  type Collective,
  definePart,
  type Part,
} from "@denotune/denotune/core";
import { z } from "zod";
import { alone } from "../single.ts";
import { launchedBy } from "./launcher.ts";
import { wireOf } from "./ordered_sum.ts";
import { PACKED_UP_TO } from "./packed_floats.ts";
import { rehearse } from "./rehearse.ts";

/** What `mpi` gets. */
export interface MpiOptions {
  readonly optimizer_sharding: boolean;
  readonly gradient_dtype: "float32" | "bfloat16";
  readonly compression: "auto" | "none" | "lossless";
  readonly timeout_seconds: number;
  readonly library: string | null;
}

const options: z.ZodType<MpiOptions, Partial<MpiOptions>> = z.strictObject({
  optimizer_sharding: z.boolean().default(false).describe(
    "ZeRO-1: each rank keeps the optimizer states of its share of the weights alone.",
  ),
  gradient_dtype: z.enum(["float32", "bfloat16"]).default("float32").describe(
    "How gradients are sent; bfloat16: half the bytes, for slow networks.",
  ),
  compression: z.enum(["auto", "none", "lossless"]).default("auto").describe(
    "How what ranks send in float32 is packed; lossless: in five sixths of the bytes, and no bit changes; auto: lossless on links up to 400 Mbit/s, as measured at the start.",
  ),
  timeout_seconds: z.number().min(3).max(3600).default(15).describe(
    "A rank that gives no sign of life for so long ends the run.",
  ),
  library: z.string().min(1).nullable().default(null).describe(
    "File of the MPI library; null: Open MPI or MPICH, as installed and launched.",
  ),
});

/** Bytes that a socket of Open MPI receives into: the kernel doubles it, and fills it with packets of up to 58 KB. */
const RECEIVE_BUFFER = 1 << 15;

/** Settings of Open MPI that the environment and `mpirun --mca` override. */
const DEFAULTS: Readonly<Record<string, string>> = {
  // Looks are short, and this side pauses by itself. To yield in each of them gives the core to whoever computes for
  // milliseconds, while the link stands still.
  OMPI_MCA_mpi_yield_when_idle: "0",
  // Without `put`, long messages over TCP are sent in pieces of 128 KB. With it, one is written whole, and the answer
  // that the other direction waits for is queued behind it: a link then carries one direction at a time.
  OMPI_MCA_btl_tcp_flags: "send,inplace,need-csum,need-ack",
  // The kernel lets a socket hold up to 4 MB, 0.3 s at 100 Mbit/s, and the answer that the other direction waits for is
  // behind them.
  OMPI_MCA_btl_tcp_sndbuf: String(1 << 18),
  // Linux builds packets of what the other side takes, up to 64 KB. A token bucket (`tc tbf`) whose burst is smaller
  // cuts them into frames and waits for a timer before each: work that a rank of one core has no time for.
  OMPI_MCA_btl_tcp_rcvbuf: String(RECEIVE_BUFFER),
};

/** The part `mpi`. */
export const mpi: Part<"collective", Partial<MpiOptions>, MpiOptions> =
  definePart({
    kind: "collective",
    name: "mpi",
    description:
      "Processes that mpirun, mpiexec or srun has started, by Open MPI or MPICH",
    options,
    async create(o): Promise<Collective> {
      const launched = launchedBy(environment);
      if (launched === null) {
        return {
          ...alone,
          describe: () => describe(o),
          rehearse: (world, network) =>
            rehearse(world, {
              gradients: wireOf(o.gradient_dtype),
              packs: packsOn(network, o),
              shardsOptimizer: o.optimizer_sharding,
            }),
        };
      }
      for (const [name, value] of Object.entries(DEFAULTS)) {
        if (environment(name) === undefined) Deno.env.set(name, value);
      }
      const [{ openLibrary }, { MpiRanks }] = await Promise.all([
        import("./library.ts"),
        import("./mpi_ranks.ts"),
      ]);
      const library = openLibrary({ path: o.library, first: launched.family });
      return await MpiRanks.open(library, launched, {
        shardsOptimizer: o.optimizer_sharding,
        gradientDtype: o.gradient_dtype,
        compression: o.compression,
        timeoutSeconds: o.timeout_seconds,
      });
    },
  });

/** Whether ranks on a network pack what they send. */
function packsOn(
  network: { readonly bitsPerSecond: number } | undefined,
  { compression }: MpiOptions,
): boolean {
  return compression === "lossless" ||
    compression === "auto" && network !== undefined &&
      network.bitsPerSecond <= PACKED_UP_TO;
}

/** The library that a launcher's ranks would call. */
async function describe({ library }: MpiOptions): Promise<string> {
  const { openLibrary } = await import("./library.ts");
  const { version, path } = openLibrary({ path: library, first: null });
  return `${version} (${path})`;
}

/** A variable of the environment; undefined where it is not set or may not be read. */
function environment(name: string): string | undefined {
  const { state } = Deno.permissions.querySync({ name: "env", variable: name });
  return state === "granted" ? Deno.env.get(name) : undefined;
}
