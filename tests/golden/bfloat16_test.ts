/**
 * Products in bfloat16 against PyTorch with the same rounding: `make_bfloat16.py`, `bfloat16.json`. Most numbers agree
 * to 1e-7. A number that both compute but for its last digit may be rounded up in one of them and down in the other,
 * 0.4% apart, and then shows in a row of a gradient: hence 3e-3 of the largest element there, 1e-3 for norms of
 * gradients and logits, 1e-4 for the loss. Gradients in float32 are further away, which is tested, too.
 */
import assert from "node:assert/strict";
import { findBfloat16 } from "../../backends/cpu/blas/bfloat16.ts";
import { cpu } from "../../backends/cpu/mod.ts";
import { reference } from "../../backends/reference/mod.ts";
import type { Device, Part } from "../../core/mod.ts";
import {
  gpt2Architecture,
  llamaArchitecture,
} from "../conformance/model/architectures.ts";
import { testHost } from "../conformance/host.ts";
import {
  type GoldenBatch,
  layOut,
  rowsOf,
} from "../conformance/model/tiny_model.ts";
import { loadGolden } from "./_model_checks.ts";

interface Golden extends GoldenBatch {
  readonly logits: Readonly<Record<string, readonly (readonly number[])[]>>;
  readonly loss: number;
  readonly grad_norms: Readonly<Record<string, number>>;
  readonly gradients: Readonly<Record<string, unknown>>;
}

const ROOT = new URL("models/", import.meta.url).pathname;
const golden: Readonly<Record<string, Golden>> = JSON.parse(
  Deno.readTextFileSync(new URL("bfloat16.json", import.meta.url)),
);

async function open(part: Part<"backend">): Promise<Device> {
  const options = await part.options["~standard"].validate({});
  assert.ok(options.issues === undefined);
  const backend = await part.create(options.value, testHost());
  return await backend.open({ precision: "bfloat16" });
}

/** Largest difference, as a share of the largest number that is wanted. */
function apart(found: ArrayLike<number>, wanted: readonly number[]): number {
  const largest = Math.max(...wanted.map(Math.abs));
  assert.equal(found.length, wanted.length);
  return Math.max(...wanted.map((w, i) => Math.abs(found[i] - w))) / largest;
}

function within(
  tolerance: number,
  { found, wanted, what }: {
    readonly found: ArrayLike<number>;
    readonly wanted: unknown;
    readonly what: string;
  },
): void {
  const distance = apart(found, numbersOf(wanted));
  assert.ok(distance < tolerance, `${what}: ${distance} apart`);
}

function numbersOf(values: unknown): number[] {
  return [values].flat(3).map(Number);
}

for (const backend of [reference, cpu]) {
  for (const [name, expected] of Object.entries(golden)) {
    Deno.test({
      name:
        `${name} in bfloat16 on ${backend.name} is torch's with the same rounding`,
      ignore: backend === cpu && findBfloat16(null).found === null,
      async fn() {
        await using device = await open(backend);
        const model = {
          path: `${ROOT}${name}`,
          architecture: name.startsWith("gpt2")
            ? gpt2Architecture
            : llamaArchitecture,
        };
        await using narrow = await loadGolden(device, model, {
          precision: "bfloat16",
        });
        const batch = layOut(rowsOf(expected).map((r) => [r]));
        const V = narrow.inventory.weights[0].shape[0];
        const logits = await narrow.logits(batch);
        for (const [row, wanted] of Object.entries(expected.logits)) {
          const start = Number(row) * batch.extents.T * V;
          const found = logits.subarray(start, start + wanted.length * V);
          within(1e-3, { found, wanted, what: `logits of row ${row}` });
        }
        const { loss, gradients } = await narrow.step(batch);
        within(1e-4, { found: [loss], wanted: [expected.loss], what: "loss" });
        for (const [weight, wanted] of Object.entries(expected.grad_norms)) {
          const found = [Math.hypot(...gradients.get(weight) ?? [])];
          within(1e-3, { found, wanted, what: `norm of ${weight}` });
        }
        await using wide = await loadGolden(device, model);
        const plain = await wide.step(batch);
        for (const [what, wanted] of Object.entries(expected.gradients)) {
          within(3e-3, { found: gradients.get(what) ?? [], wanted, what });
          const inFloat32 = plain.gradients.get(what) ?? [];
          assert.ok(apart(inFloat32, numbersOf(wanted)) > 6e-3, what);
        }
        await using again = await loadGolden(device, model, {
          precision: "bfloat16",
          checkpoint: true,
        });
        const checkpointed = await again.step(batch);
        assert.deepEqual(checkpointed, { loss, gradients });
      },
    });
  }
}
