/** Adafactor beside transformers' for 20 steps, on every backend. Tolerance: float32 over 20 steps of 0.02. */
import { adafactor } from "../../../plugins/optimizers/adafactor.ts";
import { makePart } from "../../conformance/host.ts";
import { testOptimizer } from "../../conformance/optimizer.ts";
import { testSteps } from "../../golden/_optimizer_steps.ts";
import golden from "../../golden/adafactor.json" with { type: "json" };

const make = (options: Readonly<Record<string, unknown>>) =>
  makePart({ parts: [adafactor] }, "optimizer", options);

testOptimizer("adafactor", () => make({}));
testOptimizer("adafactor, scaled", () => make({ scale_parameter: true }));
testSteps("adafactor", golden, {
  witness: "transformers",
  make: (options) => make({ decay_norm_and_bias: true, ...options }),
  tolerance: 5e-6,
});
