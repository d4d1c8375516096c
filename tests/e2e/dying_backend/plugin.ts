/** A backend that dies once: WebGPU, until a number of runs of programs. */
import {
  API_VERSION,
  connectWorker,
  definePart,
  definePlugin,
  type Plugin,
} from "@denotune/denotune/core";
import { z } from "zod";

/** When and how it dies. */
export interface DyingOptions {
  /** The run of a program in which it does. */
  readonly after: number;
  readonly how: "lost" | "crash";
  /** A file that is made then; where it is, nobody dies. */
  readonly once: string;
}

const options: z.ZodType<DyingOptions, DyingOptions> = z.strictObject({
  after: z.number().describe("The run of a program in which it dies"),
  how: z.enum(["lost", "crash"]).describe("The device, or its worker"),
  once: z.string().describe("A file that is made then"),
});

const plugin: Plugin = definePlugin({
  name: "dying",
  api: API_VERSION,
  parts: [
    definePart({
      kind: "backend",
      name: "dying",
      description: "Dies once",
      options,
      create: (given: DyingOptions) => ({
        available: () =>
          Promise.resolve({ ok: true as const, description: "dying" }),
        open: () =>
          connectWorker(
            new Worker(new URL("./worker.ts", import.meta.url), {
              type: "module",
            }),
            given,
          ),
      }),
    }),
  ],
});
export default plugin;
