/**
 * The part.
 * @module
 */
import {
  type Backend,
  connectWorker,
  definePart,
  type Part,
} from "@denotune/denotune/core";
import { type WebGpuOptions, webGpuOptions } from "./options.ts";
import { factsOf, findAdapter } from "./runtime/adapter.ts";

/** GPUs of every make through Deno's own WebGPU, in a worker. */
export const webgpu: Part<"backend", Partial<WebGpuOptions>, WebGpuOptions> =
  definePart({
    kind: "backend",
    name: "webgpu",
    description:
      "GPUs of NVIDIA, AMD, Intel and Apple through Deno's own WebGPU",
    options: webGpuOptions,
    create(options: WebGpuOptions): Backend {
      return {
        async available(context) {
          const adapter = await findAdapter(options);
          if ("reason" in adapter) return { ok: false, reason: adapter.reason };
          const { software, description } = factsOf(adapter);
          const accepted = options.allow_software === "auto"
            ? context?.explicit === true
            : options.allow_software;
          if (software && !accepted) {
            return {
              ok: false,
              reason:
                `the only adapter, ${description}, computes on the processor, where the cpu backend is faster; backend: {use: webgpu, allow_software: true} takes it all the same`,
            };
          }
          return { ok: true, description };
        },
        open: () =>
          connectWorker(
            new Worker(new URL("./worker.ts", import.meta.url), {
              type: "module",
            }),
            options,
          ),
      };
    },
  });
