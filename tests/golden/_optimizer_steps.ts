/** 20 steps of an optimizer beside another's (`make_optimizer_steps.py`), on every backend. */
import assert from "node:assert/strict";
import type { Optimizer } from "@denotune/denotune/core";
import { trainSteps } from "../conformance/optimizer/steps.ts";
import { BACKENDS, openBackend } from "./_backends.ts";

type Values = Readonly<Record<string, readonly number[]>>;

/** What the script wrote. */
export interface GoldenSteps {
  readonly shapes: Readonly<Record<string, readonly number[]>>;
  readonly runs: Readonly<
    Record<string, {
      readonly options: Readonly<Record<string, unknown>>;
      /** Tensors after some of the steps. */
      readonly steps: Readonly<Record<string, Values>>;
      /** What is evaluated after the last one, where it is not what is trained. */
      readonly average?: Values;
    }>
  >;
}

const elements = (shape: readonly number[]) => shape.reduce((a, b) => a * b, 1);

/** Tests the steps; `make` gets the options of a run with its learning rate. */
export function testSteps(
  name: string,
  golden: GoldenSteps,
  { witness, make, tolerance }: {
    readonly witness: string;
    make(options: Readonly<Record<string, unknown>>): Promise<Optimizer>;
    readonly tolerance: number;
  },
): void {
  const shapes = Object.entries(golden.shapes);
  const tensors = shapes.map(([name, shape], k) => ({
    name,
    shape,
    values: Float32Array.from(
      { length: elements(shape) },
      (_, i) => Math.sin(0.7 * i + 1.9 * k),
    ),
  }));
  const steps = Array.from({ length: 20 }, (_, s) => ({
    learningRate: 0.02,
    gradients: Object.fromEntries(shapes.map(([name, shape], k) => [
      name,
      Float32Array.from(
        { length: elements(shape) },
        (_, i) =>
          Math.cos(0.37 * i * (1 + 0.1 * (s + 1)) + 1.3 * (s + 1) + 2.1 * k),
      ),
    ])),
  }));
  for (const backend of BACKENDS) {
    for (
      const [run, { options, steps: kept, average }] of Object.entries(
        golden.runs,
      )
    ) {
      Deno.test(`20 steps of ${name} (${run}) on ${backend.name} are those of ${witness}`, async () => {
        await using device = await openBackend(backend);
        const optimizer = await make({ learning_rate: 0.02, ...options });
        const found = await trainSteps(optimizer, { tensors, steps, device });
        const compare = (
          step: number,
          wanted: Values,
          nameOf: (tensor: string) => string,
        ) => {
          for (const [tensor, values] of Object.entries(wanted)) {
            const own = found[step - 1].get(nameOf(tensor));
            values.forEach((value, i) =>
              assert.ok(
                Math.abs(value - (own?.[i] ?? NaN)) < tolerance,
                `step ${step}: ${tensor}[${i}] is ${own?.[i]}, not ${value}`,
              )
            );
          }
        };
        for (const [step, wanted] of Object.entries(kept)) {
          compare(Number(step), wanted, (tensor) => tensor);
        }
        if (average !== undefined) {
          const slot = optimizer.average?.slot;
          compare(20, average, (tensor) => `${slot}:${tensor}`);
        }
      });
    }
  }
}
