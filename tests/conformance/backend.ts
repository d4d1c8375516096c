/**
 * The suite that every backend passes: each kernel of the plan's contract against the reference, over
 * sizes of every kind, and what a device promises besides.
 *
 * ```ts
 * import { testBackend } from "@denotune/denotune/testing";
 * testBackend("my-backend", () => myBackend.open());
 * ```
 * @module
 */
import { localDevice } from "../../core/device/local_device.ts";
import type { Device } from "@denotune/denotune/core";
import { ReferenceExecutor } from "../../backends/reference/mod.ts";
import { attentionCases } from "./backend/attention.ts";
import { type Case, checkCase } from "./backend/case.ts";
import { deviceChecks } from "./backend/device.ts";
import { epilogueCases } from "./backend/epilogues.ts";
import { gatherCases } from "./backend/gather.ts";
import { matmulCases } from "./backend/matmul.ts";
import { moveCases } from "./backend/moves.ts";
import { planCases } from "./backend/plans.ts";
import { quantizedCases } from "./backend/quantized.ts";
import { rowCases } from "./backend/rows.ts";
import { samplingCases } from "./backend/sampling.ts";
import { stateCases } from "./backend/states.ts";
import { sumCases } from "./backend/sums.ts";

/** What may be said about a suite run. */
export interface BackendSuiteOptions {
  /** Whether to register the tests as ignored, for example where there is no such device. */
  readonly ignore?: boolean;
  /** Of each group, one case of so many (default 1: all), for another way to open the same device. */
  readonly every?: number;
  /** Cases that are left out, by their titles; absent: none. */
  readonly except?: RegExp;
}

/** The cases of all kernels, by group. */
export const backendCases: Readonly<Record<string, readonly Case[]>> = {
  "matrix products": matmulCases,
  "products with a function": epilogueCases,
  "quantised matrices": quantizedCases,
  "row programs": rowCases,
  sums: sumCases,
  "rows by index": gatherCases,
  attention: attentionCases,
  "states of layers": stateCases,
  "moved elements": moveCases,
  "chosen tokens": samplingCases,
  plans: planCases,
};

function hasNeeds({ info }: Device, needs: Case["needs"]): boolean {
  return needs === undefined ||
    (needs === "epilogues"
      ? info.epilogues !== undefined
      : needs === "bfloat16" || needs === "float16"
      ? info.precisions?.includes(needs) === true
      : info.storages?.includes(needs) === true);
}

/**
 * Registers the tests of a backend: one test a group of kernels, with a device of its own and one step a
 * case. Every case is run twice (the same bits are expected) and on the reference in this thread.
 */
export function testBackend(
  name: string,
  open: () => Promise<Device>,
  { ignore = false, every = 1, except }: BackendSuiteOptions = {},
): void {
  for (const [group, cases] of Object.entries(backendCases)) {
    Deno.test({
      name: `${name} agrees with the reference on ${group}`,
      ignore,
      async fn(t) {
        await using tested = await open();
        await using witness = localDevice(new ReferenceExecutor());
        for (const test of cases.filter((_, i) => i % every === 0)) {
          await t.step({
            name: `${name} ${test.title}`,
            ignore: !hasNeeds(tested, test.needs) ||
              except?.test(test.title) === true,
            fn: () => checkCase(test, tested, witness),
          });
        }
      },
    });
  }
  Deno.test({
    name: `${name} keeps the promises of a device`,
    ignore,
    async fn(t) {
      await using device = await open();
      for (const { title, run } of deviceChecks) {
        await t.step(`${name} ${title}`, () => run(device));
      }
    },
  });
}
