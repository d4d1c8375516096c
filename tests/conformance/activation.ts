/**
 * What every activation must do. Call it with your own: it registers tests.
 * @module
 */
import assert from "node:assert/strict";
import { type Activation, input } from "@denotune/denotune/core";
import { differentiate } from "../../core/graph/differentiate.ts";
import { evaluate } from "./expression.ts";

const POINTS: readonly number[] = [
  -1e4,
  -30,
  -3,
  -1,
  -0.25,
  0.25,
  1,
  2.5,
  30,
  1e4,
];

/**
 * Registers the tests of an activation. `wanted` are points (x, f(x)) from a witness, PyTorch say, in double
 * precision.
 */
export function testActivation(
  name: string,
  make: () => Activation | Promise<Activation>,
  wanted: readonly (readonly [number, number])[] = [],
): void {
  Deno.test(`${name}: values are finite, and those of the witness`, async () => {
    const f = (await make()).apply(input(0)).node;
    for (const x of [...POINTS, 0]) {
      assert.ok(Number.isFinite(evaluate(f, () => x)), `f(${x})`);
    }
    for (const [x, y] of wanted) {
      const found = evaluate(f, () => x);
      assert.ok(Math.abs(found - y) < 1e-12, `f(${x}) is ${found}, not ${y}`);
    }
  });

  Deno.test(`${name}: the derivative is the slope, and finite far out`, async () => {
    const f = (await make()).apply(input(0));
    const slope = differentiate(f, 0).node;
    const at = (x: number) => evaluate(f.node, () => x);
    for (const x of POINTS) {
      const found = evaluate(slope, () => x);
      assert.ok(Number.isFinite(found), `f'(${x})`);
      const h = 1e-5 * Math.max(1, Math.abs(x));
      const measured = (at(x + h) - at(x - h)) / (2 * h);
      assert.ok(
        Math.abs(found - measured) <= 1e-6 * Math.max(1, Math.abs(measured)),
        `f'(${x}) is ${found}, not ${measured}`,
      );
    }
  });

  Deno.test(`${name}: names are those that a config may write`, async () => {
    for (const other of (await make()).names ?? []) {
      assert.match(other, /^[A-Za-z0-9_.-]+$/);
    }
  });
}
