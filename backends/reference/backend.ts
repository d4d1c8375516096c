/**
 * The part.
 * @module
 */
import {
  type Backend,
  connectWorker,
  definePart,
  type Part,
  startWorker,
} from "@denotune/denotune/core";
import { type ReferenceOptions, referenceOptions } from "./options.ts";

/** Plain loops in double precision, in a worker: slow and obvious, the witness of every other backend. */
export const reference: Part<
  "backend",
  Partial<ReferenceOptions>,
  ReferenceOptions
> = definePart({
  kind: "backend",
  name: "reference",
  description:
    "Plain loops in double precision: slow and obvious, the witness of every other backend",
  options: referenceOptions,
  create(options: ReferenceOptions): Backend {
    return {
      precisions: ["bfloat16", "float16"],
      available: () =>
        Promise.resolve({
          ok: true,
          description: "plain loops in double precision, one thread",
        }),
      open: () =>
        connectWorker(
          startWorker("reference", new URL("./worker.ts", import.meta.url)),
          options,
          { driverless: true },
        ),
    };
  },
});
