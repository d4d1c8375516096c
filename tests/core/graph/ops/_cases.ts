/** Helpers of the op tests. */
import { assertGradients, type GradientCase } from "../../../graph_harness.ts";

/** A test that the gradients of a function are its finite differences. */
export function gradientTest(title: string, make: () => GradientCase): void {
  Deno.test(title, () => assertGradients(make()));
}
