import type { KindTemplate } from "../kind_template.ts";

/** Another backend, with less memory. */
export const backend: KindTemplate = {
  does:
    "A backend for denotune: another one with less memory, to see what fits.",
  part: `/** Another backend, with less memory. @module */
import {
  definePart,
  definePlugin,
  type Device,
  type Plugin,
} from "@denotune/denotune/core";
import { z } from "zod";

const options = z.strictObject({
  of: z.string().default("cpu").describe("The backend that computes"),
  memory_gb: z.number().positive().default(1).describe(
    "Memory that a run may use, in 10^9 bytes",
  ),
});

const part = definePart({
  kind: "backend",
  name: "NAME",
  description: "Another backend with less memory, to see what fits",
  options,
  async create({ of, memory_gb }, host) {
    const inner = await host.create("backend", of);
    return {
      available: (context) => inner.available(context),
      open: async () => limited(await inner.open(), memory_gb * 1e9),
    };
  },
});

/** A device: buffers, and programs over them. All calls but the awaited ones only enqueue work. */
function limited(inner: Device, bytes: number): Device {
  return {
    // sizes, alignment, kernels; a run that needs more memory is refused. The
    // fingerprint names all that the last bit of a result depends on.
    get info() {
      const memoryBytes = Math.min(inner.info.memoryBytes, bytes);
      return { ...inner.info, memoryBytes };
    },
    allocate: (size, label) => inner.allocate(size, label),
    free: (buffer) => inner.free(buffer),
    write: (buffer, data, offset) => inner.write(buffer, data, offset),
    read: (buffer, offset, length) => inner.read(buffer, offset, length),
    // a plan is a list of kernel calls over numbered buffers
    compile: (plan) => inner.compile(plan),
    run: (program, extents) => inner.run(program, extents),
    idle: () => inner.idle(),
    [Symbol.asyncDispose]: () => inner[Symbol.asyncDispose](),
  };
}
`,
  test: `import assert from "node:assert/strict";
import { builtinHost, makePart, testBackend } from "@denotune/denotune/testing";
import plugin from "./mod.ts";

const host = await builtinHost();
const open = async (options = {}) =>
  await (await makePart(plugin, "backend", options, host)).open();

// what every backend must do: its kernels against the reference; of each
// group of cases one in 20, because another backend does the work
testBackend(plugin.name, () => open({ of: "reference" }), { every: 20 });

// what is special about this one
Deno.test("a device has no more memory than it is given", async () => {
  await using device = await open({ of: "reference", memory_gb: 0.001 });
  assert.equal(device.info.memoryBytes, 1e6);
});
`,
  run: {
    more: `backend: { use: NAME, of: cpu, memory_gb: 1 }`,
  },
};
