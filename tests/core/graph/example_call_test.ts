import assert from "node:assert/strict";
import { ConfigError } from "../../../core/contracts/errors.ts";
import { elementsOf } from "../../../core/graph/dims.ts";
import { bytesOf } from "../../../core/graph/dtype.ts";
import { examplePlan, kernelNames } from "../../../core/graph/example_call.ts";
import { kernelDefinitions } from "../../../core/graph/kernels/mod.ts";
import type { Plan } from "../../../core/graph/plan.ts";
import { validatePlan } from "../../../core/graph/checks/validate_plan.ts";

/** Checks a plan over buffers that its views just fill. */
function validate(plan: Plan): void {
  const buffers = new Map(
    plan.segments.flatMap(({ calls }) => calls).flatMap((call) =>
      [...call.inputs, ...call.outputs].map((view) =>
        [view.buffer, {
          label: `${view.buffer}`,
          bytes: elementsOf(view.shape, {}) * bytesOf(view.dtype),
        }] as const
      )
    ),
  );
  validatePlan(plan, buffers);
}

Deno.test("every kernel has an example, and it is a call that backends take", () => {
  assert.deepEqual(
    [...kernelNames].sort(),
    Object.keys(kernelDefinitions).sort(),
  );
  for (const name of kernelNames) validate(examplePlan(name));
});

Deno.test("an example's attributes can be changed, to others of their kind", () => {
  const plan = examplePlan("matmul", { layout: "TN", m: 7, bias: true });
  validate(plan);
  assert.equal(plan.segments[0].calls[0].inputs.length, 3);
  validate(examplePlan("attention", { window: 3, softcap: 5 }));
  validate(examplePlan("matmul", { quantized: "nf4" }));
});

Deno.test("a kernel or an attribute that there is not is refused", () => {
  const refused = (
    name: string,
    change: Parameters<typeof examplePlan>[1],
    what: RegExp,
  ) =>
    assert.throws(
      () => examplePlan(name, change),
      (error) => error instanceof ConfigError && what.test(error.message),
    );
  refused("matmol", {}, /no kernel "matmol": there are argmax, attention/);
  refused("matmul", { rows: 3 }, /other attributes than {"rows":3}/);
  refused("matmul", { m: "3" }, /other attributes/);
  refused("attention", { kvHeads: 2 }, /9 heads are no multiple of 2/);
  refused("attention", { window: 0 }, /window is 0/);
});
