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
          if ("reason" in adapter) {
            // what to install is for those who asked for a GPU
            const [short] = adapter.reason.split(". ");
            const explicit = context?.explicit === true;
            return { ok: false, reason: explicit ? adapter.reason : short };
          }
          const { software, description } = factsOf(adapter);
          const accepted = options.allow_software === "auto"
            ? context?.explicit === true
            : options.allow_software;
          if (software && !accepted) {
            return {
              ok: false,
              reason: `only a software adapter, ${description}`,
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
        tune: async (say) => {
          const { tuneAndShow } = await import("./tune/show.ts");
          await tuneAndShow(say);
        },
      };
    },
  });
