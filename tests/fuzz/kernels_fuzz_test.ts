/**
 * Random calls of every kernel, each backend against the reference. A few of each in CI; hundreds with
 * DENOTUNE_TEST_ALL=1.
 */
import type { Device } from "@denotune/denotune/core";
import { localDevice } from "../../core/device/local_device.ts";
import { kernelDefinitions } from "../../core/graph/kernels/mod.ts";
import { ReferenceExecutor } from "../../backends/reference/mod.ts";
import { openCpu } from "../backends/cpu/open.ts";
import { missing, openDevice, title } from "../backends/webgpu/_device.ts";
import { checkCase } from "../conformance/backend/case.ts";
import { kernelCase } from "./kernel_cases.ts";

const all = Deno.env.get("DENOTUNE_TEST_ALL") === "1";
const kernels = Object.keys(
  kernelDefinitions,
) as (keyof typeof kernelDefinitions)[];

const BACKENDS: readonly {
  readonly name: string;
  readonly ignore: boolean;
  readonly cases: number;
  open(): Promise<Device>;
}[] = [
  {
    name: "reference",
    ignore: false,
    cases: all ? 100 : 4,
    open: () => Promise.resolve(localDevice(new ReferenceExecutor())),
  },
  {
    name: "cpu",
    ignore: false,
    cases: all ? 100 : 1,
    open: () => openCpu({ workers: 2, blas: "off" }),
  },
  {
    name: "webgpu",
    ignore: missing !== null,
    cases: all ? 20 : 1,
    open: () => openDevice(),
  },
];

for (const { name, ignore, cases, open } of BACKENDS) {
  Deno.test({
    name: title(`random calls of every kernel on ${name} are the reference's`),
    ignore,
    async fn(t) {
      await using tested = await open();
      await using witness = localDevice(new ReferenceExecutor());
      for (const kernel of kernels) {
        await t.step(kernel, async () => {
          for (let seed = 0; seed < cases; seed++) {
            const test = kernelCase(kernel, seed);
            try {
              await checkCase(test, tested, witness);
            } catch (cause) {
              throw new Error(`${name}: ${test.title}: ${cause}`, { cause });
            }
          }
        });
      }
    },
  });
}
