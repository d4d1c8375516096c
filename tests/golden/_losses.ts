/**
 * What tests of losses share: pairs as inputs, and a step beside torch's numbers.
 * @module
 */
import assert from "node:assert/strict";
import type { Inputs } from "../../core/contracts/objective.ts";
import type { Engine } from "../../core/engine/engine.ts";
import { layOutLines } from "./_lines.ts";

/** A prompt, a chosen and a rejected answer. */
export type Pair = readonly [number[], number[], number[]];

/** What every loss of `losses.json` is of. */
export interface GoldenPairs {
  readonly pairs: readonly Pair[];
}

/** What torch made of a loss. */
export interface GoldenLoss {
  readonly losses: readonly number[];
  /** Of the gradient of each weight. */
  readonly norms: { readonly [name: string]: number };
  /** Its first numbers. */
  readonly gradients: { readonly [name: string]: readonly number[] };
}

/** Relative to the largest of a list. */
export function close(
  found: ArrayLike<number>,
  wanted: readonly number[],
  { tolerance, what }: { tolerance: number; what: string },
): void {
  const largest = Math.max(...wanted.map(Math.abs), 1e-6);
  wanted.forEach((w, i) =>
    assert.ok(
      Math.abs(found[i] - w) <= tolerance * largest,
      `${what}[${i}] is ${found[i]}, not ${w}`,
    )
  );
}

/** The pairs, each on a row of its own or all behind one another. */
export function layOutPairs(pairs: readonly Pair[], packed: boolean): Inputs {
  const answered = (prompt: number[], answer: number[]) => ({
    ids: [...prompt, ...answer],
    labels: [...prompt.map(() => -100), ...answer],
  });
  const lines = pairs.map(([prompt, chosen, rejected]) => [
    answered(prompt, chosen),
    answered(prompt, rejected),
  ]);
  const inputs = layOutLines(packed ? [lines.flat()] : lines);
  const { T, segments } = inputs;
  return {
    ...inputs,
    divisor: pairs.length,
    groups: Int32Array.from(
      segments,
      (s, at) =>
        s === 0 ? 0 : packed ? Math.ceil(s / 2) : 1 + Math.floor(at / T),
    ),
  };
}

/** Ends a step, and compares its loss and the gradients that were added up with torch's. */
export async function checkStep(
  engine: Engine,
  wanted: GoldenLoss,
): Promise<void> {
  for (const [weight, values] of Object.entries(wanted.gradients)) {
    const gradient = await engine.gradient(weight);
    const norm = Math.hypot(...gradient);
    close([norm], [wanted.norms[weight]], {
      tolerance: 1e-4,
      what: `norm of ${weight}`,
    });
    values.forEach((value, i) =>
      assert.ok(
        Math.abs(gradient[i] - value) <=
          1e-4 * wanted.norms[weight],
        `${weight}[${i}] is ${gradient[i]}, not ${value}`,
      )
    );
  }
  engine.update({ learningRate: 0, step: 1 });
  const [{ lossSum }] = await engine.results(1);
  const total = wanted.losses.reduce((a, b) => a + b);
  close([lossSum], [total], { tolerance: 1e-5, what: "loss" });
}
