/**
 * Where a run stopped being numbers: looked for when updates are skipped one after the other.
 * @module
 */
import type { Inputs } from "../contracts/objective.ts";
import type { Engine } from "./engine.ts";
import { sumNames } from "./loss_program.ts";
import { gradientName } from "./trainables.ts";

/** Elements that are read at a time: 16 MB. */
const CHUNK = 4 * 2 ** 20;

/**
 * The first tensor that is not finite, in the order of computation: a weight, the loss (the activations before it
 * are not kept), or a gradient. Computes the micro-batches once more, and leaves their gradients behind: training
 * cannot continue after it. Null where everything is finite now.
 */
export async function firstNotFinite(
  engine: Engine,
  micro: readonly Inputs[],
): Promise<string | null> {
  const { inventory, request, trainables } = engine.planned;
  const weights = [
    ...inventory.weights.map(({ name, shape }) => ({ name, shape })),
    ...(request.adapter?.parameters ?? []).map(({ name, shape }) => ({
      name,
      shape,
    })),
  ];
  for (const { name, shape } of weights) {
    if (await hasOther(engine, name, shape)) return `the weight ${name}`;
  }
  const divisor = micro.reduce((sum, { divisor }) => sum + divisor, 0);
  if (engine.windowVariables.length > 0) {
    for (const inputs of micro) engine.window(inputs);
  }
  for (const inputs of micro) engine.micro(inputs, divisor > 0 ? divisor : 1);
  const loss = await engine.session.read(sumNames("train").loss);
  if (!Number.isFinite(loss[0])) {
    return "the loss (every weight is finite: an activation of the forward pass grew beyond float32)";
  }
  for (const { name, shape } of trainables?.tensors ?? []) {
    if (await hasOther(engine, gradientName(name), shape)) {
      return `the gradient of ${name}`;
    }
  }
  return null;
}

/** Whether a variable has an element that is no finite number. */
async function hasOther(
  engine: Engine,
  variable: string,
  shape: readonly number[],
): Promise<boolean> {
  const count = shape.reduce((a, b) => a * b, 1);
  for (let start = 0; start < count; start += CHUNK) {
    const values = await engine.session.read(variable, {
      start,
      count: Math.min(CHUNK, count - start),
    });
    // NaN and the infinities alone give NaN here
    if (values.some((value) => value - value !== 0)) return true;
  }
  return false;
}
