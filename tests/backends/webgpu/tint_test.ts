/**
 * The other compiler of WGSL: Deno's (naga) takes control flow that the specification refuses, browsers and other
 * runtimes do not.
 */
import assert from "node:assert/strict";
import { WebGpuExecutor } from "../../../backends/webgpu/mod.ts";
import { ReferenceExecutor } from "../../../backends/reference/mod.ts";
import type { AdapterLimits } from "../../../backends/webgpu/runtime/adapter_limits.ts";
import { localDevice } from "../../../core/device/local_device.ts";
import { backendCases } from "../../conformance/backend.ts";
import { checkCase } from "../../conformance/backend/case.ts";
import { Chromium, chromiumPath, chromiumTitle } from "./_chromium.ts";
import { lendGpu } from "./_chromium_gpu.ts";
import { suiteShaders } from "./_shaders.ts";
import { tintErrors } from "./_tint.ts";

Deno.test({
  name: chromiumTitle(
    "every shader that the suite of backends makes compiles with Tint",
  ),
  ignore: chromiumPath === null,
  async fn() {
    const shaders = suiteShaders();
    await using page = await Chromium.open();
    const errors = await tintErrors(page, shaders.map(({ wgsl }) => wgsl));
    const refused = shaders.flatMap(({ name, adapter, test }, i) =>
      errors[i] === null ? [] : [`${name}, ${test}, ${adapter}: ${errors[i]}`]
    );
    assert.equal(
      refused.length,
      0,
      `${refused.length} of ${shaders.length} are refused:\n${
        refused.slice(0, 10).join("\n")
      }`,
    );
  },
});

const cases = Object.values(backendCases).flat();

/** Cases of one kind of adapter; few, because the browser's adapter takes seconds to compile a long shader. */
interface Sample {
  readonly kind: string;
  readonly pretend: Partial<AdapterLimits>;
  readonly titles: readonly string[];
}

const SAMPLES: readonly Sample[] = [
  {
    kind: "with the kernels of a software adapter",
    pretend: {},
    titles: [
      "multiplies NN matrices of every size",
      "widens int8 matrices of every size",
      "computes every operator",
      "sums columns, addend: none",
      "gathers rows of tables of every storage",
      "attends over a cache, plainly",
      "slices and joins columns",
      "chooses among 1 normal logits",
      "repeats a segment over chunks, the last one short",
    ],
  },
  {
    // little workgroup memory makes tiles small, and their shaders short
    kind: "as a GPU with subgroups of 4",
    pretend: { software: false, sharedBytes: 2000 },
    titles: ["gives the gradient of attention heads of 4"],
  },
  {
    kind: "as a GPU without subgroups that stages columns in passes",
    pretend: { software: false, sharedBytes: 6000, subgroup: null },
    titles: ["gives the gradient of attention heads of 64"],
  },
];

Deno.test({
  name: chromiumTitle(
    "on Chromium's WebGPU the kernels agree with the reference",
  ),
  ignore: chromiumPath === null,
  async fn(t) {
    await using page = await Chromium.open();
    using _gpu = await lendGpu(page);
    for (const { kind, pretend, titles } of SAMPLES) {
      await using tested = localDevice(
        await WebGpuExecutor.open({ tune: "off" }, pretend),
      );
      await using witness = localDevice(new ReferenceExecutor());
      for (const title of titles) {
        const test = cases.find((test) => test.title === title);
        assert.ok(test !== undefined, `the suite has no case "${title}"`);
        await t.step(
          `${kind} it ${title}`,
          () => checkCase(test, tested, witness),
        );
      }
    }
  },
});
