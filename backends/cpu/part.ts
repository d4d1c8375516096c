/**
 * The part `cpu`.
 * @module
 */
import {
  type Backend,
  connectWorker,
  definePart,
  type Part,
  startWorker,
} from "@denotune/denotune/core";
import { z } from "zod";
import { findBfloat16 } from "./blas/bfloat16.ts";
import type { BlasChoice } from "./blas/blas.ts";
import { describeProducts, findProducts } from "./blas/opened.ts";
import type { CpuOptions } from "./executor.ts";
import {
  describeProcessor,
  MACHINE_PERMISSIONS,
  usableMemory,
} from "./machine.ts";
import { MAX_WORKERS } from "./runtime/layout.ts";

/** Most workers that are taken without being asked for. */
const AUTOMATIC_WORKERS = 16;
/** The largest size of one memory in V8, GiB. */
const LARGEST_MEMORY_GB = 16;

/** Options of a cpu device. */
export interface CpuSettings {
  /** How many threads compute. */
  readonly workers: number | "auto";
  /** What multiplies matrices. */
  readonly blas: BlasChoice;
  /** A BLAS library to use and no other. */
  readonly blas_path: string | null;
  /** A library for products of bfloat16 and no other. */
  readonly bfloat16_path: string | null;
  /** Whether the time of kernels is measured. */
  readonly profile: boolean;
  /** Largest memory, GiB. */
  readonly memory_limit_gb: number | null;
}

/** The user's options, each with a default. */
export type CpuInput = Partial<CpuSettings>;

const options: z.ZodType<CpuSettings, CpuInput> = z.strictObject({
  workers: z.union([z.literal("auto"), z.int().min(1).max(MAX_WORKERS)])
    .default("auto")
    .describe(
      "How many threads compute; auto: one a processor, at most 16. Results do not depend on it.",
    ),
  blas: z.enum(["auto", "machine_code", "off", "required"]).default("auto")
    .describe(
      "What multiplies matrices; auto: a BLAS of the system (oneDNN, OpenBLAS, MKL, Accelerate) and, for small products or without a BLAS, machine code assembled here (x86-64 with AVX2, Linux), else WebAssembly; required: a BLAS alone; machine_code: no BLAS; off: WebAssembly alone, no native code.",
    ),
  blas_path: z.string().nullable().default(null)
    .describe(
      "A BLAS library to use and no other, as a path or a name that the system finds.",
    ),
  bfloat16_path: z.string().nullable().default(null)
    .describe(
      "A oneDNN library for `training.precision: bfloat16` and no other, as a path or a name that the system finds.",
    ),
  profile: z.boolean().default(false)
    .describe("Measure the time of every kernel; steps are a little slower."),
  memory_limit_gb: z.number().positive().max(LARGEST_MEMORY_GB).nullable()
    .default(null)
    .describe(
      "Largest memory of the device in GiB; null: nine tenths of the machine's, at most 16 GiB.",
    ),
});

/** Runs on the processor: WebAssembly SIMD on several threads, products by a BLAS or by machine code where it can. */
export const cpu: Part<"backend", CpuInput, CpuSettings> = definePart({
  kind: "backend",
  name: "cpu",
  description:
    "Every processor core: WebAssembly SIMD, products by a BLAS of the system or by machine code.",
  options,
  permissions: ({ blas }) => [
    ...(blas === "off" ? [] : ["ffi"]),
    ...MACHINE_PERMISSIONS,
  ],
  create: (settings): Backend => cpuBackend(settings),
});

function cpuBackend(settings: CpuSettings): Backend {
  const workers = settings.workers === "auto"
    ? Math.min(AUTOMATIC_WORKERS, navigator.hardwareConcurrency)
    : settings.workers;
  const opened: CpuOptions = {
    blas: settings.blas,
    blasPath: settings.blas_path,
    bfloat16: false,
    bfloat16Path: settings.bfloat16_path,
    profile: settings.profile,
    memoryBytes: Math.min(
      settings.memory_limit_gb === null ? usableMemory() : Infinity,
      (settings.memory_limit_gb ?? LARGEST_MEMORY_GB) * 2 ** 30,
    ),
  };
  return {
    precisions: ["bfloat16"],
    available(context) {
      if (context?.precision === "bfloat16") {
        const { found, reason } = findBfloat16(settings.bfloat16_path);
        if (found === null) return Promise.resolve({ ok: false, reason });
      }
      try {
        const found = findProducts(settings.blas, settings.blas_path);
        const arithmetic = found.blas === null
          ? `${describeProducts(found)} (no BLAS: ${found.reason})`
          : describeProducts(found);
        return Promise.resolve({
          ok: true,
          description:
            `${describeProcessor()}, ${workers} workers, ${arithmetic}`,
        });
      } catch (error) {
        return Promise.resolve({
          ok: false,
          reason: error instanceof Error ? error.message : String(error),
        });
      }
    },
    async source(plan) {
      const { sourcesOf } = await import("./source.ts");
      const { blas, small } = findProducts(settings.blas, settings.blas_path);
      const bfloat16 = findBfloat16(settings.bfloat16_path).found;
      return sourcesOf(plan, { found: { blas, small, bfloat16 }, workers });
    },
    open({ precision } = {}) {
      const leader = startWorker(
        "cpu",
        new URL("./worker.ts", import.meta.url),
      );
      const helpers = Array.from({ length: workers - 1 }, () =>
        startWorker(
          "cpu helper",
          new URL("./runtime/helper_worker.ts", import.meta.url),
        ));
      return connectWorker(leader, {
        ...opened,
        bfloat16: precision === "bfloat16",
      }, { helpers, driverless: true });
    },
  };
}
